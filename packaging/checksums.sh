#!/bin/sh
# Collects everything that a release consists of in target/dist, and writes target/dist/SHA256SUMS.
# Users compare with: sha256sum --ignore-missing -c SHA256SUMS
set -eu
cd "$(dirname "$0")/.."

version="$(sed -n '/^version = /{s/^version = "\(.*\)"$/\1/p;q}' Cargo.toml)"
mkdir -p target/dist
# Wheels of make test, for this machine alone, lie in target/wheels itself and stay there.
find target/wheels/*/ -name "machex-$version-*.whl" -exec cp -p {} target/dist/ \;

cd target/dist
rm -f SHA256SUMS
for file in *; do
    case "$file" in
        machex?"$version"*) ;;
        '*') echo "target/dist is empty: run make wheel binary packages first" >&2 && exit 1 ;;
        *) echo "target/dist/$file does not belong to version $version: remove it" >&2 && exit 1 ;;
    esac
done
sha256sum -- * >../SHA256SUMS
mv ../SHA256SUMS SHA256SUMS
cat SHA256SUMS

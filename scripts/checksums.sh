#!/bin/sh
# Collects everything that a release consists of in target/dist, and writes target/dist/SHA256SUMS.
# Users compare with: sha256sum --ignore-missing -c SHA256SUMS
set -eu
cd "$(dirname "$0")/.."

version="$(sed -n '/^version = /{s/^version = "\(.*\)"$/\1/p;q}' Cargo.toml)"
mkdir -p target/dist
# Wheels for this machine alone (linux_x86_64) stay where they are.
for file in target/wheels/machex-"$version"-*manylinux*.whl target/wheels/machex-"$version".tar.gz; do
    [ ! -e "$file" ] || cp -p "$file" target/dist/
done

cd target/dist
rm -f SHA256SUMS
for file in *; do
    case "$file" in
        machex?"$version"*) ;;
        '*') echo "target/dist is empty: run make wheel binary deb rpm first" >&2 && exit 1 ;;
        *) echo "target/dist/$file does not belong to version $version: remove it" >&2 && exit 1 ;;
    esac
done
sha256sum -- * >../SHA256SUMS
mv ../SHA256SUMS SHA256SUMS
cat SHA256SUMS

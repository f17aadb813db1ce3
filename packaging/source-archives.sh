#!/bin/sh
# Builds the source archives of cargo and maturin in target/dist, unpacks each in a new folder, and
# tests what is in it there: the Rust tests in the one, the Python package in the other.
set -eu
cd "$(dirname "$0")/.."

root="$(pwd)"
python="$(sh scripts/python-environment.sh target/packaging packaging/requirements.txt)"
rm -rf target/source
mkdir -p target/source target/dist

rm -f target/package/machex-*.crate
cargo package --locked --no-verify
version="$(basename target/package/machex-*.crate .crate | sed 's/^machex-//')"
cp target/package/machex-*.crate target/dist/
tar -C target/source -xzf target/package/machex-*.crate
crate="$(echo target/source/machex-*)"
mv "$crate" target/source/crate
# The clients that one test reads with are 7 GB.
mkdir -p target/python-clients target/source/crate/target
ln -s "$root/target/python-clients" target/source/crate/target/python-clients
# The same folder for what is compiled, so that dependencies are compiled once.
(cd target/source/crate && CARGO_TARGET_DIR="$root/target" cargo test --locked)

"$(dirname "$python")/maturin" sdist --out target/dist
mkdir target/source/sdist
if tar -tzf "target/dist/machex-$version.tar.gz" | grep '\.pyc$'; then
    echo "the source archive has files that Python left here" >&2
    exit 1
fi
tar -C target/source/sdist --strip-components=1 -xzf "target/dist/machex-$version.tar.gz"
python3 -m venv target/source/venv
target/source/venv/bin/python -m pip install --quiet --disable-pip-version-check pytest
(
    cd target/source/sdist
    CARGO_TARGET_DIR="$root/target" ../venv/bin/python -m pip install --quiet .
    ../venv/bin/python -m pytest --quiet python/tests/base
)

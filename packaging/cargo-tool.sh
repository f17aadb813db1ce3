#!/bin/sh
# Installs a tool from crates.io into target/packaging: `packaging/cargo-tool.sh NAME VERSION`.
set -eu
cd "$(dirname "$0")/.."

if "target/packaging/bin/$1" --version 2>/dev/null | grep -q -F "$2"; then
    exit 0
fi
# Not optimised: to compile it takes longer than to pack a few files.
cargo install --quiet --debug --locked --root target/packaging "$1" --version "$2" >&2

#!/bin/sh
# Checks that machex compiles with the oldest versions that Cargo.toml allows of the crates that it
# names. Works on a copy of the sources, since this needs another Cargo.lock. The compiler is the
# usual one; only the choice of versions needs a nightly Cargo.
set -eu
cd "$(dirname "$0")/.."

copy=target/minimal-versions
rustup run nightly cargo --version >/dev/null 2>&1 ||
    rustup toolchain install nightly --profile minimal
rm -rf "$copy"
mkdir -p "$copy"
# Times are kept, so that a second run compiles only what has changed.
tar -c --exclude=./target --exclude=./.git --exclude=./fuzz . | tar -x -C "$copy"
cd "$copy"
cargo +nightly update -Z direct-minimal-versions
CARGO_TARGET_DIR=../minimal-versions-build cargo check --locked

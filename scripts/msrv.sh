#!/bin/sh
# Checks that machex compiles with the oldest Rust that Cargo.toml promises (`rust-version`). MSRV
# names another one.
set -eu
cd "$(dirname "$0")/.."

version="${MSRV:-$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)}"
rustup run "$version" rustc --version >/dev/null 2>&1 ||
    rustup toolchain install "$version" --profile minimal
cargo "+$version" check --locked --all-targets

#!/bin/sh
# Builds the fuzz targets, C and C++ libraries included, with AddressSanitizer and with coverage.
#
#     fuzz/build.sh [TARGET]
#
# Needs a nightly Rust, cargo-fuzz, and clang with its run-time library. See docs/fuzzing.md.
set -eu
cd "$(dirname "$0")/.."
export CC=clang CXX=clang++
export CFLAGS="-fsanitize=address,fuzzer-no-link -fno-omit-frame-pointer -g1"
export CXXFLAGS="$CFLAGS"
exec cargo +nightly fuzz build "$@"

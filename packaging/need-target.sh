#!/bin/sh
# Makes sure that Rust's standard library for a target is installed: `packaging/need-target.sh TARGET`.
set -eu

target="$1"
[ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ] && exit 0
if command -v rustup >/dev/null 2>&1 && rustup target add "$target" >&2; then
    exit 0
fi
echo "Rust's standard library for $target is missing. With rustup: rustup target add $target." \
    "With Debian's compiler, install libstd-rust-dev of that architecture." >&2
exit 1

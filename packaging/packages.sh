#!/bin/sh
# Builds the .deb and the .rpm: `packaging/packages.sh [ARCH [deb]]`, where ARCH is x86_64 (if left
# out) or aarch64; with `deb`, only the .deb. Both hold the program of the wheel, which runs on every
# Linux with glibc 2.17 or later. Prints the paths of the packages.
set -eu
cd "$(dirname "$0")/.."

arch="${1:-x86_64}"
only="${2:-}"
target="$arch-unknown-linux-gnu"

unpack() {
    wheel="$(sh packaging/wheel.sh "$1" | tail -n 1)"
    rm -rf "target/unpacked/$1"
    python3 -m zipfile -e "$wheel" "target/unpacked/$1"
    chmod +x "target/unpacked/$1"/*.data/scripts/machex
    echo "target/unpacked/$1"/*.data/scripts/machex
}
program="$(unpack "$arch")"
runnable="$program"
[ "$arch" = "$(uname -m)" ] || runnable="$(unpack "$(uname -m)")"
sh packaging/stage.sh "$program" "$runnable"

mkdir -p target/dist
# The files are stripped, and built for the target, already.
sh packaging/cargo-tool.sh cargo-deb 3.8.0
target/packaging/bin/cargo-deb deb --no-build --no-strip --target "$target" -o target/dist/
# Compiling the tool for this one takes minutes.
[ "$only" != deb ] || exit 0
sh packaging/cargo-tool.sh cargo-generate-rpm 0.21.1
target/packaging/bin/cargo-generate-rpm generate-rpm --target "$target" -o target/dist/
ls target/dist/*"$arch"*.rpm

#!/bin/sh
# Builds the static program: `packaging/binary.sh [ARCH]`, where ARCH is x86_64 (if left out) or
# aarch64. It is linked with musl and runs on every Linux of that architecture. The archive
# target/dist/machex-VERSION-ARCH-linux-static.tar.gz holds it with man pages, completions and
# licences. Prints the path of the archive.
set -eu
cd "$(dirname "$0")/.."

arch="${1:-x86_64}"
target="$arch-unknown-linux-musl"
python="$(sh scripts/python-environment.sh target/packaging packaging/requirements.txt)"
PATH="$(cd "$(dirname "$python")" && pwd):$PATH"

build() {
    sh packaging/need-target.sh "$1"
    cargo zigbuild --release --locked --bin machex --target "$1" >&2
    echo "target/$1/release/machex"
}
program="$(build "$target")"
runnable="$program"
# The man pages are written by the same version, for this machine.
[ "$arch" = "$(uname -m)" ] || runnable="$(build "$(uname -m)-unknown-linux-musl")"
sh packaging/stage.sh "$program" "$runnable"
version="$("$runnable" --version | cut -d ' ' -f 2)"
name="machex-$version-$arch-linux-static"
rm -rf "target/dist/$name"
mkdir -p "target/dist"
cp -r target/staged "target/dist/$name"
tar --owner=0 --group=0 --sort=name -C target/dist -czf "target/dist/$name.tar.gz" "$name"
rm -rf "target/dist/$name"
echo "target/dist/$name.tar.gz"

#!/bin/sh
# Builds the wheel for every Linux with glibc 2.17 or later: `packaging/wheel.sh [ARCH]`, where ARCH
# is x86_64 (if left out) or aarch64. Zig, from PyPI, is the C and C++ compiler and the linker, so
# that no library of this machine is in the wheel and none is needed where it is installed.
# Prints the path of the wheel as its last line.
set -eu
cd "$(dirname "$0")/.."

arch="${1:-x86_64}"
tag="manylinux_2_17_$arch"
target="$arch-unknown-linux-gnu"
python="$(sh scripts/python-environment.sh target/packaging packaging/requirements.txt)"
# maturin finds Zig as a module of the first python3.
PATH="$(cd "$(dirname "$python")" && pwd):$PATH"
sh packaging/need-target.sh "$target"

rm -rf "target/wheels/$arch"
maturin build --release --locked --strip --zig --target "$target" \
    --compatibility manylinux2014 --out "target/wheels/$arch" >&2
wheel="$(echo "target/wheels/$arch"/machex-*.whl)"

# Reads the library versions that the program asks for; maturin has only claimed them.
"$python" -m auditwheel show "$wheel" >&2
found="$("$python" -m auditwheel show --json "$wheel" |
    "$python" -c 'import json, sys; print(json.load(sys.stdin)["overall_tag"])')"
if [ "$found" != "$tag" ]; then
    echo "$wheel is $found, not $tag" >&2
    exit 1
fi
echo "$wheel"

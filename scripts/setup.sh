#!/bin/sh
# Installs what a fresh Debian or Ubuntu with a Rust toolchain lacks for building machex and trying
# it: a C and C++ compiler, CMake and NASM, for libjpeg-turbo, OpenJPEG and CharLS, which are built
# from the sources that their crates carry, and fusermount3. With "test", also the programs that the
# tests read a mount with. Does nothing where all of it is there.
set -eu

tools="cc:gcc c++:g++ cmake:cmake nasm:nasm make:make fusermount3:fuse3"
if [ "${1:-}" = test ]; then
    tools="$tools rsync:rsync diff:diffutils tar:tar python3:python3 chromium:chromium"
fi
missing=""
for tool in $tools; do
    command -v "${tool%%:*}" >/dev/null 2>&1 || missing="$missing ${tool##*:}"
done
# A Python of Debian has the modules for virtual environments in a package of their own.
if [ "${1:-}" = test ] && ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
    missing="$missing python3-venv"
fi
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "machex needs$missing: install them with your system's package manager" >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1; then
    as_root="sudo"
else
    echo "machex needs$missing: ask an administrator to run: apt-get install$missing" >&2
    exit 1
fi
echo "installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing

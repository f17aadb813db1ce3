#!/bin/sh
# Installs the packages that a fresh Debian or Ubuntu with a Rust toolchain lacks to build machex and
# try it: fusermount3, and a C and C++ compiler, CMake and NASM. These build libjpeg-turbo, OpenJPEG
# and CharLS from the sources in their crates. With "test", the script also installs the programs
# that the tests use: to read a mount, to complete command lines and to show man pages. It does nothing
# if everything is installed.
set -eu

tools="cc:gcc c++:g++ cmake:cmake nasm:nasm make:make fusermount3:fuse3"
if [ "${1:-}" = test ]; then
    tools="$tools rsync:rsync diff:diffutils tar:tar python3:python3 chromium:chromium"
    tools="$tools zsh:zsh fish:fish man:man-db groff:groff-base mandoc:mandoc"
fi
missing=""
for tool in $tools; do
    command -v "${tool%%:*}" >/dev/null 2>&1 || missing="$missing ${tool##*:}"
done
# Debian packages Python's modules for virtual environments separately.
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

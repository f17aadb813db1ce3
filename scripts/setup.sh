#!/bin/sh
# Installs the packages that a fresh Debian or Ubuntu with a Rust toolchain lacks to build machex and
# try it: fusermount3, and a C and C++ compiler, CMake and NASM. These build libjpeg-turbo, OpenJPEG
# and CharLS from the sources in their crates. With "test", the script also installs the programs
# that the tests use: to read a mount, to complete command lines, to show man pages; with "packages",
# what building and testing packages needs. It does nothing if everything is installed.
set -eu

tools="cc:gcc c++:g++ cmake:cmake nasm:nasm make:make fusermount3:fuse3"
case "${1:-}" in
test)
    tools="$tools rsync:rsync diff:diffutils tar:tar python3:python3 chromium:chromium"
    tools="$tools zsh:zsh fish:fish man:man-db groff:groff-base mandoc:mandoc"
    ;;
packages) tools="$tools tar:tar python3:python3 debootstrap:debootstrap" ;;
esac
missing=""
for tool in $tools; do
    command -v "${tool%%:*}" >/dev/null 2>&1 || missing="$missing ${tool##*:}"
done
# Debian packages Python's modules for virtual environments separately.
if [ -n "${1:-}" ] && ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
    missing="$missing python3-venv"
fi
# Rust's own container images have neither of these.
if [ "${1:-}" = test ] && command -v rustup >/dev/null 2>&1; then
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
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
$as_root apt-get update -qq
found=""
for package in $missing; do
    if apt-cache show "$package" >/dev/null 2>&1; then
        found="$found $package"
    else
        # Ubuntu has Chromium as a snap only.
        echo "NOT INSTALLED, since this distribution does not have it: $package"
    fi
done
[ -n "$found" ] || exit 0
echo "installing$found"
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $found

#!/bin/sh
# Installs machex in roots of old and new distributions that have no compiler, uses it as a newcomer
# does, and removes it: `packaging/test-roots.sh [SUITE…]`. Needs root, debootstrap and FUSE.
#
#   bookworm   Debian 12: the .deb is installed, used, removed and purged
#   rpm        the same, in which the .rpm is installed, used and removed by rpm
#   bullseye   Debian 11, Python 3.9, glibc 2.31: the wheel, by pip
#   trixie     Debian 13, Python 3.13: the wheel, by pip
#   xenial     Ubuntu 16.04, glibc 2.23: the program of the wheel, without Python
#   static     Ubuntu 16.04: the static program, if `make binary` has built it
#
# If SUITE is left out: bookworm, bullseye, and rpm if `make packages` has built the .rpm. MACHEX_TEST_TORCH=1 also installs PyTorch by pip
# (2 GB for each suite) and trains an epoch.
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" -ne 0 ]; then
    echo "NOT TESTED, since only root can make file systems of other distributions: the packages"
    exit 0
fi
if [ "${MACHEX_SKIP_FUSE:-0}" = 1 ]; then
    echo "NOT TESTED, since MACHEX_SKIP_FUSE=1: the packages in other distributions"
    exit 0
fi
roots="$(pwd)/target/roots"
machine="$(uname -m)"
wheel="$(echo target/wheels/"$machine"/machex-*.whl)"
[ -e "$wheel" ] || { echo "build the packages first: make packages" >&2 && exit 1; }
deb="$(echo target/dist/machex_*_"$(dpkg --print-architecture)".deb)"
rpm="$(echo target/dist/machex-*."$machine".rpm)"
mkdir -p "$roots"

# Makes a root once; the tests work in a copy of it.
make_root() {
    suite="$1"
    [ -e "$roots/$suite.made" ] && return
    case "$suite" in
    bullseye | bookworm | trixie) mirror=http://deb.debian.org/debian check="" ;;
    # Debian has no keys of Ubuntu; nothing of this root is kept or given away.
    *) mirror=http://archive.ubuntu.com/ubuntu check=--no-check-gpg ;;
    esac
    case "$suite" in
    bullseye | trixie) packages=--include=python3,python3-venv,ca-certificates ;;
    *) packages="" ;;
    esac
    rm -rf "${roots:?}/$suite"
    # shellcheck disable=SC2086 # each is one word or none
    debootstrap $check --variant=minbase $packages "$suite" "$roots/$suite" "$mirror" >"$roots/$suite.log"
    touch "$roots/$suite.made"
}

inside() {
    chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
}

enter() {
    root="$roots/$1.test"
    leave
    cp -a "$roots/$1" "$root"
    mount --bind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    mkdir "$root/examples"
    cp packaging/first-use.sh examples/train_classifier.py "$root/examples"
}

mounted_below() {
    awk -v root="$root/" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo
}

unmount_all() {
    mounted_below | sort -r | while read -r point; do umount -l "$point"; done
}

leave() {
    [ -d "$root" ] || return 0
    unmount_all
    if [ -n "$(mounted_below)" ]; then
        echo "still mounted, so that nothing is removed: $(mounted_below)" >&2
        exit 1
    fi
    rm -rf --one-file-system "$root"
}

by_pip() {
    cp "$wheel" "$root/"
    inside python3 -m venv /opt/machex
    # The certificates of this machine: pip may have to go through its proxy.
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    inside PIP_CERT=/etc/ssl/certs/ca-certificates.crt sh -c "/opt/machex/bin/pip install -q /machex-*.whl"
    python=""
    if [ "${MACHEX_TEST_TORCH:-0}" = 1 ]; then
        inside PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
            /opt/machex/bin/pip install -q torch torchvision pillow
        python=/opt/machex/bin/python
    else
        echo "NOT TESTED, without MACHEX_TEST_TORCH=1: training in this root"
        inside /opt/machex/bin/python -c 'import machex; print(machex.__version__)'
    fi
    inside ln -s /opt/machex/bin/machex /usr/local/bin/machex
    inside PATH=/opt/machex/bin:/usr/bin:/bin sh /examples/first-use.sh /tmp/demo "$python"
    inside /opt/machex/bin/pip uninstall -q -y machex
    inside sh -c '! test -e /opt/machex/bin/machex'
}

has_its_files() {
    for path in /usr/bin/machex /usr/sbin/mount.fuse.machex /etc/machex.yml \
        /usr/share/man/man1/machex-mount.1.gz /usr/share/man/man5/machex.yml.5.gz \
        /usr/share/bash-completion/completions/machex "$1/_machex" \
        /usr/share/fish/vendor_completions.d/machex.fish \
        /usr/lib/systemd/system/machex.service /usr/share/doc/machex/THIRD-PARTY.txt; do
        # Debian's /lib is a link to /usr/lib, or packages are installed below /lib.
        inside test -e "$path" || inside test -e "${path#/usr}"
    done
}

mounts_by_fstab() {
    inside mount -t fuse.machex /tmp/demo/config.yml /tmp/demo/mnt
    # shellcheck disable=SC2016 # the inner shell expands it
    inside sh -c 'test "$(ls /tmp/demo/mnt | wc -l)" -ge 9'
    inside umount /tmp/demo/mnt
}

by_deb() {
    cp "$deb" "$root/machex.deb"
    # fuse3 is recommended: the deb works without it as root, and the test shows that.
    inside dpkg -i /machex.deb
    has_its_files /usr/share/zsh/vendor-completions
    inside sh /examples/first-use.sh /tmp/demo
    mounts_by_fstab
    echo '# edited' >>"$root/etc/machex.yml"
    inside dpkg -r machex
    inside sh -c '! test -e /usr/bin/machex && test -e /etc/machex.yml'
    inside dpkg -P machex
    inside sh -c '! test -e /etc/machex.yml'
}

by_rpm() {
    inside apt-get update -qq
    inside DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rpm >/dev/null
    cp "$rpm" "$root/machex.rpm"
    # Debian's C library is not in the database of rpm.
    inside rpm --install --nodeps /machex.rpm
    has_its_files /usr/share/zsh/site-functions
    inside sh /examples/first-use.sh /tmp/demo
    mounts_by_fstab
    echo '# edited' >>"$root/etc/machex.yml"
    inside rpm --upgrade --nodeps --force /machex.rpm
    inside sh -c 'test -L /usr/sbin/mount.fuse.machex && grep -q edited /etc/machex.yml'
    inside rpm --erase machex
    inside sh -c '! test -e /usr/bin/machex && ! test -L /usr/sbin/mount.fuse.machex'
    # What the user has edited is kept, beside.
    inside grep -q edited /etc/machex.yml.rpmsave
}

program_alone() {
    cp "$1" "$root/usr/local/bin/machex"
    inside chmod 755 /usr/local/bin/machex
    inside PATH=/usr/local/bin:/usr/bin:/bin sh /examples/first-use.sh /tmp/demo
}

if [ $# -eq 0 ]; then
    set -- bookworm bullseye
    if [ -e "$rpm" ]; then
        set -- "$@" rpm
    else
        echo "NOT TESTED, since only \`make packages\` builds it: the .rpm"
    fi
fi
# A failed test leaves its root to be looked at, but not the /dev of this machine in it, which
# `cargo clean` would empty.
trap '[ -z "${root:-}" ] || unmount_all' EXIT
trap 'exit 130' INT TERM
for suite in "$@"; do
    echo "== $suite"
    base="$suite"
    case "$suite" in
    rpm) base=bookworm ;;
    static) base=xenial ;;
    esac
    make_root "$base"
    enter "$base"
    case "$suite" in
    bookworm) by_deb ;;
    rpm) by_rpm ;;
    xenial) program_alone target/unpacked/"$machine"/machex-*.data/scripts/machex ;;
    static) program_alone target/"$machine"-unknown-linux-musl/release/machex ;;
    *) by_pip ;;
    esac
    leave
    echo "== $suite passed"
done

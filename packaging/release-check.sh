#!/bin/sh
# Checks that all files that name the version of machex agree. With a VERSION, also that this is the
# version to be released, and that it has a date.
#
#     packaging/release-check.sh [VERSION]
set -eu
cd "$(dirname "$0")/.."

failed=0
fail() {
    echo "$1" >&2
    failed=1
}

# The first version in Cargo.toml is that of the package.
version="$(sed -n '/^version = /{s/^version = "\(.*\)"$/\1/p;q}' Cargo.toml)"
locked="$(sed -n '/^name = "machex"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)"
cited="$(sed -n 's/^version: *//p' CITATION.cff)"
cited_date="$(sed -n 's/^date-released: *//p' CITATION.cff)"
# What follows "## VERSION - " in the changelog.
date="$(sed -n "s/^## $version - //p" CHANGELOG.md)"

[ "$locked" = "$version" ] || fail "Cargo.lock says $locked and Cargo.toml $version: run cargo check"
[ "$cited" = "$version" ] || fail "CITATION.cff says $cited and Cargo.toml $version"
sh packaging/release-notes.sh "$version" >/dev/null || failed=1

if [ -n "${1:-}" ]; then
    [ "$1" = "$version" ] || fail "the version to be released is $1, and Cargo.toml says $version"
    case "$date" in
        [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]) ;;
        *) fail "CHANGELOG.md: give \"## $version\" its date, such as \"## $version - $(date +%F)\"" ;;
    esac
    [ "$cited_date" = "$date" ] ||
        fail "CITATION.cff: date-released is \"$cited_date\", and CHANGELOG.md says \"$date\""
fi
exit "$failed"

#!/bin/sh
# Collects what packages and archives hold in target/staged: `packaging/stage.sh PROGRAM [RUNNABLE]`.
# RUNNABLE is a machex of the same version that this machine can run, if PROGRAM is for another one;
# it writes the man pages and the completions.
set -eu
cd "$(dirname "$0")/.."

program="$1"
runnable="${2:-$program}"
stage=target/staged
rm -rf "$stage"
mkdir -p "$stage/bin" "$stage/sbin" "$stage/completions" "$stage/doc"
install -m 755 "$program" "$stage/bin/machex"
# mount(8) and fstab call this name.
ln -s ../bin/machex "$stage/sbin/mount.fuse.machex"
"$runnable" man "$stage/man"
for section in 1 5; do
    mkdir "$stage/man$section"
    for page in "$stage/man"/*."$section"; do
        gzip -9 -n -c "$page" >"$stage/man$section/$(basename "$page").gz"
    done
done
rm -r "$stage/man"
for shell in bash zsh fish; do
    "$runnable" completions "$shell" >"$stage/completions/machex.$shell"
done
cp README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE THIRD-PARTY.txt docs/*.md "$stage/doc"

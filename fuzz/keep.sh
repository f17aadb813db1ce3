#!/bin/sh
# Keeps the minimised corpus of targets: of what was found in fuzz/work/TARGET/, and of what is kept
# already, the small files that together reach all that small files reach.
#
#     fuzz/keep.sh TARGET...
set -eu
[ $# -ge 1 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
cd "$(dirname "$0")"
bin=${FUZZ_BIN:-target/x86_64-unknown-linux-gnu/release}
export ASAN_OPTIONS="detect_leaks=0:detect_odr_violation=0"
# Of one file, and of all files of a target together.
largest=4096
most=200000

for target in "$@"; do
    folder=$(mktemp -d)
    mkdir -p "$folder/in" "$folder/out" "corpus/$target"
    find "work/$target" "corpus/$target" -type f -size -"$((largest + 1))"c \
        -exec cp -t "$folder/in" {} +
    # Edges alone, not how often each is passed: a tenth of the files.
    "$bin/$target" -set_cover_merge=1 -use_counters=0 -timeout=20 -rss_limit_mb=2048 \
        "$folder/out" "$folder/in" >"$folder/log" 2>&1
    find "corpus/$target" -type f -delete
    find "$folder/out" -type f -printf '%s %p\n' | sort -n |
        awk -v most="$most" '(sum += $1) <= most { print $2 }' |
        xargs -r cp -t "corpus/$target"
    echo "$target: $(find "corpus/$target" -type f | wc -l) files"
    rm -r "$folder"
done

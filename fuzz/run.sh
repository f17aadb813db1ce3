#!/bin/sh
# Runs fuzz targets one after the other, each for some minutes, and goes on behind a crash.
#
#     fuzz/run.sh MINUTES TARGET...
#
# Build them first: fuzz/build.sh. What is found is in fuzz/artifacts/TARGET/, what is said in
# fuzz/work/TARGET.log, the corpus as it grows in fuzz/work/TARGET/.
set -eu
[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
cd "$(dirname "$0")"
minutes=$1
shift
bin=${FUZZ_BIN:-target/x86_64-unknown-linux-gnu/release}
# Leaks are left to other tools: a few crates keep what they allocate once.
export ASAN_OPTIONS="detect_leaks=0:detect_odr_violation=0:allocator_may_return_null=1"

for target in "$@"; do
    mkdir -p "work/$target" "artifacts/$target" "corpus/$target" "found/$target"
    dictionary=
    [ ! -f "dictionaries/$target.dict" ] || dictionary="-dict=dictionaries/$target.dict"
    end=$(($(date +%s) + minutes * 60))
    while left=$((end - $(date +%s))) && [ "$left" -gt 5 ]; do
        # shellcheck disable=SC2086
        "$bin/$target" -max_total_time="$left" -timeout=20 -rss_limit_mb=2048 \
            -malloc_limit_mb=1024 -max_len=16384 -print_final_stats=1 $dictionary \
            -artifact_prefix="artifacts/$target/" \
            "work/$target" "corpus/$target" "found/$target" >>"work/$target.log" 2>&1 ||
            echo "$target: see artifacts/$target/ and work/$target.log" >&2
    done
done

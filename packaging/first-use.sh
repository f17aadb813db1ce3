#!/bin/sh
# The first use of an installed machex, inside a root that has no compiler. test-roots.sh calls it:
# `first-use.sh FOLDER [PYTHON]`. With PYTHON, an interpreter that has machex and PyTorch, an epoch
# of the example is trained on the mount.
set -eux

folder="$1"
python="${2:-}"
for tool in cc gcc c++ clang cargo rustc; do
    if command -v "$tool"; then exit 1; fi
done
machex --version
machex sample "$folder" --images 40
machex check "$folder/config.yml"
mkdir "$folder/mnt"
machex mount "$folder/config.yml" "$folder/mnt"
machex status "$folder/mnt"
if [ -n "$python" ]; then
    "$python" /examples/train_classifier.py "$folder/mnt" --epochs 1
fi
cp -r "$folder/mnt" "$folder/read"
machex unmount "$folder/mnt"
machex materialize "$folder/config.yml"
# The paths in the indexes differ; all pictures must be equal.
(cd "$folder/read" && find . -name '*.jpg' | sort | xargs sha256sum) >"$folder/sums"
[ "$(wc -l <"$folder/sums")" -ge 300 ]
tree="$(sed -n 's/^MACHEX_PATH: *//p' "$folder/config.yml")"
case "$tree" in /*) ;; *) tree="$folder/$tree" ;; esac
(cd "$tree" && sha256sum --quiet -c "$folder/sums")
echo "FIRST USE PASSED"

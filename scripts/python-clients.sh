#!/bin/sh
# Makes a virtual environment with the Python programs that the tests read a tree with, and prints
# the path of its interpreter. Takes minutes and 7 GB the first time, and nothing from then on.
set -eu

folder="$1"
needs="$(dirname "$0")/../python/tests/requirements.txt"
if ! cmp -s "$needs" "$folder/requirements.txt"; then
    [ -x "$folder/bin/python" ] || python3 -m venv "$folder" >&2
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$needs" >&2
    cp "$needs" "$folder/requirements.txt"
fi
echo "$folder/bin/python"

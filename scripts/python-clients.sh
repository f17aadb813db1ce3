#!/bin/sh
# Makes a virtual environment with the Python packages that the tests use to read a tree, and prints
# the path of its interpreter. The first run takes minutes and 7 GB; later runs only print the path.
set -eu

folder="$1"
needs="$(dirname "$0")/../python/tests/requirements.txt"
if ! cmp -s "$needs" "$folder/requirements.txt"; then
    [ -x "$folder/bin/python" ] || python3 -m venv "$folder" >&2
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$needs" >&2
    cp "$needs" "$folder/requirements.txt"
fi
echo "$folder/bin/python"

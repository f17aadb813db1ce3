#!/bin/sh
# Makes a virtual environment with Python packages, and prints the path of its interpreter:
# `scripts/python-environment.sh FOLDER [REQUIREMENTS]`. If REQUIREMENTS is left out, these are the
# packages that the tests use to read a tree: the first run takes minutes and 7 GB. Later runs only
# print the path.
set -eu

folder="$1"
needs="${2:-$(dirname "$0")/client-requirements.txt}"
if ! cmp -s "$needs" "$folder/requirements.txt"; then
    # Without Debian's python3-venv, an environment without pip stays behind.
    "$folder/bin/python" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear "$folder" >&2
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$needs" >&2
    cp "$needs" "$folder/requirements.txt"
fi
echo "$folder/bin/python"

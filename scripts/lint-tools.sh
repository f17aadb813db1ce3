#!/bin/sh
# Makes a virtual environment with the programs of scripts/lint-requirements.txt, and prints the path
# of its folder of programs. Later runs only print the path.
set -eu
cd "$(dirname "$0")/.."

folder=target/lint
needs=scripts/lint-requirements.txt
if ! cmp -s "$needs" "$folder/requirements.txt"; then
    rm -rf "$folder"
    python3 -m venv "$folder" >&2
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$needs" >&2
    cp "$needs" "$folder/requirements.txt"
fi
echo "$PWD/$folder/bin"

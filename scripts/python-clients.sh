#!/bin/sh
# Makes a virtual environment with the Python programs that the tests read a mount with, and prints
# the path of its interpreter. Takes minutes and 6 GB the first time, and nothing from then on.
set -eu

folder="$1"
python="$folder/bin/python"
if ! "$python" -c 'import numpy, PIL, cv2, torch, torchvision' >/dev/null 2>&1; then
    python3 -m venv "$folder" >&2
    "$folder/bin/pip" install --quiet --disable-pip-version-check \
        numpy pillow opencv-python-headless torch torchvision >&2
fi
echo "$python"

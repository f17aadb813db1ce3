#!/bin/sh
# Installs a wheel into a new virtual environment on this machine, and lets its program draw a sample
# and make a tree of it. Needs neither FUSE nor a compiler.
#
#     packaging/try-wheel.sh WHEEL
set -eu

wheel="${1:?usage: packaging/try-wheel.sh WHEEL}"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "$wheel"
PATH="$folder/venv/bin:$PATH"
machex --version
machex sample "$folder/demo" --images 4
machex check "$folder/demo/config.yml"
machex materialize "$folder/demo/config.yml"
python - "$folder/demo" <<'EOF'
import sys

import machex

print(machex.load_index(sys.argv[1] + "/machex", "chexpert"))
EOF

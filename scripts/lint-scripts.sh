#!/bin/sh
# Checks all shell scripts with shellcheck.
set -eu
cd "$(dirname "$0")/.."

python="$(sh scripts/python-environment.sh target/lint scripts/lint-requirements.txt)"
PATH="$(cd "$(dirname "$python")" && pwd):$PATH"
find . \( -path ./target -o -path ./.git \) -prune -o \
    \( -name '*.sh' -o -path ./.ci/run \) -exec shellcheck {} +

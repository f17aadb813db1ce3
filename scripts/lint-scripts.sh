#!/bin/sh
# Checks all shell scripts with shellcheck.
set -eu
cd "$(dirname "$0")/.."

PATH="$(sh scripts/lint-tools.sh):$PATH"
find . \( -path ./target -o -path ./.git \) -prune -o \
    \( -name '*.sh' -o -path ./.ci/run \) -exec shellcheck {} +

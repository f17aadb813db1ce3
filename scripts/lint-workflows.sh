#!/bin/sh
# Checks the workflows of .github/: their syntax, expressions and shell code with actionlint, their
# permissions and pins with zizmor. Needs no network once the programs are installed.
set -eu
cd "$(dirname "$0")/.."

PATH="$(sh scripts/lint-tools.sh):$PATH"
# actionlint without arguments looks for a Git repository, which an unpacked archive is not.
actionlint .github/workflows/*.yml
zizmor --offline --quiet --no-progress .github

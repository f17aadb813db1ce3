#!/bin/sh
# Checks the workflows of .github/: their syntax, expressions and shell code with actionlint, their
# permissions and pins with zizmor. Needs no network once the programs are installed.
set -eu
cd "$(dirname "$0")/.."

python="$(sh scripts/python-environment.sh target/lint scripts/lint-requirements.txt)"
# actionlint calls shellcheck.
PATH="$(dirname "$python"):$PATH"
# Without arguments, actionlint looks for a Git repository, which an unpacked archive is not.
actionlint .github/workflows/*.yml
zizmor --offline --quiet --no-progress .github

#!/bin/sh
# Checks what GitHub reads: the syntax, expressions and shell code of workflows with actionlint, their
# permissions and pins with zizmor, and the other files by their schemas. Needs no network once the
# programs are installed.
set -eu
cd "$(dirname "$0")/.."

python="$(sh scripts/python-environment.sh target/lint scripts/lint-requirements.txt)"
# actionlint calls shellcheck, if the path to it is absolute.
PATH="$(cd "$(dirname "$python")" && pwd):$PATH"
# Without arguments, actionlint looks for a Git repository, which an unpacked archive is not.
actionlint .github/workflows/*.yml
zizmor --offline --quiet --no-progress .github

has_schema() {
    schema="$1"
    shift
    found="$(check-jsonschema --builtin-schema "vendor.$schema" "$@")" || {
        echo "$found"
        exit 1
    }
}
has_schema github-issue-config .github/ISSUE_TEMPLATE/config.yml
for form in .github/ISSUE_TEMPLATE/*.yml; do
    [ "$(basename "$form")" = config.yml ] || has_schema github-issue-forms "$form"
done
has_schema dependabot .github/dependabot.yml
has_schema citation-file-format --default-filetype yaml CITATION.cff

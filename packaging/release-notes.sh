#!/bin/sh
# Prints the section of a version in CHANGELOG.md, without its heading: the text of a release page.
# Paragraphs become one line each, since GitHub shows line ends in a release page as line breaks.
#
#     packaging/release-notes.sh VERSION
set -eu
cd "$(dirname "$0")/.."

version="${1:?usage: packaging/release-notes.sh VERSION, such as 0.1.0}"
notes="$(awk -v version="$version" '
    /^## / { inside = ($2 "" == version ""); next }
    !inside { next }
    # These begin something new; every other line continues the one before.
    /^(#|- |$)/ { if (line) print line; line = $0; if (!line) print ""; next }
    { sub(/^ +/, ""); line = line (line ? " " : "") $0 }
    END { if (line) print line }
' CHANGELOG.md)"
if [ -z "$notes" ]; then
    echo "CHANGELOG.md has no section \"## $version\", or nothing in it" >&2
    exit 1
fi
# The shell has removed the empty lines at the end; those at the beginning go here.
echo "$notes" | sed '/./,$!d'

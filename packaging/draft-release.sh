#!/bin/sh
# Makes a draft of a release on GitHub from target/dist: the files, and the section of the changelog.
# Nobody but the maintainers sees a draft. Needs `gh`, with GH_TOKEN or a login.
#
#     packaging/draft-release.sh VERSION
set -eu
cd "$(dirname "$0")/.."

version="${1:?usage: packaging/draft-release.sh VERSION, such as 0.1.0}"
sh packaging/release-check.sh "$version"
(cd target/dist && sha256sum --quiet -c SHA256SUMS)
# Links of the changelog are relative to the repository, which a release page is not.
files="$(gh repo view --json url --jq .url)/blob/v$version"
sh packaging/release-notes.sh "$version" |
    sed "s|](\([^):#]*\.md\)|]($files/\1|g" |
    gh release create "v$version" --draft --verify-tag --title "machex $version" --notes-file - \
        target/dist/*

#!/bin/sh
# Builds the wheel that is released, and tests it: first the tests that need only NumPy, with each
# installed Python from 3.9 to 3.13, then all tests, with PyTorch.
set -eu
cd "$(dirname "$0")/.."

python="$(sh scripts/python-environment.sh target/python-clients)"
wheel="$(sh packaging/wheel.sh "$(uname -m)" | tail -n 1)"

# Prints the interpreter of a version, from PATH or from pyenv.
interpreter() {
    pyenv="${PYENV_ROOT:-$HOME/.pyenv}/versions"
    for candidate in "python$1" "$pyenv/$1".*/bin/python; do
        if "$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
}

for version in 3.9 3.10 3.11 3.12 3.13; do
    found="$(interpreter "$version")"
    if [ -z "$found" ]; then
        echo "NOT TESTED, since it is not here: Python $version"
        continue
    fi
    echo "Python $version, without PyTorch:"
    environment="target/python-$version"
    [ -x "$environment/bin/python" ] || "$found" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pytest "$wheel"
    "$environment/bin/python" -m pip install --quiet --no-deps --force-reinstall "$wheel"
    "$environment/bin/python" -m pytest --quiet python/tests/base
done

"$python" -m pip install --quiet --no-deps --force-reinstall "$wheel"
exec "$python" -m pytest "$@"

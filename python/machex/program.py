"""Finds and runs the program ``machex``, which the same package installs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

from machex.errors import MachexError, ProgramError
from machex.platforms import has_program, no_program

_NAME = "machex"


def find_program() -> Path:
    """Returns the path of the program: beside this interpreter, or where else pip installs it.

    Set ``MACHEX_PROGRAM`` in the environment to use another program, such as one with datasets of
    your own.

    Raises:
        MachexError: when the program is not found.
    """
    chosen = os.environ.get("MACHEX_PROGRAM")
    if chosen:
        if not (os.path.isfile(chosen) and os.access(chosen, os.X_OK)):
            raise MachexError(f"MACHEX_PROGRAM is {chosen}, which is not a program")
        return Path(chosen)
    if not has_program():
        raise no_program()
    for folder in filter(None, _folders()):
        path = Path(folder) / _NAME
        if path.is_file() and os.access(path, os.X_OK):
            return path
    found = shutil.which(_NAME)
    if found is not None:
        return Path(found)
    raise MachexError(
        f"the program {_NAME} is neither in {sysconfig.get_path('scripts')} nor on PATH: "
        "install the wheel again (pip install --force-reinstall ./machex-*.whl; in a checkout: "
        "pip install --force-reinstall .), or set MACHEX_PROGRAM to the path of the program"
    )


def _folders() -> Iterator[str]:
    """Yields the folders into which pip installs programs, the likeliest first."""
    yield sysconfig.get_path("scripts")
    yield os.path.dirname(sys.executable)
    yield sysconfig.get_path("scripts", scheme="posix_user")
    # `pip install --target DIR` and `--prefix DIR` put programs into `bin` near the package.
    package = Path(__file__).resolve().parent
    yield str(package.parent / "bin")
    if len(package.parents) > 3:
        yield str(package.parents[3] / "bin")


def run(arguments: Sequence[str | os.PathLike[str]]) -> str:
    """Runs the program, waits until it ends, and returns its standard output.

    Raises:
        ProgramError: with the program's message, when its exit status is not 0.
        MachexError: when the program is not found.
    """
    command = [str(find_program()), *(os.fspath(argument) for argument in arguments)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        # Ctrl-C in a terminal then reaches only this process, which decides about the program.
        start_new_session=True,
    )
    if done.returncode != 0:
        raise ProgramError(_message(done.stderr) or f"machex ended with status {done.returncode}")
    return done.stdout


def _message(text: str) -> str:
    """Takes from an error what is only of use in a shell."""
    text = text.strip().removesuffix("For more information, try '--help'.").rstrip()
    return text.removeprefix("machex: ").removeprefix("error: ")

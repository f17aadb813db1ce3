"""What works on macOS and Windows: reading, but nothing for which the program is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

#: Makes an interpreter look like that of another operating system, as far as the package asks.
OTHER = """
import os, sys, numpy, subprocess
# Before the change, since these import modules of Windows alone if that seems to be the platform.
import multiprocessing.reduction, shutil
sys.platform = {platform!r}
for name in ("memfd_create", "getxattr"):
    delattr(os, name)
import builtins
real_open = builtins.open
def open(file, *args, **options):
    if str(file).startswith("/proc/"):
        raise FileNotFoundError(file)
    return real_open(file, *args, **options)
builtins.open = open
"""


def run_on(platform: str, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", OTHER.format(platform=platform) + code],
        capture_output=True,
        text=True,
        check=True,
    )


SYSTEMS = pytest.mark.parametrize(
    ("platform", "name"), [("darwin", "macOS"), ("win32", "Windows"), ("freebsd14", "freebsd14")]
)


@SYSTEMS
def test_the_import_says_what_cannot_work(platform: str, name: str) -> None:
    done = run_on(platform, "import machex; import machex.index")
    assert done.stderr.count("Warning") == 1
    assert "<string>:" in done.stderr, "the line of the user's own code"
    assert f"UserWarning: on {name}, machex can only read trees" in done.stderr


def test_on_linux_the_import_says_nothing() -> None:
    command = [sys.executable, "-W", "error", "-c", "import machex"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_worker_does_not_repeat_it() -> None:
    code = (
        "import multiprocessing, multiprocessing.process\n"
        "multiprocessing.process.parent_process = lambda: object()\n"
        "import machex"
    )
    assert run_on("darwin", code).stderr == ""


@SYSTEMS
def test_a_mount_says_that_it_cannot_work(platform: str, name: str) -> None:
    code = (
        "import machex\n"
        "for call in (lambda: machex.mount('c.yml'), machex.find_program, \n"
        "             lambda: machex.patient_id('mimic', 'key')):\n"
        "    try: call()\n"
        "    except machex.MachexError as error: print(error)"
    )
    lines = run_on(platform, code).stdout.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert f"the program machex runs on Linux only, not on {name}" in line


@SYSTEMS
def test_a_materialized_tree_can_be_read(materialized: Path, platform: str, name: str) -> None:
    code = (
        "import machex, pickle\n"
        f"index = machex.load_index({str(materialized)!r}, 'padchest')\n"
        "again = pickle.loads(pickle.dumps(index))\n"
        "assert list(again) == list(index)\n"
        "print(len(real_open(index.paths[0], 'rb').read(3)), len(index))"
    )
    # A path of Windows itself cannot be tried here.
    assert run_on(platform, code).stdout.split()[0] == "3"

"""The metadata of the real lists, and of the sample, equal torchxrayvision's but for known reasons.

The package torchxrayvision carries real lists. scripts/oracle/ builds raw datasets around them, and
compares what its code makes of them with what machex makes of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from machex.program import find_program

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts/oracle"


def run_script(name: str, *arguments: str | os.PathLike[str]) -> str:
    """Runs a script; fails the test with what it prints unless it ends well."""
    command = [sys.executable, SCRIPTS / name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def metadata(config: Path, table: Path) -> Path:
    """Writes the table of the raw datasets of a config, without opening images."""
    command = [find_program(), "metadata", config, "--no-headers", "-o", table]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return table


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The config of raw datasets around the real lists, and their table."""
    folder = tmp_path_factory.mktemp("real")
    run_script("raw_trees.py", folder)
    config = folder / "config.yml"
    return config, metadata(config, folder / "metadata.parquet")


def test_real_lists_equal_theirs_but_for_known_reasons(real: tuple[Path, Path]) -> None:
    printed = run_script("compare.py", *real)
    # Ten datasets, and Google's labels of one of them.
    assert printed.count(" rows in both") == 11, printed


def test_real_lists_have_the_numbers_that_were_counted(real: tuple[Path, Path]) -> None:
    run_script("pins.py", real[1])


def test_the_sample_equals_theirs_but_for_known_reasons(sample: Path, tmp_path: Path) -> None:
    table = metadata(sample, tmp_path / "metadata.parquet")
    run_script("compare.py", sample, table)

"""The metadata of the real lists, and of the sample, equal torchxrayvision's but for known reasons.

The package torchxrayvision carries real lists. scripts/oracle/ builds raw datasets around them, and
compares what its code makes of them with what machex makes of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from machex.program import find_program

REPOSITORY = Path(__file__).resolve().parents[3]

SCRIPTS = REPOSITORY / "scripts/oracle"


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


#: The datasets as docs/metadata.md names them, and as compare.py does.
NAMES = {
    "ChestX-ray14, Google": "chex-ray14, Google",
    "CheXpert": "chexpert",
    "PadChest": "padchest",
    "VinDr-CXR": "vindrcxr",
    "RSNA": "rsna",
    "Open-i": "openi",
    "SIIM-ACR": "siim",
}


def documented() -> dict[tuple[int, str, str], int]:
    """Returns the rows that the tables of docs/metadata.md count, by reason, dataset and column."""
    counts = {}
    for line in (REPOSITORY / "docs/metadata.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not cells[0].isdigit() or cells[1] not in NAMES:
            continue
        # The first table has no column of columns: it is about whole rows.
        columns, rows = ("rows", cells[2]) if len(cells) == 5 else (cells[2], cells[3])
        numbers = rows.split(";")[0].split(", ")
        if len(numbers) != len(columns.split(", ")):
            continue
        for column, number in zip(columns.split(", "), numbers):
            if number.replace(",", "").isdigit():
                key = (int(cells[0]), NAMES[cells[1]], column)
                counts[key] = int(number.replace(",", ""))
    return counts


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
    found = {}
    line_of_reason = r"^ *(\d+) (\S+(?:, Google)?) {2,}(.+?) {2,}([\d,]+)  "
    for number, dataset, column, rows in re.findall(line_of_reason, printed, re.MULTILINE):
        column = "rows" if column.startswith("rows only") else column
        found[int(number), dataset, column] = int(rows.replace(",", ""))
    expected = documented()
    assert len(expected) > 40
    assert {key: found.get(key) for key in expected} == expected


def test_real_lists_have_the_numbers_that_were_counted(real: tuple[Path, Path]) -> None:
    run_script("pins.py", real[1])


def test_the_sample_equals_theirs_but_for_known_reasons(sample: Path, tmp_path: Path) -> None:
    table = metadata(sample, tmp_path / "metadata.parquet")
    run_script("compare.py", sample, table)

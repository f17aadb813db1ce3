"""What the program says of its datasets, and what is said where it cannot be asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from machex import MachexError, list_datasets, load_index, patient_id, program, split_by_patient
from machex.known import known_datasets


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    """The program is asked in each test, and again after it."""
    known_datasets.cache_clear()
    yield
    known_datasets.cache_clear()


def program_that(folder: Path, *commands: str) -> Path:
    """A program in the place of machex."""
    path = folder / "program"
    path.write_text("\n".join(["#!/bin/sh", *commands]) + "\n")
    path.chmod(0o755)
    return path


def described(**values: object) -> dict[str, object]:
    return {"folder": "clinic", "patients": "unknown", "patient_pool": None, **values}


def saying(folder: Path, *datasets: dict[str, object]) -> Path:
    """A program that says to know these datasets, and counts how often it was asked."""
    document = json.dumps({"datasets": datasets})
    asked = f'[ "$*" = "datasets --json" ] && echo asked >> {folder}/asked'
    return program_that(folder, asked, f"cat <<'END'\n{document}\nEND")


def test_the_program_knows_every_dataset_of_a_sample(materialized: Path) -> None:
    known = known_datasets()
    assert set(list_datasets(materialized)) == set(known)
    for name in ("chex-ray14", "chexpert", "mimic", "brax", "openi"):
        index = load_index(materialized, name)
        assert None not in index.patient_ids()
        assert known[name].in_key is not None
    listed = known["padchest"].in_list
    assert listed is not None
    assert listed[1:] == ("ImageID", "PatientID")
    assert known["vindrcxr"] == (None, None, None)
    pools = {name: known[name].patient_pool for name in known}
    assert pools["rsna"] == pools["siim"] == pools["chex-ray14"] is not None


def test_a_program_with_datasets_of_ones_own_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = saying(tmp_path, described(patients={"in_key": r"^p(\d+)_"}))
    monkeypatch.setenv("MACHEX_PROGRAM", str(own))
    assert program.find_program() == own
    assert patient_id("clinic", "p0001_2.png") == "0001"
    assert patient_id("clinic", "2.png") is None
    assert patient_id("mimic", "files/p10/p10000032/s1/a.jpg") is None
    assert (tmp_path / "asked").read_text() == "asked\n"


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        (("echo 'error: no such subcommand' >&2; exit 2",), "no such subcommand"),
        (("echo hello",), "is of another version"),
        (("echo '{}'",), "is of another version"),
        (('echo \'{"datasets": [{"folder": "x"}]}\'',), "is of another version"),
        (("echo '[]'",), "is of another version"),
    ],
)
def test_a_program_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commands: tuple[str, ...], words: str
) -> None:
    monkeypatch.setenv("MACHEX_PROGRAM", str(program_that(tmp_path, *commands)))
    with pytest.raises(MachexError, match=f"the program machex, which cannot be asked: .*{words}"):
        patient_id("mimic", "a.jpg")


def test_a_program_that_cannot_be_run_is_named(
    tmp_path: Path, materialized: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = load_index(materialized, "mimic")
    broken = tmp_path / "program"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    monkeypatch.setenv("MACHEX_PROGRAM", str(broken))
    with pytest.raises(MachexError, match=f"asked: {re.escape(str(broken))}: .*format"):
        split_by_patient(index)
    monkeypatch.setenv("MACHEX_PROGRAM", str(tmp_path / "nowhere"))
    with pytest.raises(MachexError, match="nowhere, which is not a program"):
        index.patient_ids()
    monkeypatch.delenv("MACHEX_PROGRAM")
    monkeypatch.setattr(program, "_NAME", "machex-that-is-not-there")
    with pytest.raises(MachexError, match=r"cannot be asked: the program .*pip install"):
        index.patient_ids()
    # What needs no patients goes on.
    assert len(index.keys) == len(index) > 0

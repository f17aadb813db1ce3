"""The examples that use the metadata, run as their first lines say, on trees with known rows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from metadata_trees import write_table, write_tree
from PIL import Image

import machex

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def chexpert(number: int, **columns: Any) -> dict[str, Any]:
    key = f"train/patient{number:05}/study1/view1_frontal.jpg"
    return {"key": key, "patient_key": f"chexpert:{number:05}", **columns}


def woman(age: float, view: str = "PA", **columns: Any) -> dict[str, Any]:
    return {"sex": "F", "age_years": age, "view": view, **columns}


DATASETS: dict[str, list[dict[str, Any]]] = {
    "brax": [
        # The number of a group is not an age.
        {"key": "images/id_a/1.png", **woman(70, age_is_group=True, Cardiomegaly=1)},
    ],
    "chex-ray14": [
        {"key": f"{number:08}_000.png", "Pleural Effusion": number % 2, **woman(50 + number)}
        for number in range(30)
    ],
    "chexpert": [
        chexpert(1, **woman(61, Cardiomegaly=1)),
        chexpert(2, **woman(62, Cardiomegaly=1)),
        chexpert(3, **woman(63, Cardiomegaly=-1)),
        chexpert(4, **woman(64, "AP", Cardiomegaly=1)),
        chexpert(5, **woman(60, Cardiomegaly=1)),
        chexpert(6, view="PA", sex="M", age_years=70, Cardiomegaly=1),
        *(
            chexpert(number, **{"Pleural Effusion": [None, 1, 0, -1][number % 4]})
            for number in range(7, 27)
        ),
    ],
    "objcxr": [{"key": "00001.jpg"}],
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("metadata-examples") / "tree", DATASETS)


@pytest.fixture(scope="module")
def mount(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A mount of a sample of all datasets."""
    if os.environ.get("MACHEX_SKIP_FUSE") == "1":
        pytest.skip("MACHEX_SKIP_FUSE=1 says so")
    folder = tmp_path_factory.mktemp("mounted-examples")
    command = [machex.find_program(), "sample", folder, "--images", "16"]
    subprocess.run(command, check=True, capture_output=True)
    with machex.mount(folder / "config.yml") as root:
        yield root


def run(name: str, *arguments: str | os.PathLike[str]) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_train_findings_over_all_datasets_of_a_mount(mount: Path) -> None:
    printed = run("train_findings.py", mount, "--size", "64", "--epochs", "1")
    labelled = re.findall(r"^(\S+): Pleural Effusion \d+ present", printed, re.MULTILINE)
    assert len(labelled) >= 5, printed
    assert re.search(r"^epoch 1: loss \d", printed, re.MULTILINE), printed


def test_query_metadata_of_a_mount(mount: Path) -> None:
    lines = run("query_metadata.py", mount, "--over", "0").splitlines()
    found = {line.split("\t")[0]: sum(map(int, line.split("\t")[1:])) for line in lines[2:]}
    data = machex.MaCheXDataset(mount).where(view="PA", sex="F")
    expected = {name: 0 for name in found}
    for row in machex.load_metadata(mount).to_pylist():
        is_known = row["age_years"] is not None and not row["age_is_group"]
        if (row["view"], row["sex"]) == ("PA", "F") and is_known and row["age_years"] > 0:
            expected[row["dataset"]] += 1
    assert found == expected
    assert len(found) >= 3
    assert sum(found.values()) <= len(data)


def test_huggingface_metadata_of_a_mount(mount: Path) -> None:
    printed = run("huggingface_metadata.py", mount, "--datasets", "chexpert")
    assert printed.splitlines()[0].endswith(" images"), printed
    assert "(1024, 1024)" in printed


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_train_findings(root: Path, start: str) -> None:
    printed = run("train_findings.py", root, "--size", "64", "--start", start)
    lines = printed.splitlines()
    assert lines[:2] == [
        "chex-ray14: Pleural Effusion 15 present, 15 absent",
        "chexpert: Pleural Effusion 5 present, 5 absent",
    ]
    counts = re.fullmatch(r"(\d+) images to train on, (\d+) to validate", lines[2])
    assert counts is not None
    assert int(counts[1]) + int(counts[2]) == 56
    number = r"\d+\.\d+"
    epochs = rf"^epoch (\d): loss {number}, validation {number}, {number} images/s$"
    assert re.findall(epochs, printed, re.MULTILINE) == ["1", "2"]


def test_train_findings_with_choices(root: Path, tmp_path: Path) -> None:
    bare = write_tree(tmp_path / "tree", DATASETS, metadata=False)
    table = write_table(tmp_path / "all.parquet", DATASETS)
    options = ["--metadata", str(table), "--view", "PA", "--uncertain", "positive"]
    findings = ["--findings", "Cardiomegaly", "Pleural Effusion"]
    printed = run("train_findings.py", bare, *options, *findings, "--size", "64", "--epochs", "1")
    assert "brax: Cardiomegaly 1 present, 0 absent\n" in printed
    assert "chexpert: Cardiomegaly 5 present, 0 absent; Pleural Effusion 5 present" in printed
    counts = re.search(r"(\d+) images to train on, (\d+) to validate", printed)
    assert counts is not None
    assert int(counts[1]) + int(counts[2]) == 1 + 30 + 5


def test_query_metadata(root: Path, tmp_path: Path) -> None:
    expected = [
        "PA images of women over 60, Cardiomegaly:",
        "dataset\tpresent\tabsent\tuncertain\tnot_labelled",
        "chex-ray14\t0\t0\t0\t19",
        "chexpert\t2\t0\t1\t0",
    ]
    assert run("query_metadata.py", root).splitlines() == expected
    table = write_table(tmp_path / "all.parquet", DATASETS)
    assert run("query_metadata.py", table).splitlines() == expected
    other = run("query_metadata.py", root, "--finding", "Pleural Effusion", "--over", "70")
    assert other.splitlines()[2:] == ["chex-ray14\t5\t4\t0\t0"]


def test_huggingface_metadata(root: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    printed = run("huggingface_metadata.py", root, "--save", saved)
    assert printed.splitlines() == [
        f"{sum(map(len, DATASETS.values()))} images",
        "45 of them with a label, Pleural Effusion in 20",
        "the first: 00000000_000.png, PA, (1024, 1024)",
    ]
    data = datasets.load_from_disk(str(saved))
    assert len(data) == 45
    row = data[44]
    with Image.open(root / "chexpert/00/000025.jpg") as image:
        assert np.array_equal(np.asarray(row["image"]), np.asarray(image))
    assert (row["dataset"], row["patient_key"]) == ("chexpert", "chexpert:00026")
    chosen = run("huggingface_metadata.py", root, "--datasets", "chexpert", "--view", "AP")
    assert chosen.splitlines()[1] == "0 of them with a label, Pleural Effusion in 0"

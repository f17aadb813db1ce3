"""Indexes as tables of pandas and Arrow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas
import pyarrow
import pytest

from machex import LABELS, load_index


@pytest.mark.parametrize("name", ["mimic", "chexpert", "siim"])
def test_arrow_has_what_the_index_says(tree: Path, name: str) -> None:
    document = json.loads((tree / name / "index.json").read_text())
    table = load_index(tree, name).to_arrow()
    table.validate(full=True)
    assert table.to_pylist() == [
        {
            "id": image_id,
            "dataset": name,
            "key": entry["key"],
            "path": entry["path"],
            "class_label": entry.get("class_label"),
            "report": entry.get("report"),
        }
        for image_id, entry in document.items()
    ]


def test_arrow_s_texts_are_not_copied_and_outlive_the_index(materialized: Path) -> None:
    index = load_index(materialized, "mimic")
    expected = list(index.reports)
    before = pyarrow.total_allocated_bytes()
    texts = index.to_arrow()["report"]
    address = index.reports.content.ctypes.data  # type: ignore[attr-defined]
    assert texts.chunk(0).buffers()[2].address == address
    del index
    assert texts.to_pylist() == expected
    assert pyarrow.total_allocated_bytes() - before < 1_000_000


@pytest.mark.parametrize("name", ["mimic", "chexpert", "siim"])
def test_pandas_has_a_column_for_each_finding(tree: Path, name: str) -> None:
    document = json.loads((tree / name / "index.json").read_text())
    frame = load_index(tree, name).to_pandas()
    assert list(frame.columns) == ["id", "dataset", "key", "path", "report", *LABELS]
    assert list(frame["id"]) == list(document)
    assert set(frame["dataset"]) == {name}
    for at, entry in enumerate(document.values()):
        row = frame.iloc[at]
        assert (row["key"], row["path"]) == (entry["key"], entry["path"])
        assert (None if pandas.isna(row["report"]) else row["report"]) == entry.get("report")
        labels = [None if pandas.isna(row[label]) else int(row[label]) for label in LABELS]
        assert labels == entry.get("class_label", [None] * 13)
    assert str(frame["Edema"].dtype) == "Int8"
    frame["Edema"] = np.int8(1)


def test_an_empty_dataset(tmp_path: Path, materialized: Path) -> None:
    shutil.copytree(materialized / "brax", tmp_path / "brax")
    (tmp_path / "brax/index.json").write_text("{}")
    index = load_index(tmp_path, "brax")
    assert index.to_arrow().num_rows == len(index.to_pandas()) == 0
    other = load_index(materialized, "mimic")
    tables = [index.to_arrow(), other.to_arrow()]
    assert pyarrow.concat_tables(tables).num_rows == len(other)
    frames = [index.to_pandas(), other.to_pandas()]
    assert all((frames[0].dtypes == frames[1].dtypes).drop("dataset"))

"""The metadata as a table, and its findings and texts as fields of items."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pyarrow
import pytest
import torch
from metadata_trees import FINDINGS, SCHEMA, SMALL, table_of, write_table, write_tree
from torch.utils.data import DataLoader

from machex import ChestXrayDataset, MaCheXDataset, TreeError, load_metadata


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("metadata") / "tree", SMALL)


def test_the_table_has_the_rows_of_all_datasets(root: Path) -> None:
    table = load_metadata(root)
    data = MaCheXDataset(root, fields=("key", "dataset"))
    assert table.schema.names == SCHEMA.names
    assert len(table) == table.num_rows == len(data) == 6
    rows = list(zip(table["dataset"].to_pylist(), table["key"].to_pylist()))
    assert rows == [(data[at]["dataset"], data[at]["key"]) for at in range(len(data))]
    assert table.to_arrow().equals(
        pyarrow.concat_tables([table_of(name, rows) for name, rows in SMALL.items()])
    )
    assert json.loads(table.schema.metadata[b"machex.files"]) == {
        name: [f"{name}.csv"] for name in SMALL
    }
    partial = json.loads(table.schema.metadata[b"machex.negatives"])["partial"]
    assert partial == {name: ["Nodule/Mass"] for name in SMALL}
    assert table.findings == list(FINDINGS)
    assert repr(table) == f"<machex.Metadata: 6 images, {len(SCHEMA.names)} columns>"


def test_columns_and_datasets_can_be_chosen(root: Path) -> None:
    table = load_metadata(root, ["mimic", "chexpert"], ["Edema", "id"])
    assert table.column_names == ["Edema", "id"]
    assert table["Edema"].to_pylist() == [1, None, 0, 0, 0]
    assert load_metadata(root / "mimic", columns=["Edema"])["Edema"].to_pylist() == [0, 0, 0]
    assert load_metadata(root, columns=[]).column_names == []


@pytest.mark.parametrize("name", ["all.parquet", "all.arrow"])
def test_one_table_of_all_datasets(root: Path, tmp_path: Path, name: str) -> None:
    path = write_table(tmp_path / name, SMALL)
    assert load_metadata(path).to_arrow().equals(load_metadata(root).to_arrow())
    assert load_metadata(path, ["mimic"], ["Edema"])["Edema"].to_pylist() == [0, 0, 0]
    with pytest.raises(TreeError, match=r"no rows of 'rsna', but of brax, chexpert, mimic"):
        load_metadata(path, ["rsna"])
    bare = write_tree(tmp_path / "bare", SMALL, metadata=False)
    options: dict[str, Any] = {"fields": ("findings",), "findings": ["Edema"]}
    data = MaCheXDataset(bare, metadata=path, **options)
    beside = MaCheXDataset(root, **options)
    for at in range(len(data)):
        assert data[at]["findings"].tolist() == beside[at]["findings"].tolist()


def test_a_column_of_a_later_version_is_one_like_others(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "tree", SMALL)
    for name, rows in SMALL.items():
        texts = pyarrow.array([f"text of {name}"] * len(rows))
        table = table_of(name, rows).add_column(4, "later_text", texts)
        pyarrow.parquet.write_table(table, root / name / "metadata.parquet")
    data = MaCheXDataset(root, fields=("findings", "view"))
    assert data.findings == FINDINGS
    chosen = data.where(later_text="text of mimic")
    assert chosen.indices == [3, 4, 5]
    texts = chosen.load_metadata(["later_text"])["later_text"]
    assert texts.to_pylist() == ["text of mimic"] * 3


def test_pandas_keeps_whole_numbers_and_nulls(root: Path) -> None:
    frame = load_metadata(root).to_pandas()
    assert str(frame["Edema"].dtype) == "Int8"
    assert str(frame["frontal"].dtype) == "boolean"
    assert frame["Edema"].tolist()[:2] == [-1, 1]
    assert pandas.isna(frame["Edema"][2])
    assert frame["age_years"][1] == 61.5


def test_other_libraries_take_the_table(root: Path) -> None:
    metadata = load_metadata(root, columns=["dataset", "Edema"])
    assert pyarrow.table(metadata).equals(metadata.to_arrow())
    query = 'SELECT dataset, count(*) FROM metadata WHERE "Edema" = 0 GROUP BY dataset'
    assert duckdb.sql(query).fetchall() == [("mimic", 3)]
    assert metadata.filter(pyarrow.compute.field("Edema") == 1).num_rows == 1


def test_the_columns_are_mapped_not_copied(root: Path) -> None:
    before = pyarrow.total_allocated_bytes()
    table = load_metadata(root)
    keys = table["key"].chunk(0).buffers()[2]
    start = table._arrays["table"].ctypes.data
    assert start <= keys.address < start + table.nbytes
    assert pyarrow.total_allocated_bytes() - before < 100_000
    again = pickle.loads(pickle.dumps(table))
    assert again.to_arrow().equals(table.to_arrow())
    assert len(pickle.dumps(load_metadata(root))) < 1500


def test_a_pickle_without_its_process_reads_the_table_again(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "pickle"
    code = (
        "import machex, pickle, sys\n"
        "table = machex.load_metadata(sys.argv[1], columns=['key'])\n"
        "data = machex.MaCheXDataset(sys.argv[1], fields=('findings', 'view'))\n"
        "open(sys.argv[2], 'wb').write(pickle.dumps((table, data)))\n"
    )
    subprocess.run([sys.executable, "-c", code, root, path], check=True)
    table, data = pickle.loads(path.read_bytes())
    assert table["key"].to_pylist() == load_metadata(root)["key"].to_pylist()
    assert data[1]["view"] == "PA"
    path.write_bytes(path.read_bytes().replace(b"brax", b"brox"))
    with pytest.raises(TreeError):
        pickle.loads(path.read_bytes())


def test_findings_have_values_and_a_mask(root: Path) -> None:
    names = ["Pleural Effusion", "Cardiomegaly", "Edema"]
    data = MaCheXDataset(root, fields=("findings", "dataset"), findings=names)
    assert data.findings == data.datasets[0].findings == tuple(names)
    item = data[1]
    assert item["findings"].dtype == torch.float32
    assert item["findings_mask"].dtype == torch.bool
    assert item["findings"].tolist() == [0, 0, 1]
    assert item["findings_mask"].tolist() == [True, False, True]
    assert data[2]["findings"].tolist() == [1, 0, 0]
    assert data[2]["findings_mask"].tolist() == [True, False, False]
    everything = ChestXrayDataset(root / "chexpert", fields=("findings",))
    assert everything.findings == FINDINGS
    assert everything[0]["findings"].shape == everything[0]["findings_mask"].shape == (7,)


@pytest.mark.parametrize(
    ("uncertain", "value", "known"),
    [("ignore", 0, False), ("positive", 1, True), ("negative", 0, True)],
)
def test_uncertain_findings(root: Path, uncertain: str, value: float, known: bool) -> None:
    names = ["Cardiomegaly", "Edema", "Atelectasis"]
    data = MaCheXDataset(root, fields=("findings",), findings=names, uncertain=uncertain)
    assert data[1]["findings"].tolist() == [value, 1, 0]
    assert data[1]["findings_mask"].tolist() == [known, True, False]


def test_texts_and_ages_can_be_collated(root: Path) -> None:
    fields = ("view", "sex", "age_years", "patient_key", "study_key", "split", "findings")
    data = MaCheXDataset(root, fields=fields)
    (batch,) = DataLoader(data, batch_size=len(data))
    assert batch["view"] == ["", "PA", "", "", "", ""]
    assert batch["sex"][1] == "F"
    assert batch["patient_key"][:3] == ["", "chexpert:00001", ""]
    assert batch["age_years"][1] == 61.5
    # The number of a group is not an age.
    assert all(math.isnan(batch["age_years"][at]) for at in (0, 2, 3))
    assert batch["findings"].shape == (6, 7)


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_workers_share_the_table(root: Path, start: str) -> None:
    data = MaCheXDataset(root, fields=("key", "findings", "view"), findings=["Edema"])
    assert len(pickle.dumps(data)) < 10_000
    loader = DataLoader(data, batch_size=2, num_workers=2, multiprocessing_context=start)
    batches = list(loader)
    values = torch.cat([batch["findings"] for batch in batches])[:, 0].tolist()
    masks = torch.cat([batch["findings_mask"] for batch in batches])[:, 0].tolist()
    assert values == [0, 1, 0, 0, 0, 0]
    assert masks == [False, True, False, True, True, True]
    assert [view for batch in batches for view in batch["view"]] == ["", "PA", "", "", "", ""]


def test_rows_follow_the_index_not_the_table(tmp_path: Path) -> None:
    """An image that could not be rendered is in the table, and not in the index of the tree."""
    root = write_tree(tmp_path / "tree", {"mimic": SMALL["mimic"]})
    path = root / "mimic/index.json"
    document = json.loads(path.read_text())
    del document["000001"]
    path.write_text(json.dumps(dict(reversed(document.items()))))
    rows = [{**row, "Edema": number} for number, row in enumerate(SMALL["mimic"][:2])]
    rows.append({**SMALL["mimic"][2], "Edema": -1})
    pyarrow.parquet.write_table(table_of("mimic", rows), root / "mimic/metadata.parquet")
    data = MaCheXDataset(root, fields=("key", "findings"), findings=["Edema"], uncertain="positive")
    assert [data[at]["findings"].item() for at in range(2)] == [1, 0]
    assert [data[at]["key"] for at in range(2)] == [rows[2]["key"], rows[0]["key"]]


def test_a_table_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "tree", {"mimic": SMALL["mimic"]})
    data = MaCheXDataset(root)
    assert data.where(Edema=0).indices == [0, 1, 2]
    table = table_of("mimic", [{**row, "Edema": at} for at, row in enumerate(SMALL["mimic"])])
    path = root / "mimic/metadata.parquet"
    pyarrow.parquet.write_table(table.take([2, 0, 1]), path)
    assert data.where(Edema=[0, 2]).indices == [0, 2]

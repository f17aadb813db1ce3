"""The tables that the program writes, as the package reads them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from metadata_trees import FINDINGS, SCHEMA
from torchvision import tv_tensors

import machex
from machex import MaCheXDataset, geometry, load_index, load_metadata

pytestmark = pytest.mark.skipif(
    "--metadata"
    not in subprocess.run(
        [machex.find_program(), "materialize", "--help"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout,
    reason="NOT TESTED: this program writes no metadata",
)


def run(*arguments: str | Path) -> None:
    command = [machex.find_program(), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("with-metadata")
    run("sample", folder, "--images", "12")
    config = folder / "config.yml"
    config.write_text(config.read_text() + "METADATA: true\n")
    return config


@pytest.fixture(scope="module", params=["mounted", "materialized"])
def root(request: pytest.FixtureRequest, config: Path) -> Iterator[Path]:
    """A tree with metadata; the mounted one is used before anything is materialized."""
    if request.param == "mounted":
        if os.environ.get("MACHEX_SKIP_FUSE") == "1":
            pytest.skip("MACHEX_SKIP_FUSE=1 says so")
        with machex.mount(config) as root:
            yield root
    else:
        run("materialize", config, "--metadata")
        yield config.parent / "machex"


def test_the_columns_are_those_of_the_contract(root: Path) -> None:
    table = load_metadata(root)
    own = [name for name in table.column_names if name not in table.findings]
    assert own == [name for name in SCHEMA.names if name not in FINDINGS]
    for name in own:
        # Items of lists may have another name.
        assert _plain(table.schema.field(name).type) == _plain(SCHEMA.field(name).type), name
    assert len(table.findings) == 37
    assert set(FINDINGS) <= set(table.findings)
    assert b"machex.version" in table.schema.metadata


def _plain(kind: pyarrow.DataType) -> str:
    return str(kind).replace("element:", "item:").replace(" not null", "")


def test_a_row_for_each_image(root: Path, config: Path, tmp_path: Path) -> None:
    table = load_metadata(root, columns=["dataset", "id", "key", "path"])
    indexes = [load_index(root, name) for name in machex.list_datasets(root)]
    expected = [
        (index.dataset, image_id, key, path)
        for index in indexes
        for image_id, key, path in zip(index.ids, index.keys, index.paths)
    ]
    rows = zip(*(table[name].to_pylist() for name in ("dataset", "id", "key", "path")))
    assert [(name, i, key, str(root / path)) for name, i, key, path in rows] == expected
    for name in ("all.parquet", "all.arrow"):
        run("metadata", config, "-o", tmp_path / name)
        whole = load_metadata(tmp_path / name, machex.list_datasets(root), ["key"])
        assert sorted(whole["key"].to_pylist()) == sorted(table["key"].to_pylist())


def test_fields_and_criteria(root: Path) -> None:
    fields = ("findings", "view", "sex", "age_years", "patient_key", "dataset")
    data = MaCheXDataset(root, fields=fields, findings=["Pleural Effusion", "No Finding"])
    items = [data[at] for at in range(len(data))]
    labelled = {item["dataset"] for item in items if item["findings_mask"][0]}
    assert labelled >= {"chexpert", "mimic", "padchest"}
    frontal = data.where(view=["PA", "AP"])
    assert frontal.indices == [at for at, item in enumerate(items) if item["view"] in ("PA", "AP")]
    women = data.where(sex="F", age=(18, 65))
    assert all(
        items[at]["sex"] == "F" and 18 <= items[at]["age_years"] <= 65 for at in women.indices
    )
    official = data.split(by="official")
    assert sum(map(len, official.values())) == len(data)
    assert {items[at]["dataset"] for at in official["unassigned"].indices} <= {
        "padchest",
        "brax",
        "openi",
    }


def test_splits_have_no_patient_in_common(root: Path) -> None:
    data = MaCheXDataset(root, fields=("patient_key",))
    shares = data.where(dataset=["chex-ray14", "chexpert", "mimic", "brax"]).split((0.5, 0.5))
    patients = [{share[at]["patient_key"] for at in range(len(share))} for share in shares]
    assert patients[0]
    assert not patients[0] & patients[1]


def test_boxes_and_masks_are_where_geometry_has_them(root: Path) -> None:
    table = load_metadata(root, ["vindrcxr", "rsna", "objcxr", "chex-ray14"])
    boxes = 0
    for row in table.to_pylist():
        if row["boxes"] is None:
            continue
        place = geometry(row["source_width"], row["source_height"])
        assert np.allclose(
            [place.scale_x, place.scale_y, place.offset_x, place.offset_y],
            [row["scale_x"], row["scale_y"], row["offset_x"], row["offset_y"]],
        )
        for box in row["boxes"]:
            x, y = box["x"], box["y"]
            corners = [x, y, x + box["width"], y + box["height"]]
            expected = place.to_tree(corners, clip=True)
            if box["tree_x"] is None:
                assert expected[0] == expected[2] or expected[1] == expected[3]
                continue
            x, y = box["tree_x"], box["tree_y"]
            found = [x, y, x + box["tree_width"], y + box["tree_height"]]
            assert np.allclose(found, expected, atol=1e-6)
            boxes += 1
    assert boxes > 0
    data = MaCheXDataset(root, fields=("boxes", "masks"))
    items = [data[at] for at in range(len(data))]
    assert all(isinstance(item["boxes"], tv_tensors.BoundingBoxes) for item in items)
    assert sum(len(item["boxes"]) for item in items) >= boxes
    assert any(item["masks"].any() for item in items)


def test_masks_of_chexmask(tmp_path: Path) -> None:
    run("sample", tmp_path, "--images", "4")
    config, table = tmp_path / "config.yml", tmp_path / "table.parquet"
    run("materialize", config, "--dataset", "chexpert")
    write_table = ("metadata", config, "--dataset", "chexpert", "-o", table)
    run(*write_table)
    lines = ["Path,Dice RCA (Mean),Left Lung,Right Lung,Heart,Height,Width"]
    rows = load_metadata(table).to_pylist()
    for row in rows:
        width, height = row["source_width"], row["source_height"]
        runs = [f"{y * width + 11} {width // 3}" for y in range(5, height // 2)]
        lines.append(f"{row['key']},0.9,{' '.join(runs)},,1 1,{height},{width}")
    (tmp_path / "raw/chexpert/CheXpert.csv").write_text("\n".join(lines))
    run(*write_table)
    data = MaCheXDataset(
        tmp_path / "machex", fields=("masks",), datasets=["chexpert"], metadata=table
    )
    assert len(data) == len(rows) == 4
    for at, row in enumerate(rows):
        width, height = row["source_width"], row["source_height"]
        source = np.zeros((height, width), np.bool_)
        source[5 : height // 2, 10 : 10 + width // 3] = True
        item = data[at]
        assert item["mask_labels"] == ["Left Lung", "Heart"]
        expected = geometry(width, height).mask_to_tree(source)
        assert np.array_equal(item["masks"][0].numpy(), expected)

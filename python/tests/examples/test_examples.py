"""Each example, run as its first lines say, and what it writes read by the library it is for."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import datasets
import numpy as np
import pytest
import webdataset
from PIL import Image

from machex import list_datasets, load_index

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def run(name: str, *arguments: str | os.PathLike[str], status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def images_of(tree: Path) -> list[tuple[str, str, dict[str, object]]]:
    """Dataset, id and entry of each image."""
    return [
        (name, image_id, entry)
        for name in list_datasets(tree)
        for image_id, entry in load_index(tree, name).entries.items()
    ]


def test_there_is_a_test_for_every_example() -> None:
    here = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for example in EXAMPLES.glob("*.py"):
        assert f"def test_{example.stem}" in here, example.name


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_train_classifier(tree: Path, start: str) -> None:
    printed = run("train_classifier.py", tree, "--size", "64", "--start", start)
    assert re.match(r"chexpert, mimic: \d+ images to train on, [1-9]\d* to validate\n", printed)
    number = r"\d+\.\d+"
    epochs = re.findall(
        rf"^epoch (\d): loss {number}, validation {number}, ({number}) images/s$", printed, re.M
    )
    assert [epoch for epoch, _ in epochs] == ["1", "2"]
    assert all(float(rate) > 0 for _, rate in epochs)


def test_the_loss_of_train_classifier_counts_what_is_known() -> None:
    import torch

    loss = module("train_classifier").masked_loss
    logits = torch.tensor([[2.0, -3.0, 100.0], [50.0, 50.0, 50.0]])
    label = torch.tensor([[1.0, -1.0, 0.0], [-1.0, -1.0, -1.0]])
    mask = torch.tensor([[True] * 3, [False] * 3])
    expected = (np.log1p(np.exp(-2)) + np.log1p(np.exp(-3))) / 2
    assert loss(logits, label, mask).item() == pytest.approx(expected, rel=1e-5)
    assert loss(logits, label * 0, mask).item() == 0


def test_monai_dataset(mounted: Path, tmp_path: Path) -> None:
    cache = tmp_path / "monai"
    printed = run("monai_dataset.py", mounted, "--cache", cache, "--size", "32")
    count = len(images_of(mounted))
    for epoch in (1, 2):
        assert f"epoch {epoch}: {count} images of (1, 32, 32)" in printed
    assert len(list(cache.glob("*.pt"))) == count


def test_monai_dataset_has_images_the_right_way_round(tree: Path) -> None:
    monai_dataset = module("monai_dataset")
    images = monai_dataset.list_of_dicts(str(tree), ["mimic"])
    index = load_index(tree, "mimic")
    assert [image["key"] for image in images] == list(index.keys)
    assert [image["label"].tolist() for image in images] == index.class_labels.tolist()
    # Of its own size, and before anything random.
    steps = monai_dataset.transforms(1024)
    item = steps(images[0], end=4)
    with Image.open(index.paths[0]) as image:
        expected = np.asarray(image.convert("L")) / 255
    assert np.abs(item["image"][0].numpy() - expected).max() < 1e-6


def test_webdataset_export(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    printed = run("webdataset_export.py", tree, out, "--shard-images", "50")
    images = images_of(tree)
    shards = sorted(str(path) for path in out.glob("*.tar"))
    assert f"{len(images)} images in {len(shards)} shards" in printed
    assert len(shards) == -(-len(images) // 50)
    samples = list(webdataset.WebDataset(shards, shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [f"{n}-{i}" for n, i, _ in images]
    for sample, (name, _, entry) in zip(samples, images):
        path = Path(str(entry.pop("path")))
        assert sample["jpg"] == path.read_bytes()
        assert json.loads(sample["json"]) == {"dataset": name, **entry}
    decoded = next(iter(webdataset.WebDataset(shards[0], shardshuffle=False).decode("rgb")))
    assert decoded["jpg"].shape == (1024, 1024, 3)


def test_webdataset_export_mixes_datasets_when_told(tree: Path, tmp_path: Path) -> None:
    run("webdataset_export.py", tree, tmp_path, "--shuffle", "7", "--datasets", "brax", "rsna")
    samples = webdataset.WebDataset(str(tmp_path / "machex-000000.tar"), shardshuffle=False)
    keys = [sample["__key__"] for sample in samples]
    assert keys != sorted(keys)
    own = {f"{name}-{i}" for name, i, _ in images_of(tree) if name in ("brax", "rsna")}
    assert set(keys) == own


def read_imagefolder(folder: Path, cache: Path) -> dict[str, datasets.Dataset]:
    return datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(cache))


@pytest.mark.parametrize("links", [False, True])
def test_imagefolder_export(
    mounted: Path, tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    out = tmp_path / "imagefolder"
    run("imagefolder_export.py", mounted, out, "--validation", "0.3", *["--link"][: int(links)])
    data = read_imagefolder(out, tmp_path / "cache")
    rows = [row for split in ("train", "validation") for row in data[split]]
    expected = {(name, entry["key"]): entry for name, _, entry in images_of(mounted)}
    assert len(rows) == len(expected)
    for row in rows:
        entry = expected[row["dataset"], row["key"]]
        assert row["class_label"] == entry.get("class_label")
        assert row["report"] == entry.get("report")
    first = data["train"][0]
    with Image.open(str(expected[first["dataset"], first["key"]]["path"])) as image:
        assert np.array_equal(np.asarray(first["image"]), np.asarray(image))
    patients = [
        {row["key"].split("/")[2] for row in data[split] if row["dataset"] == "mimic"}
        for split in ("train", "validation")
    ]
    assert patients[0]
    assert not patients[0] & patients[1]


@pytest.mark.parametrize("example", ["webdataset_export.py", "imagefolder_export.py"])
def test_an_image_that_cannot_be_read_is_left_out_and_said(
    materialized: Path, tmp_path: Path, example: str
) -> None:
    import shutil

    tree = tmp_path / "tree"
    shutil.copytree(materialized / "brax", tree / "brax")
    (tree / "brax/00/000001.jpg").unlink()
    printed = run(example, tree, tmp_path / "out", status=1)
    assert "left out: brax 000001: " in printed
    assert "1 images could not be read" in printed


def test_webdataset_export_does_not_mix_runs(materialized: Path, tmp_path: Path) -> None:
    run("webdataset_export.py", materialized, tmp_path, "--datasets", "brax")
    printed = run("webdataset_export.py", materialized, tmp_path, "--datasets", "rsna", status=2)
    assert "has shards already" in printed

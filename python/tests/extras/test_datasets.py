"""PyTorch datasets: the items of the original's loader, and what is new."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset
from torchvision.transforms import Compose, Resize, ToTensor

from machex import ChestXrayDataset, MaCheXDataset, TreeError
from machex.datasets import FIELDS


def document_of(tree: Path, name: str) -> dict[str, dict[str, object]]:
    document: dict[str, dict[str, object]] = json.loads((tree / name / "index.json").read_text())
    return document


def test_one_dataset_as_the_original_has_it(tree: Path) -> None:
    """What the original's `dataset.py` does, said once more: keys, lengths, items."""
    for name in ("chexpert", "objcxr"):
        document = document_of(tree, name)
        data = ChestXrayDataset(str(tree / name))
        assert isinstance(data, Dataset)
        assert list(data.keys) == list(document)
        assert len(data) == len(document)
        assert data.root == str(tree / name)
        for at, image_id in enumerate(document):
            assert data.index_dict[data.keys[at]] == document[image_id]
            item = data[at]
            assert list(item) == ["img"]
            with Image.open(document[image_id]["path"]) as image:
                assert torch.equal(item["img"], ToTensor()(image))
        assert torch.equal(data[-1]["img"], data[len(data) - 1]["img"])
        with pytest.raises(IndexError, match=f"{len(data)} images, and no image {len(data)}"):
            data[len(data)]
        words = f"machex.ChestXrayDataset {name}: {len(data)} images, fields img"
        assert repr(data) == f"<{words}>"


def test_all_datasets_in_sorted_order(tree: Path) -> None:
    data = MaCheXDataset(str(tree), Compose([Resize(32), ToTensor()]), fields=("img", "path"))
    names = sorted(path.name for path in tree.iterdir())
    assert [one.dataset for one in data.datasets] == names
    assert isinstance(data.ds, ConcatDataset)
    expected = [entry["path"] for name in names for entry in document_of(tree, name).values()]
    assert len(data) == len(expected)
    items = [data[at] for at in range(len(data))]
    assert [item["path"] for item in items] == expected
    assert all(item["img"].shape == (3, 32, 32) for item in items)
    assert data[-1]["path"] == expected[-1]
    assert repr(data).startswith(f"<machex.MaCheXDataset {tree}: {len(data)} images (brax ")
    with pytest.raises(IndexError, match=f"no image {len(data)}"):
        data[len(data)]


def test_transforms_get_a_decoded_pillow_image(tree: Path) -> None:
    seen = []

    def remember(image: Image.Image) -> int:
        seen.append((image.size, image.mode, image.getpixel((5, 5))))
        return 7

    assert ChestXrayDataset(tree / "brax", transforms=remember)[0] == {"img": 7}
    (size, mode, pixel) = seen[0]
    assert (size, mode, len(pixel)) == ((1024, 1024), "RGB", 3)


def test_fields_are_what_the_index_says(tree: Path) -> None:
    for name in ("mimic", "chexpert", "rsna"):
        document = document_of(tree, name)
        fields = tuple(field for field in FIELDS if field != "img")
        data = ChestXrayDataset(tree / name, fields=fields)
        assert data.transforms is None, "no image is read, so torchvision is not needed"
        for at, entry in enumerate(document.values()):
            item = data[at]
            assert set(item) == {*fields, "class_label_mask"}
            label = entry.get("class_label")
            assert item["class_label"].dtype == torch.float32
            assert item["class_label"].tolist() == (label or [0] * 13)
            assert item["class_label_mask"].dtype == torch.bool
            assert item["class_label_mask"].tolist() == [label is not None] * 13
            assert item["report"] == entry.get("report", "")
            assert (item["key"], item["path"]) == (entry["key"], entry["path"])
            assert item["dataset"] == name


def test_everything_can_be_collated(tree: Path) -> None:
    small = Compose([Resize(16), ToTensor()])
    data = MaCheXDataset(tree, small, fields=FIELDS, datasets=["mimic", "siim", "brax"])
    assert [one.dataset for one in data.datasets] == ["brax", "mimic", "siim"]
    (batch,) = DataLoader(data, batch_size=len(data))
    assert batch["img"].shape == (len(data), 3, 16, 16)
    assert batch["class_label"].shape == batch["class_label_mask"].shape == (len(data), 13)
    labelled = [name == "mimic" for name in batch["dataset"]]
    has_label = [data.datasets[1].index.has_label[at] for at in range(len(data.datasets[1]))]
    expected = [bool(has_label.pop(0)) if is_mimic else False for is_mimic in labelled]
    assert batch["class_label_mask"].all(dim=1).tolist() == expected
    assert all(isinstance(text, str) for text in batch["report"])


def test_one_channel_is_the_luma_of_the_file(tree: Path) -> None:
    for name in ("chex-ray14", "objcxr"):
        data = ChestXrayDataset(tree / name, np.asarray, mode="L")
        assert ChestXrayDataset(tree / name, mode="L")[0]["img"].shape == (1, 1024, 1024)
        for at, path in enumerate(data.index.paths):
            with Image.open(path) as image:
                image.draft("YCbCr", image.size)
                assert np.array_equal(data[at]["img"], image.getchannel(0))
            with Image.open(path) as image:
                channels = np.asarray(image)
            # Gray images have it in each channel, to the bit.
            is_gray = np.array_equal(channels[..., 0], channels[..., 2])
            assert is_gray == (name == "chex-ray14")
            assert not is_gray or np.array_equal(data[at]["img"], channels[..., 0])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"fields": ("img", "labels")}, ValueError, "no field 'labels'; the fields are img, key"),
        ({"fields": "img"}, TypeError, r"fields must be a list of names: \['img'\]"),
        ({"mode": "F"}, ValueError, "mode must be one of None, 'L', 'RGB', not 'F'"),
        ({"datasets": "mimic"}, TypeError, r"datasets must be a list"),
        ({"datasets": []}, ValueError, "at least one"),
        ({"datasets": ["mimic", "chexprt"]}, TreeError, r"did you mean chexpert\?"),
    ],
)
def test_wrong_arguments(
    materialized: Path, options: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        MaCheXDataset(materialized, **options)  # type: ignore[arg-type]


def test_the_default_transforms_say_what_they_need(
    materialized: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.transforms", None)
    with pytest.raises(ImportError, match="pip install torchvision, or pass transforms"):
        MaCheXDataset(materialized)
    assert len(MaCheXDataset(materialized, np.asarray)) > 0


def test_a_tree_with_an_unfinished_dataset(materialized: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(materialized / "brax", tree / "brax")
    (tree / "mimic/00").mkdir(parents=True)
    with pytest.raises(TreeError, match=r"mimic has no index\.json.*datasets=\[\.\.\.\]"):
        MaCheXDataset(tree)
    assert len(MaCheXDataset(tree, datasets=["brax"])) == len(ChestXrayDataset(tree / "brax"))


def test_a_subclass_may_choose_keys(materialized: Path, tmp_path: Path) -> None:
    """As Cheff's loaders do: those with labels only."""

    class Labelled(ChestXrayDataset):
        def __init__(self, root: Path) -> None:
            super().__init__(root, fields=("key", "class_label"))
            self.keys = [
                key for key in self.keys if self.index_dict[key].get("class_label") is not None
            ]

    document = document_of(materialized, "mimic")
    without = list(document)[::3]
    for image_id in without:
        del document[image_id]["class_label"]
    (tmp_path / "mimic").mkdir()
    (tmp_path / "mimic/index.json").write_text(json.dumps(document))
    data = Labelled(tmp_path / "mimic")
    assert list(data.keys) == [image_id for image_id in document if image_id not in without]
    assert all(data[at]["class_label_mask"].all() for at in range(len(data)))
    shares = data.split((0.5, 0.5))
    keys = [[share[at]["key"] for at in range(len(share))] for share in shares]
    assert sorted(keys[0] + keys[1]) == sorted(data[at]["key"] for at in range(len(data)))


def test_splits_share_no_patient(mounted: Path) -> None:
    data = MaCheXDataset(mounted, fields=("key", "dataset"))
    train, validation = data.split((0.6, 0.4), seed=3)
    assert isinstance(train, Subset)
    assert len(train) + len(validation) == len(data)
    patients: dict[tuple[str, str], str | None] = {}
    for one in data.datasets:
        of_keys = zip(one.index.keys, one.index.patient_ids())
        patients.update({(one.dataset, key): patient for key, patient in of_keys})

    def of(share: Subset[dict[str, str]]) -> set[tuple[str, str]]:
        items = map(share.__getitem__, range(len(share)))
        names = [(item["dataset"], item["key"]) for item in items]
        return {(name[0], patients[name] or name[1]) for name in names}

    assert of(train)
    assert of(validation)
    assert not of(train) & of(validation)
    one = data.datasets[2]
    assert isinstance(train.indices, list)
    mine = [one.index.keys[at] for at in one.split((0.6, 0.4), seed=3)[0].indices]
    in_whole = [item["key"] for item in map(train.__getitem__, range(len(train)))]
    assert set(mine) <= set(in_whole), "one dataset is split as it is among all"


def test_a_selection_of_one_dataset_is_kept_in_a_split_of_all(materialized: Path) -> None:
    data = MaCheXDataset(materialized, fields=("key",), datasets=["brax", "mimic"])
    data.datasets[1].keys = list(data.datasets[1].keys)[::2]
    data.ds = ConcatDataset(data.datasets)
    shares = data.split((0.5, 0.5))
    keys = [share[at]["key"] for share in shares for at in range(len(share))]
    assert sorted(keys) == sorted(data[at]["key"] for at in range(len(data)))


def test_a_slice_is_refused(materialized: Path) -> None:
    with pytest.raises(TypeError):
        ChestXrayDataset(materialized / "brax")[0:3]  # type: ignore[index]

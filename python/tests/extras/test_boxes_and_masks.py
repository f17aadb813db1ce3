"""Boxes and masks as tv_tensors in pixels of the tree, compared with a computation of our own."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from metadata_trees import write_tree
from numpy.typing import NDArray
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

from machex import ChestXrayDataset, MaCheXDataset, TreeError, geometry

WIDTH, HEIGHT = 1251, 1000

#: What the source is scaled to: 1024 * 1251 / 1000 is 1281.02. The rest, 257, is cut in two parts.
SCALED_WIDTH, LEFT = 1281, 128


def in_tree(x: float, y: float, width: float, height: float) -> dict[str, float | None]:
    """The place of a box in the tree, as the contract of the table says it."""
    scale_x, scale_y = SCALED_WIDTH / WIDTH, 1024 / HEIGHT
    x1, x2 = (min(max(edge * scale_x - LEFT, 0), 1024) for edge in (x, x + width))
    y1, y2 = (min(max(edge * scale_y, 0), 1024) for edge in (y, y + height))
    if x1 >= x2 or y1 >= y2:
        return dict.fromkeys(("tree_x", "tree_y", "tree_width", "tree_height"))
    return {"tree_x": x1, "tree_y": y1, "tree_width": x2 - x1, "tree_height": y2 - y1}


def box(x: float, y: float, width: float, height: float, **texts: str) -> dict[str, Any]:
    place = {"x": x, "y": y, "width": width, "height": height, "shape": "rectangle"}
    return {**place, **in_tree(x, y, width, height), **texts}


def runs_of(mask: NDArray[np.bool_]) -> list[int]:
    """The runs of a mask, pixel by pixel."""
    runs: list[int] = []
    is_inside = False
    for at, value in enumerate(mask.ravel().tolist()):
        if value and not is_inside:
            runs += [at, 0]
        is_inside = value
        if value:
            runs[-1] += 1
    return runs


def a_mask(seed: int) -> NDArray[np.bool_]:
    """Blobs that touch the borders of the source."""
    coarse = np.random.default_rng(seed).random((HEIGHT // 50, WIDTH // 50 + 1)) > 0.6
    return np.kron(coarse, np.ones((50, 50), np.bool_))[:, :WIDTH]


MASKS = [a_mask(1), a_mask(2)]
SIZE = {
    "source_width": WIDTH,
    "source_height": HEIGHT,
    "scale_x": SCALED_WIDTH / WIDTH,
    "scale_y": 1024 / HEIGHT,
    "offset_x": LEFT,
    "offset_y": 0,
}
BOXES = [
    box(300, 100, 200, 300, finding="Cardiomegaly", term="Cardiomegaly"),
    box(10, 900, 300, 100, term="Other lesion"),
    box(5, 5, 20, 20, finding="Nodule/Mass", term="Nodule/Mass"),
]
VINDR = [
    {"key": "a.dicom", "boxes": BOXES, **SIZE},
    {"key": "b.dicom", "boxes": None},
    {"key": "c.dicom", "boxes": [{**BOXES[0], "tree_x": None}]},
]
SIIM = [
    {
        "key": "a.dcm",
        "masks": [
            {"finding": "Pneumothorax", "width": WIDTH, "height": HEIGHT, "runs": runs_of(mask)}
            for mask in MASKS
        ],
    },
    {"key": "b.dcm", "masks": []},
    {"key": "c.dcm", "masks": [{"width": 5, "height": 5, "runs": [20, 6]}]},
    {"key": "d.dcm", "masks": [{"width": 1, "height": 1, "runs": [0, 1], "term": "all of it"}]},
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("boxes") / "tree"
    return write_tree(root, {"siim": SIIM, "vindrcxr": VINDR})


def test_boxes_are_in_pixels_of_the_tree(root: Path) -> None:
    data = ChestXrayDataset(root / "vindrcxr", fields=("img", "boxes"), mode="L")
    item = data[0]
    boxes = item["boxes"]
    assert isinstance(boxes, tv_tensors.BoundingBoxes)
    assert boxes.format == tv_tensors.BoundingBoxFormat.XYXY
    assert boxes.canvas_size == (1024, 1024)
    assert boxes.dtype == torch.float32
    # The third one is in the part that is cut off.
    assert item["box_labels"] == ["Cardiomegaly", "Other lesion"]
    found = geometry(WIDTH, HEIGHT)
    edges = found.to_tree([[300, 100, 500, 400], [10, 900, 310, 1000]], clip=True)
    assert np.allclose(boxes.numpy(), edges, atol=1e-4)
    assert boxes[1, 0] == 0
    assert boxes[1, 3] == 1024
    assert isinstance(item["img"], tv_tensors.Image)
    assert item["img"].shape == (1, 1024, 1024)


def test_an_image_without_boxes(root: Path) -> None:
    data = ChestXrayDataset(root / "vindrcxr", fields=("boxes",))
    assert data[1]["boxes"].shape == (0, 4)
    assert data[1]["box_labels"] == []
    with pytest.raises(TreeError, match=r"vindrcxr: image 000002: .* without --no-headers"):
        data[2]


def test_masks_are_in_pixels_of_the_tree(root: Path) -> None:
    item = ChestXrayDataset(root / "siim", fields=("masks",))[0]
    masks = item["masks"]
    assert isinstance(masks, tv_tensors.Mask)
    assert masks.dtype == torch.bool
    assert masks.shape == (2, 1024, 1024)
    assert item["mask_labels"] == ["Pneumothorax"] * 2
    # The centre of each pixel, in the source: x = (x' + 0.5 + offset) / scale.
    half = Fraction(1, 2)
    columns = [int((x + half + LEFT) * Fraction(WIDTH, SCALED_WIDTH)) for x in range(1024)]
    rows = [int((y + half) * Fraction(HEIGHT, 1024)) for y in range(1024)]
    for mask, source in zip(masks.numpy(), MASKS):
        expected = [[source[row, column] for column in columns] for row in rows]
        assert np.array_equal(mask, expected)


def test_few_and_damaged_masks(root: Path) -> None:
    data = ChestXrayDataset(root / "siim", fields=("masks",))
    assert data[1]["masks"].shape == (0, 1024, 1024)
    with pytest.raises(TreeError, match="siim: image 000002: a mask of 5x5 pixels is damaged"):
        data[2]
    assert data[3]["masks"].all()
    assert data[3]["mask_labels"] == ["all of it"]


def test_boxes_and_masks_are_transformed_with_the_image(root: Path) -> None:
    # The findings come first, and are a tensor too.
    data = MaCheXDataset(root, fields=("findings", "img", "boxes", "masks"), findings=["Edema"])
    item = data[len(SIIM)]
    smaller = v2.Compose([v2.Resize(256), v2.RandomHorizontalFlip(p=1)])(item)
    assert smaller["findings"].tolist() == [0]
    assert smaller["img"].shape == (3, 256, 256)
    # The picture is bright at the right; now at the left.
    assert smaller["img"][0, 0, 0] > 0.9
    boxes = item["boxes"] / 4
    assert torch.allclose(smaller["boxes"][:, 0], 256 - boxes[:, 2], atol=1e-4)
    assert torch.allclose(smaller["boxes"][:, 3], boxes[:, 3], atol=1e-4)
    mask = v2.Resize(256)(data[0])["masks"]
    assert mask.shape == (2, 256, 256)
    assert mask.dtype == torch.bool


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_return_boxes(root: Path, start: str) -> None:
    data = ChestXrayDataset(root / "vindrcxr", fields=("boxes",)).where(key=["a.dicom", "b.dicom"])
    loader = DataLoader(data, 2, num_workers=1, collate_fn=list, multiprocessing_context=start)
    ((first, second),) = loader
    assert first["box_labels"] == ["Cardiomegaly", "Other lesion"]
    assert isinstance(first["boxes"], tv_tensors.BoundingBoxes)
    assert torch.equal(first["boxes"], data[0]["boxes"])
    assert len(second["boxes"]) == 0

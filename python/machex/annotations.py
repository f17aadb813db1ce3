"""Boxes and masks of an image as ``tv_tensors`` of torchvision, in pixels of the tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from machex.coordinates import geometry
from machex.errors import TreeError

#: The side of a picture of the tree in pixels.
SIZE = 1024


def import_tv_tensors() -> Any:
    """Returns the module ``torchvision.tv_tensors``.

    Raises:
        ImportError: when torchvision lacks it. The message names the command that installs it.
    """
    try:
        from torchvision import tv_tensors
    except ImportError as missing:
        raise ImportError(
            f"the fields boxes and masks need torchvision 0.16 or later ({missing}): "
            "pip install 'torchvision>=0.16'"
        ) from missing
    return tv_tensors


def boxes_of(listed: Sequence[Mapping[str, Any]] | None, has_size: bool) -> tuple[Any, list[str]]:
    """Returns the boxes of a row as ``tv_tensors.BoundingBoxes``, and their labels.

    ``has_size`` tells whether the size of the source is known.

    Raises:
        TreeError: when the size of the source, and so the place of a box, is unknown.
    """
    tv_tensors = import_tv_tensors()
    listed = listed or ()
    if listed and not has_size:
        raise TreeError(
            "the metadata has no size of the source, and so no place of its boxes in the tree: "
            "write it without --no-headers"
        )
    # A box without a place is wholly in the part of the source that is cut off.
    inside = [box for box in listed if box["tree_x"] is not None]
    corners = np.zeros((len(inside), 4), np.float32)
    for row, box in zip(corners, inside):
        x, y = box["tree_x"], box["tree_y"]
        row[:] = x, y, x + box["tree_width"], y + box["tree_height"]
    boxes = tv_tensors.BoundingBoxes(
        torch.from_numpy(corners), format="XYXY", canvas_size=(SIZE, SIZE)
    )
    return boxes, [_label(box) for box in inside]


def masks_of(listed: Sequence[Mapping[str, Any]] | None) -> tuple[Any, list[str]]:
    """Returns the masks of a row as ``tv_tensors.Mask``, and their labels."""
    tv_tensors = import_tv_tensors()
    listed = listed or ()
    masks = np.zeros((len(listed), SIZE, SIZE), np.bool_)
    for number, mask in enumerate(listed):
        source = decoded_runs(mask["runs"], mask["width"], mask["height"])
        masks[number] = geometry(mask["width"], mask["height"], SIZE).mask_to_tree(source)
    return tv_tensors.Mask(torch.from_numpy(masks)), [_label(mask) for mask in listed]


def decoded_runs(runs: Sequence[int], width: int, height: int) -> NDArray[np.bool_]:
    """Returns the mask of shape (height, width) that runs of pixels describe.

    ``runs`` has the start and the length of each run in turn. Pixels count from 0, row by row.

    Raises:
        TreeError: when a run has no length, or is outside the image.
    """
    pairs = np.asarray(runs, np.int64)
    if len(pairs) % 2 or np.any(pairs < 0) or np.any(pairs[::2] + pairs[1::2] > width * height):
        raise TreeError(f"a mask of {width}x{height} pixels is damaged: write the metadata again")
    changes = np.zeros(width * height + 1, np.int32)
    np.add.at(changes, pairs[::2], 1)
    np.add.at(changes, pairs[::2] + pairs[1::2], -1)
    return (np.cumsum(changes[:-1]) > 0).reshape(height, width)


def _label(annotation: Mapping[str, Any]) -> str:
    """The finding; the dataset's own term if the vocabulary has none for it."""
    return str(annotation["finding"] or annotation["term"] or "")

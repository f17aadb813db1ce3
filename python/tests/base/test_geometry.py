"""From pixels of a source to pixels of the tree, and back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from machex import geometry

SIZES = [(1024, 1024), (2500, 2048), (2048, 2500), (2688, 2208), (390, 320), (320, 389), (3, 4097)]


@pytest.mark.parametrize(
    ("size", "scaled", "offset"),
    [
        ((1024, 1024), (1024, 1024), (0, 0)),
        ((512, 512), (1024, 1024), (0, 0)),
        ((2500, 2048), (1250, 1024), (113, 0)),
        ((2048, 2500), (1024, 1250), (0, 113)),
        # 1,251 and 1,253 leave an odd number of pixels: half of it is rounded to the even number.
        ((1251, 1024), (1251, 1024), (114, 0)),
        ((1253, 1024), (1253, 1024), (114, 0)),
        ((1024, 1027), (1024, 1027), (0, 2)),
        # The long side is rounded down.
        ((390, 320), (1248, 1024), (112, 0)),
        ((320, 389), (1024, 1244), (0, 110)),
    ],
)
def test_known_sizes(
    size: tuple[int, int], scaled: tuple[int, int], offset: tuple[int, int]
) -> None:
    found = geometry(*size)
    assert (found.width, found.height) == size
    assert (found.scaled_width, found.scaled_height) == scaled
    assert (found.offset_x, found.offset_y) == offset
    assert found.scale_x == scaled[0] / size[0]
    assert found.scale_y == scaled[1] / size[1]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pixel_centres", [False, True])
def test_there_and_back(size: tuple[int, int], pixel_centres: bool) -> None:
    found = geometry(*size)
    boxes = np.random.default_rng(1).uniform(0, min(size), (50, 4))
    there = found.to_tree(boxes, pixel_centres=pixel_centres)
    back = found.to_source(there, pixel_centres=pixel_centres)
    assert np.allclose(back, boxes, atol=1e-9)
    assert np.allclose(there[:, :2], found.to_tree(boxes[:, :2], pixel_centres=pixel_centres))
    assert found.to_tree(boxes.reshape(5, 10, 4)).shape == (5, 10, 4)


def test_edges_and_centres() -> None:
    found = geometry(2500, 2048)
    assert found.to_tree([[226, 0, 2274, 2048]]).tolist() == [[0, 0, 1024, 1024]]
    assert found.to_tree([226, 0], pixel_centres=True).tolist() == [-0.25, -0.25]
    assert found.to_tree([0, 3000]).tolist() == [-113, 1500]
    assert found.to_tree([0, 3000], clip=True).tolist() == [0, 1024]
    assert found.to_tree([0, 3000], clip=True, pixel_centres=True).tolist() == [0, 1023]
    assert geometry(7, 7).to_source([512, 512]).tolist() == [3.5, 3.5]


@pytest.mark.parametrize("size", [(1251, 1024), (390, 320), (70, 33), (33, 70), (2000, 1500)])
def test_a_mask_has_the_pixel_that_each_centre_is_in(size: tuple[int, int]) -> None:
    found = geometry(*size)
    mask = np.random.default_rng(2).integers(0, 2**31, (size[1], size[0]))
    sampled = found.mask_to_tree(mask)
    assert sampled.shape == (1024, 1024)
    scale = [Fraction(found.scaled_width, size[0]), Fraction(found.scaled_height, size[1])]
    for y, x in [(0, 0), (1023, 1023), (0, 1023), (511, 3), (77, 900), (512, 512)]:
        column = (x + Fraction(1, 2) + found.offset_x) / scale[0]
        row = (y + Fraction(1, 2) + found.offset_y) / scale[1]
        assert sampled[y, x] == mask[row.__floor__(), column.__floor__()]
    square = np.arange(1024**2).reshape(1024, 1024)
    assert np.array_equal(geometry(1024, 1024).mask_to_tree(square), square)


@pytest.mark.parametrize("arguments", [(0, 5), (5, -1), (5.5, 5), ("5", 5), (5, 5, 0), (None, 5)])
def test_sizes_that_are_none(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="positive whole numbers, not"):
        geometry(*arguments)


def test_points_that_are_none() -> None:
    with pytest.raises(ValueError, match=r"\(\.\.\., 2\), and boxes \(\.\.\., 4\).*not \(3,\)"):
        geometry(5, 5).to_tree([1, 2, 3])
    with pytest.raises(ValueError, match="not \\(\\)"):
        geometry(5, 5).to_source(3)
    with pytest.raises(ValueError, match=r"has the shape \(4, 5\), not \(5, 4\)"):
        geometry(5, 4).mask_to_tree(np.zeros((5, 4)))


def test_numbers_of_numpy_are_whole_numbers() -> None:
    assert geometry(np.uint32(2500), np.int64(2048)) == geometry(2500, 2048)

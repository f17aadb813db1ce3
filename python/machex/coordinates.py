"""Where a pixel of a source image is in the picture of the tree, and back.

machex scales the short side of a source to 1024 pixels, and cuts the middle out of the long side.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Geometry:
    """How a source image of ``width`` x ``height`` pixels becomes a picture of ``size`` x ``size``.

    ``tree = source * scale - offset`` on each axis. Coordinates are edges: 0 is the left edge of
    the first pixel, and ``width`` the right edge of the last one. Call :func:`geometry` to get one.
    """

    #: The size of the source in pixels.
    width: int
    height: int
    #: The side of the picture in pixels.
    size: int
    #: The size of the source in pixels after scaling, before the cut.
    scaled_width: int
    scaled_height: int
    #: Pixels that are cut off at the left and at the top after scaling.
    offset_x: int
    offset_y: int

    @property
    def scale_x(self) -> float:
        """Pixels of the tree for each pixel of the source, from left to right."""
        return self.scaled_width / self.width

    @property
    def scale_y(self) -> float:
        """Pixels of the tree for each pixel of the source, from top to bottom."""
        return self.scaled_height / self.height

    def to_tree(
        self, points: ArrayLike, *, pixel_centres: bool = False, clip: bool = False
    ) -> NDArray[np.float64]:
        """Converts pixels of the source to pixels of the tree.

        Args:
            points: of shape (..., 2), as x, y; or boxes of shape (..., 4), as x1, y1, x2, y2.
            pixel_centres: whether 0 is the centre of the first pixel, not its edge. Polygons and
                landmarks usually have such coordinates; boxes have edges.
            clip: moves what is outside the picture to its border: into [0, size], or
                [0, size - 1] for centres.

        Returns:
            float64, of the same shape.

        Raises:
            ValueError: when the last axis has neither 2 nor 4 values.
        """
        values, scale, offset = self._prepared(points)
        half = 0.5 if pixel_centres else 0.0
        moved = (values + half) * scale - half - offset
        return np.clip(moved, 0, self.size - 2 * half) if clip else moved

    def to_source(self, points: ArrayLike, *, pixel_centres: bool = False) -> NDArray[np.float64]:
        """Converts pixels of the tree to pixels of the source; the inverse of :meth:`to_tree`.

        Args:
            points, pixel_centres: as for :meth:`to_tree`.

        Returns:
            float64, of the same shape.

        Raises:
            ValueError: when the last axis has neither 2 nor 4 values.
        """
        values, scale, offset = self._prepared(points)
        half = 0.5 if pixel_centres else 0.0
        return (values + offset + half) / scale - half

    def mask_to_tree(self, mask: ArrayLike) -> NDArray[Any]:
        """Samples a mask of the source at the centres of the pixels of the tree.

        Args:
            mask: of shape (height, width).

        Returns:
            An array of the same type, of shape (size, size): each pixel has the value of the source
            pixel that its centre is in.

        Raises:
            ValueError: when the mask has another shape.
        """
        mask = np.asarray(mask)
        if mask.shape != (self.height, self.width):
            raise ValueError(
                f"a mask of this source has the shape {(self.height, self.width)}, not {mask.shape}"
            )
        rows = _source_pixels(self.size, self.offset_y, self.height, self.scaled_height)
        columns = _source_pixels(self.size, self.offset_x, self.width, self.scaled_width)
        return mask[rows[:, np.newaxis], columns]

    def _prepared(
        self, points: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        values = np.asarray(points, np.float64)
        if values.ndim == 0 or values.shape[-1] not in (2, 4):
            raise ValueError(
                "points have the shape (..., 2), and boxes (..., 4) as x1, y1, x2, y2, "
                f"not {values.shape}"
            )
        times = values.shape[-1] // 2
        scale = np.array([self.scale_x, self.scale_y] * times)
        return values, scale, np.array([self.offset_x, self.offset_y] * times, np.float64)


def _source_pixels(size: int, offset: int, source: int, scaled: int) -> NDArray[np.int64]:
    """Returns the pixel of the source that each pixel of the tree has its centre in."""
    # In whole numbers, so that a centre on an edge between two pixels is not rounded to either.
    doubled = 2 * (np.arange(size, dtype=np.int64) + offset) + 1
    return doubled * source // (2 * scaled)


def geometry(width: int, height: int, size: int = 1024) -> Geometry:
    """Returns how a source image becomes the picture of the tree::

        geometry(2500, 2048).to_tree([[300, 200, 800, 900]])  # boxes: x1, y1, x2, y2

    Args:
        width, height: the size of the source in pixels, from the header of the image. The columns
            ``source_width`` and ``source_height`` of the metadata have it.
        size: the side of the picture in pixels.

    Raises:
        ValueError: when one of them is not a positive whole number.
    """
    width, height, size = (_positive(value) for value in (width, height, size))
    long = size * max(width, height) // min(width, height)
    # Python rounds halves to the even number, as the original script does.
    offset = round((long - size) / 2)
    if width >= height:
        return Geometry(width, height, size, long, size, offset, 0)
    return Geometry(width, height, size, size, long, 0, offset)


def _positive(value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"width, height and size are positive whole numbers, not {value!r}")
    return number

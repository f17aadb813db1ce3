"""Reads an image of a tree with Pillow, and explains why it cannot be read."""

from __future__ import annotations

import errno
import os

from PIL import Image

from machex.errors import ImageError, is_mount_gone
from machex.index import Index

#: The modes that you can choose; ``None`` keeps the mode of the file.
MODES = (None, "L", "RGB")


def read_image(index: Index, row: int, mode: str | None) -> Image.Image:
    """Decodes the image of a row.

    Raises:
        ImageError: when the image cannot be read. The message names the dataset, the key and the
            remedy.
    """
    try:
        image: Image.Image
        with Image.open(index.paths[row]) as image:
            if mode == "L":
                # Makes libjpeg decode only the luma, and skip the chroma.
                image.draft("L", (image.width, image.height))
            image.load()
            if mode in (None, image.mode):
                return image
            return image.convert(mode)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _image_error(index, row, error) from error


def _image_error(index: Index, row: int, cause: Exception) -> ImageError:
    number = cause.errno if isinstance(cause, OSError) else None
    tree = os.path.dirname(index.root)
    if isinstance(cause, OSError) and is_mount_gone(cause):
        what_to_do = f"the mount's process has gone: mount {tree} again with --replace"
    elif number == errno.EIO:
        what_to_do = f"the cause is shown by: machex status {tree}"
    elif number == errno.ENOENT:
        what_to_do = f"is {tree} mounted, or materialized to its end?"
    else:
        what_to_do = "if the tree is materialized, remove the file and run machex materialize again"
    words = os.strerror(number) if number else str(cause)
    error = ImageError(
        f"{index.dataset}: image {index.ids[row]} (key {index.keys[row]}) cannot be read: {words}: "
        f"{index.paths[row]}; {what_to_do}"
    )
    error.errno = number
    return error

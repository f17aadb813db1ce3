"""The rows of the metadata table that belong to the images of an index, in its order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from machex.columns import Columns
from machex.errors import TreeError
from machex.metadata import Metadata, rows_of, shared
from machex.metadata_files import METADATA_NAME, has_metadata, read_file, read_schema
from machex.trees import PathLike

if TYPE_CHECKING:
    import pyarrow

_RENEW = (
    "it was written for another state of the tree; write it again (machex materialize --metadata, "
    "or machex metadata)"
)


class MetadataRows:
    """Reads columns of the metadata, with a row for each image of an index.

    The table may also have rows of images that could not be rendered, which the index of a
    materialized tree leaves out.
    """

    def __init__(self, index: Columns, table: PathLike | None = None) -> None:
        """``table`` is a table of several datasets; by default, it is that of the folder."""
        self.index = index
        self._table = None if table is None else Path(os.path.abspath(table))
        #: The row of each image, and the time and size of the file that has it there.
        self._order: tuple[NDArray[np.intp], tuple[int, int] | None] | None = None

    def __reduce__(self) -> tuple[type[MetadataRows], tuple[Columns, Path | None]]:
        return MetadataRows, (self.index, self._table)

    @property
    def path(self) -> Path:
        """The file of the table."""
        return self.index.root / METADATA_NAME if self._table is None else self._table

    def exist(self) -> bool:
        """Whether there is a table."""
        return has_metadata(self.index.root, self._table)

    def schema(self) -> pyarrow.Schema:
        """Returns the names and types of the columns.

        Raises:
            TreeError, ImportError: as :meth:`read`.
        """
        return read_schema(self.path)

    def read(self, columns: Sequence[str] | None) -> pyarrow.Table:
        """Reads columns; all by default.

        Raises:
            TreeError: when the table does not exist, cannot be used, or lacks an image.
            ValueError: when it has no such column.
            ImportError: when pyarrow is not installed.
        """
        stamp = self._stamp()
        if self._order is None or self._order[1] != stamp:
            self._order = self._find_order(), stamp
        order = self._order[0]
        table = self._read(columns)
        is_whole = len(order) == table.num_rows and np.all(np.diff(order) == 1)
        return table if is_whole else table.take(order)

    def share(self, columns: Sequence[str]) -> Metadata:
        """Reads columns into memory that processes share. Raises as :meth:`read`."""
        return shared(self.read(columns), self.share, (tuple(columns),))

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self.path)
        except OSError:
            # Reading the file explains it.
            return None
        return status.st_mtime_ns, status.st_size

    def _read(self, columns: Sequence[str] | None) -> pyarrow.Table:
        if self._table is None:
            return read_file(self.path, columns)
        return rows_of(self.path, (self.index.dataset,), columns)

    def _find_order(self) -> NDArray[np.intp]:
        """Returns the row of the table for each image.

        Raises:
            TreeError: when an image has no row, or its row has another key.
        """
        table = self._read(["id", "key"])
        row_of = {image_id: row for row, image_id in enumerate(table["id"].to_pylist())}
        keys = table["key"].to_pylist()
        order = np.empty(len(self.index), np.intp)
        for at, (image_id, key) in enumerate(zip(self.index.ids, self.index.keys)):
            row = row_of.get(image_id)
            if row is None:
                raise TreeError(f"{self.path} has no row for image {image_id} ({key}): {_RENEW}")
            if keys[row] != key:
                raise TreeError(
                    f"{self.path}: image {image_id} is {keys[row]} there, but {key} in the index: "
                    f"{_RENEW}"
                )
            order[at] = row
        return order

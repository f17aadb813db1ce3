"""The metadata of all images as one table, shared with worker processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from machex.errors import TreeError
from machex.metadata_files import (
    METADATA_NAME,
    concatenated,
    finding_names,
    import_pyarrow,
    read_file,
)
from machex.shared import ArrayWriter, GoneError, Handle, SharedArrays
from machex.trees import PathLike, check_datasets, list_datasets

if TYPE_CHECKING:
    import pandas
    import pyarrow

#: The section of the shared file with the table, as an Arrow IPC stream.
_SECTION = "table"


class Metadata:
    """A metadata table: a row for each image. Call :func:`load_metadata` to get one.

    It has the attributes and methods of a ``pyarrow.Table``, whose results are ordinary tables, and
    is one for libraries that take Arrow data (``pyarrow.table``, polars, DuckDB). ``table["view"]``
    is a column.

    The table is in memory once, however many processes a data loader starts: a pickled one contains
    its location, not its rows.
    """

    def __init__(
        self, arrays: SharedArrays, load: Callable[..., Metadata], arguments: tuple[Any, ...]
    ) -> None:
        """Use :func:`load_metadata` instead.

        ``load(*arguments)`` reads the same table again.
        """
        arrow = import_pyarrow()
        self._arrays = arrays
        self._load = load
        self._arguments = arguments
        # Its columns are in the mapped pages.
        self._table = arrow.ipc.open_stream(arrow.py_buffer(arrays[_SECTION])).read_all()
        self._columns = dict(zip(self._table.column_names, self._table.columns))

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __getitem__(self, name: str) -> pyarrow.ChunkedArray:
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(
                f"there is no column {name!r}, but {', '.join(self._table.column_names)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        raise TypeError("a table is not a sequence: use to_pandas(), or the columns, table['view']")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._table, name)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<machex.Metadata: {len(self):,} images, {len(self._columns)} columns>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._arrays.handle(), len(self), self._load, self._arguments)

    @property
    def nbytes(self) -> int:
        """The size in memory in bytes, which all processes share."""
        return self._arrays.nbytes

    @property
    def findings(self) -> list[str]:
        """The names of the columns with findings: 1 present, 0 absent, -1 uncertain, or null."""
        return finding_names(self._table.schema)

    def to_arrow(self) -> pyarrow.Table:
        """Returns the table without copying it. A pickled ``pyarrow.Table`` contains its rows."""
        return self._table

    def to_pandas(self) -> pandas.DataFrame:
        """Returns a data frame.

        Integers and bools with nulls are ``Int8``, ``UInt32`` and ``boolean``, with ``<NA>`` where
        the table has null.

        Raises:
            ImportError: when pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas needs pandas: pip install pandas") from error
        arrow = import_pyarrow()
        types = {
            arrow.int8(): pandas.Int8Dtype(),
            arrow.uint8(): pandas.UInt8Dtype(),
            arrow.int32(): pandas.Int32Dtype(),
            arrow.uint32(): pandas.UInt32Dtype(),
            arrow.bool_(): pandas.BooleanDtype(),
        }
        return self._table.to_pandas(types_mapper=types.get)


def shared(
    table: pyarrow.Table, load: Callable[..., Metadata], arguments: tuple[Any, ...]
) -> Metadata:
    """Puts a table into memory that processes share; ``load(*arguments)`` makes it again."""
    arrow = import_pyarrow()
    writer = ArrayWriter()
    start = writer.begin()
    writer.file.flush()
    # A descriptor of its own for Arrow, which closes it. Both have one position in the file.
    own = os.dup(writer.file.fileno())
    with open(own, "wb") as sink, arrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    del table
    writer.file.seek(0, os.SEEK_END)
    writer.end(_SECTION, start, "u1")
    # Arrow keeps the memory of the table that was read, for the next one.
    arrow.default_memory_pool().release_unused()
    return Metadata(writer.finish(), load, arguments)


def load_metadata(
    root: PathLike,
    datasets: Iterable[str] | None = None,
    columns: Iterable[str] | None = None,
) -> Metadata:
    """Reads the metadata of the images: patients, ages, views, findings, boxes, reports.

    Use it as an Arrow table, or as a pandas frame::

        table = machex.load_metadata("/mnt/machex", columns=["dataset", "view", "Edema"])
        table.group_by("view").aggregate([("Edema", "sum")])
        frame = table.to_pandas()

    The rows of a tree are in the order of :class:`machex.MaCheXDataset`: by the name of the
    dataset, then as in the index. A table that ``machex metadata`` has written keeps its order.

    Args:
        root: a tree, materialized or mounted; or the folder of one dataset; or a table that
            ``machex metadata`` has written (Parquet, or Arrow IPC if it ends in ``.arrow``).
        datasets: the names of the datasets to read; all by default.
        columns: the names of the columns to read, in the order that you want; all by default. The
            reports are most of the table: without them it takes a tenth of the memory.

    Raises:
        TreeError: when ``root`` is none of these, or a dataset or its table does not exist.
        ValueError: when there is no such column. The message names similar ones.
        ImportError: when pyarrow is not installed.
    """
    if isinstance(datasets, str):
        raise TypeError(f"datasets must be a list of names: [{datasets!r}]")
    if isinstance(columns, str):
        raise TypeError(f"columns must be a list of names: [{columns!r}]")
    path = Path(os.path.abspath(root))
    names = None if datasets is None else tuple(sorted(set(datasets)))
    columns = None if columns is None else tuple(columns)
    return shared(_read(path, names, columns), load_metadata, (path, names, columns))


def _read(
    path: Path, names: tuple[str, ...] | None, columns: tuple[str, ...] | None
) -> pyarrow.Table:
    if names == ():
        raise ValueError("datasets must name at least one")
    if path.is_file():
        return read_file(path, columns) if names is None else rows_of(path, names, columns)
    # A mount does not list the file, but finds it.
    if names is None and (path / METADATA_NAME).is_file():
        return read_file(path / METADATA_NAME, columns)
    if names is None:
        names = tuple(list_datasets(path))
    else:
        check_datasets(path, names)
    return concatenated([read_file(path / name / METADATA_NAME, columns) for name in names])


def rows_of(path: Path, names: tuple[str, ...], columns: Sequence[str] | None) -> pyarrow.Table:
    """Reads the rows of some datasets from a table of several.

    Raises:
        TreeError: when it has none of a dataset, or cannot be used.
        ValueError: when it has no such column.
    """
    arrow = import_pyarrow()
    wanted = None if columns is None else [*columns, "dataset"]
    table = read_file(path, wanted)
    own = table["dataset"]
    there = arrow.compute.unique(own).to_pylist()
    for name in names:
        if name not in there:
            raise TreeError(f"{path} has no rows of {name!r}, but of {', '.join(there)}")
    table = table.filter(arrow.compute.is_in(own, arrow.array(names, own.type)))
    return table if columns is None else table.select(list(dict.fromkeys(columns)))


def _restore(
    handle: Handle, length: int, load: Callable[..., Metadata], arguments: tuple[Any, ...]
) -> Metadata:
    try:
        return Metadata(SharedArrays.attach(handle), load, arguments)
    except GoneError:
        metadata = load(*arguments)
        if len(metadata) != length:
            raise TreeError(
                "the metadata table is not what it was when this was pickled: make it again"
            ) from None
        return metadata

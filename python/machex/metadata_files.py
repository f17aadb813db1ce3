"""Finds and reads the files of the metadata table: Parquet, or an Arrow IPC file.

The table has a row for each image. Its findings are its int8 columns: 1 present, 0 absent, -1
uncertain, null not labelled.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machex.errors import TreeError
from machex.trees import PathLike, words

if TYPE_CHECKING:
    import pyarrow

#: The file in the folder of a dataset. A mount has it, but does not list it.
METADATA_NAME = "metadata.parquet"

#: File names of Arrow IPC end like this; all others are Parquet.
_IPC_SUFFIXES = (".arrow", ".feather", ".ipc")

_WORD = re.compile("[a-z0-9]+")

#: Entries of the table's own metadata with a JSON object, in which datasets have their values.
_BY_DATASET = (b"machex.files", b"machex.negatives")


def import_pyarrow() -> Any:
    """Returns the module ``pyarrow``.

    Raises:
        ImportError: when it is not installed. The message names the command that installs it.
    """
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(f"the metadata needs pyarrow ({error}): pip install pyarrow") from error
    return pyarrow


def has_metadata(folder: Path, table: PathLike | None) -> bool:
    """Whether there is a table for the dataset in ``folder``: ``table``, or the file in it."""
    # Asks for the name: a mount does not list it.
    return table is not None or os.path.isfile(folder / METADATA_NAME)


def read_file(path: Path, columns: Iterable[str] | None) -> pyarrow.Table:
    """Reads columns of a file, in the order of ``columns``; all columns by default.

    Raises:
        TreeError: when the file does not exist, or is not a metadata table.
        ValueError: when it lacks one of the columns.
        ImportError: when pyarrow is not installed.
    """
    arrow = import_pyarrow()
    if path.suffix == ".csv":
        raise TreeError(f"{path}: CSV has no types; write the table as .parquet or .arrow")
    with _explained(path), open(path, "rb") as file:
        if path.suffix in _IPC_SUFFIXES:
            table = arrow.ipc.open_file(file).read_all()
            return table if columns is None else table.select(_known(table.schema, columns))
        parquet = arrow.parquet.ParquetFile(file)
        if columns is None:
            return parquet.read()
        names = _known(parquet.schema_arrow, columns)
        # Parquet returns the columns in the order of the file.
        return parquet.read(columns=names).select(names)


def read_schema(path: Path) -> pyarrow.Schema:
    """Returns the names and types of the columns of a file.

    Raises:
        TreeError, ImportError: as :func:`read_file`.
    """
    arrow = import_pyarrow()
    with _explained(path), open(path, "rb") as file:
        if path.suffix in _IPC_SUFFIXES:
            return arrow.ipc.open_file(file).schema
        return arrow.parquet.ParquetFile(file).schema_arrow


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turns the errors of reading a file into those of this package."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise TreeError(_why_no_file(path)) from None
    except import_pyarrow().ArrowInvalid as error:
        raise TreeError(f"{path} is damaged, or not a metadata table: {error}") from error
    except OSError as error:
        raise TreeError(f"{path} cannot be read: {words(error, path.parent)}") from error


def finding_names(schema: pyarrow.Schema) -> list[str]:
    """Returns the names of the findings of a table, in its order."""
    arrow = import_pyarrow()
    return [field.name for field in schema if field.type == arrow.int8()]


def check_findings(schema: pyarrow.Schema, wanted: Iterable[str]) -> None:
    """Checks that a table has these findings.

    Raises:
        ValueError: when it lacks one of them. The message names those with a similar name.
    """
    known = finding_names(schema)
    for name in wanted:
        if name not in known:
            raise ValueError(
                f"there is no finding {name!r}{near(name, known)}; the findings are "
                f"{', '.join(known)}"
            )


def near(wanted: object, names: Sequence[str]) -> str:
    """Names those that somebody probably meant, for an error message; empty if there are none."""
    lower = str(wanted).lower()
    of_lower = {name.lower(): name for name in names}
    words_of = {name: set(_WORD.findall(name)) for name in (lower, *of_lower)}
    close = [name for name in of_lower if words_of[name] & words_of[lower]]
    close += [name for name in get_close_matches(lower, of_lower, 3) if name not in close]
    return f"; did you mean {' or '.join(of_lower[name] for name in close[:3])}?" if close else ""


def concatenated(tables: Sequence[pyarrow.Table]) -> pyarrow.Table:
    """Joins the tables of several datasets, and what their own metadata says of each dataset.

    Raises:
        TreeError: when their columns differ.
    """
    arrow = import_pyarrow()
    try:
        table = arrow.concat_tables(tables)
    except arrow.ArrowInvalid as error:
        raise TreeError(
            f"the metadata tables of the datasets are of different versions of machex ({error}): "
            "write all of them again with machex materialize --metadata"
        ) from error
    metadata = dict(table.schema.metadata or {})
    for name in _BY_DATASET:
        joined: dict[str, Any] = {}
        for one in tables:
            _add(joined, json.loads((one.schema.metadata or {}).get(name, b"{}")))
        if joined:
            metadata[name] = json.dumps(joined).encode()
    return table.replace_schema_metadata(metadata)


def _add(joined: dict[str, Any], part: dict[str, Any]) -> None:
    """Adds the values of an object to those of another one, also of objects in them."""
    for key, value in part.items():
        if isinstance(value, dict) and isinstance(joined.get(key), dict):
            _add(joined[key], value)
        else:
            joined[key] = value


def _known(schema: pyarrow.Schema, columns: Iterable[str]) -> list[str]:
    if isinstance(columns, str):
        raise TypeError(f"columns must be a list of names: [{columns!r}]")
    names = list(dict.fromkeys(columns))
    for name in names:
        if name not in schema.names:
            raise ValueError(
                f"the metadata has no column {name!r}{near(name, schema.names)}; the columns are "
                f"{', '.join(schema.names)}"
            )
    return names


def _why_no_file(path: Path) -> str:
    if path.name != METADATA_NAME:
        return f"{path} does not exist"
    return (
        f"{path} does not exist: write it with machex materialize --metadata (METADATA: true in "
        "the config), or mount the tree; or name a table that machex metadata has written: "
        "metadata='FILE' for a dataset class, load_metadata('FILE')"
    )

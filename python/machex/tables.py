"""Converts an index to a pandas data frame or an Arrow table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from machex.columns import Columns
from machex.labels import LABELS
from machex.texts import Texts

if TYPE_CHECKING:
    import pandas
    import pyarrow


def to_pandas(index: Columns) -> pandas.DataFrame:
    """Returns a data frame of an index.

    Its columns are ``id``, ``dataset``, ``key``, ``path``, ``report``, and one for each finding.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("to_pandas needs pandas: pip install pandas") from error
    columns: dict[str, Any] = {
        "id": pandas.array(list(index.ids), dtype="string"),
        "dataset": pandas.Categorical.from_codes(np.zeros(len(index), "i1"), [index.dataset]),
        "key": pandas.array(list(index.keys), dtype="string"),
        "path": pandas.array(list(index.paths), dtype="string"),
        "report": pandas.array(list(index.reports), dtype="string"),
    }
    for number, name in enumerate(LABELS):
        values = index.class_labels[:, number].copy()
        columns[name] = pandas.arrays.IntegerArray(values, ~index.has_label)
    return pandas.DataFrame(columns)


def to_arrow(index: Columns) -> pyarrow.Table:
    """Returns an Arrow table of an index.

    Its columns are ``id``, ``dataset``, ``key``, ``path``, ``class_label`` (a list of 13 int8) and
    ``report``.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError("to_arrow needs pyarrow: pip install pyarrow") from error

    def buffer(values: NDArray[Any]) -> pyarrow.Buffer:
        return pyarrow.py_buffer(np.ascontiguousarray(values))

    def validity(is_there: NDArray[np.bool_]) -> tuple[pyarrow.Buffer, int]:
        bits = np.packbits(is_there, bitorder="little")
        return buffer(bits), int(len(is_there) - np.count_nonzero(is_there))

    def texts(column: Any) -> pyarrow.Array:
        assert isinstance(column, Texts)
        bits, missing = validity(column.is_there)
        buffers = [bits, buffer(column.ends), buffer(column.content)]
        return pyarrow.Array.from_buffers(
            pyarrow.large_string(), len(column), buffers, null_count=missing
        )

    labels = pyarrow.Array.from_buffers(
        pyarrow.list_(pyarrow.int8(), len(LABELS)),
        len(index),
        [validity(index.has_label)[0]],
        null_count=int(len(index) - np.count_nonzero(index.has_label)),
        children=[pyarrow.array(index.class_labels.reshape(-1))],
    )
    return pyarrow.table(
        {
            "id": pyarrow.array(list(index.ids), pyarrow.string()),
            "dataset": pyarrow.array(
                [index.dataset] * len(index), pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
            ),
            "key": texts(index.keys),
            "path": pyarrow.array(list(index.paths), pyarrow.string()),
            "class_label": labels,
            "report": texts(index.reports),
        }
    )

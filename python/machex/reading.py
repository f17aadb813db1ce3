"""Reads an ``index.json`` into the columns of an index."""

from __future__ import annotations

import io
from array import array
from pathlib import Path
from typing import Any, cast

import numpy as np

from machex.entries import read_entries
from machex.errors import TreeError
from machex.labels import LABELS
from machex.shared import ArrayWriter, SharedArrays
from machex.texts import TextWriter

_NO_LABEL = (0,) * len(LABELS)
_VALUES = frozenset((-1, 0, 1))


def read_columns(path: Path) -> tuple[SharedArrays, str]:
    """Returns the columns of an index file, and the dataset's folder according to its paths.

    Raises:
        TreeError: when the file is not a valid index. The message says where.
        OSError: when the file cannot be read.
    """
    writer = ArrayWriter()
    reports_start = writer.begin()
    # Reports are most of the bytes and go straight to the shared file; the rest is small.
    reports = TextWriter(writer.file)
    keys, others = TextWriter(io.BytesIO()), TextWriter(io.BytesIO())
    numbers, labels, has_label = array("I"), array("b"), bytearray()
    written_below: str | None = None
    for image_id, entry in read_entries(path):
        try:
            if len(image_id) != 6 or not (image_id.isascii() and image_id.isdigit()):
                raise ValueError("its name is not an image number of six digits")
            numbers.append(int(image_id))
            keys.append(_text(entry, "key"))
            label = entry.get("class_label")
            labels.extend(_NO_LABEL if label is None else _label(label))
            has_label.append(label is not None)
            reports.append(None if entry.get("report") is None else _text(entry, "report"))
            written = _text(entry, "path")
            tail = f"/{image_id[:2]}/{image_id}.jpg"
            if written_below is None and written.endswith(tail):
                written_below = written[: -len(tail)]
            is_usual = written_below is not None and written == written_below + tail
            others.append(None if is_usual else written)
        except (ValueError, TypeError, OverflowError) as error:
            raise TreeError(f"{path} is damaged: entry {image_id!r}: {error}") from None
    writer.end("report.text", reports_start, "u1")
    reports.add_ends(writer, "report")
    writer.add("key.text", cast("io.BytesIO", keys.sink).getbuffer(), "u1")
    keys.add_ends(writer, "key")
    if any(others.is_there):
        writer.add("path.text", cast("io.BytesIO", others.sink).getbuffer(), "u1")
        others.add_ends(writer, "path")
    writer.add("number", numbers, "<u4")
    writer.add("label", labels, "i1")
    writer.add("has_label", has_label, "?")
    if len(np.unique(np.array(numbers, "<u4"))) != len(numbers):
        raise TreeError(f"{path} is damaged: two entries have the same name")
    return writer.finish(), written_below or ""


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text")
    return value


def _label(value: Any) -> list[int]:
    if not isinstance(value, list) or len(value) != len(LABELS) or not _VALUES.issuperset(value):
        raise ValueError(f"class_label must be {len(LABELS)} numbers of -1, 0 and 1")
    return value

"""How an index shows itself in a notebook."""

from __future__ import annotations

from html import escape

import numpy as np

from machex.columns import Columns
from machex.labels import LABELS

#: How many images to show.
_ROWS = 5


def index_as_html(index: Columns) -> str:
    """Returns a table of the first images.

    It has the length of each report, not its text: notebooks are shared and committed with their
    output, and reports are subject to data use agreements.
    """
    head = "".join(f"<th>{name}</th>" for name in ("row", "id", "key", "positive", "report"))
    rows = "".join(_row(index, row) for row in range(min(_ROWS, len(index))))
    labelled = int(np.count_nonzero(index.has_label))
    left = len(index) - _ROWS
    more = f"<p>… and {left:,} more</p>" if left > 0 else ""
    return (
        f"<p><b>{escape(index.dataset)}</b>: {len(index):,} images, {labelled:,} of them with "
        f"labels, in <code>{escape(str(index.root))}</code></p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"
    )


def _row(index: Columns, row: int) -> str:
    report = index.reports[row]
    cells = (
        str(row),
        index.ids[row],
        index.keys[row],
        _findings(index, row),
        "" if report is None else f"{len(report):,} characters",
    )
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _findings(index: Columns, row: int) -> str:
    if not index.has_label[row]:
        return "not labelled"
    positive = (name for name, value in zip(LABELS, index.class_labels[row]) if value > 0)
    return ", ".join(positive) or "none"

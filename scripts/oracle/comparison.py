"""Compares columns row by row, and attributes each difference to a category."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from categories import NO_IMAGE, NO_LABEL_ROW, VIEW_NAME, Category

#: torchxrayvision's names of findings that machex names otherwise.
FINDINGS = {
    "Effusion": "Pleural Effusion",
    "Pleural_Thickening": "Pleural Thickening",
    "Pulmonary Fibrosis": "Fibrosis",
    "Aortic enlargement": "Aortic Enlargement",
}

#: Which rows a category explains.
Reason = tuple[Category, Any]


class Difference(NamedTuple):
    """How many rows of a column a category explains."""

    dataset: str
    column: str
    category: Category
    rows: int


class Unexplained(NamedTuple):
    """Differences that no category explains, with examples."""

    dataset: str
    column: str
    rows: int
    examples: str


class Comparison:
    """The rows of a dataset in both tables, aligned by a key, and what differs in them."""

    def __init__(self, dataset: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
        for name, table in (("machex", ours), ("torchxrayvision", theirs)):
            if not table.index.is_unique:
                raise SystemExit(f"{dataset}: a key occurs twice in the table of {name}")
        self.dataset = dataset
        common = ours.index.intersection(theirs.index, sort=False)
        self.ours, self.theirs = ours.loc[common], theirs.loc[common]
        self.only_ours = ours.loc[ours.index.difference(theirs.index, sort=False)]
        self.only_theirs = theirs.loc[theirs.index.difference(ours.index, sort=False)]
        self.differences: list[Difference] = []
        self.unexplained: list[Unexplained] = []
        self.columns: list[str] = []

    def rows(self, ours: Sequence[Reason] = (), theirs: Sequence[Reason] = ()) -> None:
        """Explains the rows that only one table has."""
        for column, table, reasons in (
            ("rows only here", self.only_ours, ours),
            ("rows only there", self.only_theirs, theirs),
        ):
            left = self._attribute(column, np.ones(len(table), dtype=bool), reasons)
            if left.any():
                examples = ", ".join(map(str, table.index[left][:3]))
                self.unexplained.append(
                    Unexplained(self.dataset, column, int(left.sum()), examples)
                )

    def folder_rows(self, folder: Path, findings: Sequence[str]) -> None:
        """Explains the rows that only one table has if the tree is what a folder holds."""
        files = [name for _, _, names in os.walk(folder) for name in names]
        present = {*files, *(os.path.splitext(name)[0] for name in files)}
        self.rows(
            ours=[(NO_LABEL_ROW, self.only_ours[list(findings)].isna().all(axis=1))],
            theirs=[(NO_IMAGE, ~self.only_theirs.index.isin(present))],
        )

    def column(self, name: str, ours: Any, theirs: Any, reasons: Sequence[Reason] = ()) -> None:
        """Compares a column; a missing value equals a missing value."""
        self.columns.append(name)
        ours, theirs = pd.Series(np.asarray(ours)), pd.Series(np.asarray(theirs))
        both_missing = ours.isna().to_numpy() & theirs.isna().to_numpy()
        equal = (ours == theirs).fillna(False).to_numpy(dtype=bool)
        left = self._attribute(name, ~(equal | both_missing), reasons)
        if left.any():
            at = np.flatnonzero(left)
            examples = [
                f"{self.ours.index[row]}: {ours[row]} here, {theirs[row]} there" for row in at[:3]
            ]
            self.unexplained.append(Unexplained(self.dataset, name, len(at), "; ".join(examples)))

    def count(self, column: str, category: Category, rows: int) -> None:
        """Adds a difference that is not one between rows of the same key."""
        if rows:
            self.differences.append(Difference(self.dataset, column, category, rows))

    def finding(self, name: str, reasons: Sequence[Reason] = ()) -> None:
        """Compares a finding by its name here; the columns of both tables bear it."""
        self.column(name, self.ours[name], self.theirs[name], reasons)

    def _attribute(self, column: str, different: Any, reasons: Sequence[Reason]) -> Any:
        """Counts the rows that each reason explains; returns the others."""
        for category, rows in reasons:
            explained = different & np.asarray(rows, dtype=bool)
            if explained.any():
                count = int(explained.sum())
                self.differences.append(Difference(self.dataset, column, category, count))
            different = different & ~explained
        return different


def labels(dataset: Any, key: Any) -> pd.DataFrame:
    """Returns the labels of a dataset of torchxrayvision under machex's names, by their key."""
    names = [FINDINGS.get(str(name), str(name)) for name in dataset.pathologies]
    table = pd.DataFrame(np.asarray(dataset.labels), columns=names)
    return table.set_index(pd.Index(key))


def sex(dataset: Any) -> Any:
    """Returns M, F or a missing value, as torchxrayvision's two columns say."""
    male, female = dataset.csv["sex_male"].to_numpy(), dataset.csv["sex_female"].to_numpy()
    return np.where(male, "M", np.where(female, "F", None))


def is_one(column: Any) -> Any:
    return np.asarray(column == 1, dtype=bool)


def is_zero(column: Any) -> Any:
    return np.asarray(column == 0, dtype=bool)


def is_uncertain(column: Any) -> Any:
    return np.asarray(column == -1, dtype=bool)


def is_missing(column: Any) -> Any:
    return np.asarray(pd.isna(column), dtype=bool)


#: Names of views that mean the same there and here.
VIEW_NAMES = {"L": "LATERAL", "AP Supine": "AP_SUPINE", "LARGE LATERAL": "LATERAL"}


def compare_views(comparison: Comparison, theirs: Any, *reasons: Any) -> None:
    """Compares the views, whose missing values torchxrayvision calls UNKNOWN.

    `reasons` are pairs of a category and of the rows that it explains.
    """
    theirs = pd.Series(np.asarray(theirs), dtype=object)
    theirs = theirs.where(theirs != "UNKNOWN", None)
    ours = comparison.ours["view"].reset_index(drop=True)
    named = theirs.map(VIEW_NAMES)
    same = (VIEW_NAME, named.notna() & (named == ours))
    comparison.column("view", ours, theirs, [same, *reasons])


def find_list(root: Path, *names: str) -> Path | None:
    """Returns the first list of these names that is in a root, compressed or not."""
    for name in names:
        for path in (root / name, root / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def joined_terms(lists: Any) -> Any:
    """Returns each list of terms as one string; that of a row without a list is empty."""
    return lists.map(lambda terms: "" if terms is None else ";".join(terms))


def without_prefix(keys: Any) -> Any:
    """Returns patient keys without the name of their dataset; missing values stay."""
    return keys.str.replace(r"^[^:]*:", "", regex=True)

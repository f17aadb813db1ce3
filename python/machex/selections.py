"""Some images of a dataset: the results of ``where`` and of ``split``, which can be chained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, Subset

from machex.criteria import VALUES, checked_criteria, matching_rows
from machex.metadata_files import concatenated, near
from machex.metadata_rows import MetadataRows
from machex.patients import split_rows
from machex.trees import PathLike

if TYPE_CHECKING:
    import pyarrow

    from machex.index import Index

Item = dict[str, Any]

#: The fractions of a split if the caller gives none.
FRACTIONS = (0.9, 0.1)

#: The name of the share of images that the release assigns to none.
UNASSIGNED = "unassigned"


class Part(Protocol):
    """The images of one dataset of a tree, as far as selections need it."""

    index: Index
    #: The metadata of all images of the index.
    metadata_rows: MetadataRows

    def chosen_rows(self) -> NDArray[np.intp]:
        """Returns the row in the index of each image."""


class Selectable(Dataset[Item]):
    """A dataset whose images can be selected by their metadata, and split."""

    def _base(self) -> Dataset[Item]:
        """The dataset that selections have positions in."""
        return self

    def _parts(self) -> Sequence[Part]:
        """The datasets of the base, in the order of its positions."""
        raise NotImplementedError

    def _positions(self) -> NDArray[np.intp]:
        """The positions of the images in the base."""
        return np.arange(sum(len(part.chosen_rows()) for part in self._parts()))

    def where(
        self,
        *,
        dataset: str | Iterable[str] | None = None,
        view: str | Iterable[str] | None = None,
        sex: str | Iterable[str] | None = None,
        age: float | Iterable[float | None] | None = None,
        findings: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> Selection:
        """Selects the images that meet all criteria::

            data.where(view="PA", sex="F", age=(18, 65), findings={"Edema": [0, 1]})
            data.where(study_date=("2015-01-01", None), frontal=True)

        A criterion is one value, a list of values, or for numbers and dates a tuple
        ``(first, last)``, which includes both ends; an end that is ``None`` is open. A criterion
        that is ``None`` does not count. An image whose value is unknown never matches.

        Args:
            dataset: names of datasets.
            view: PA, AP, AP_SUPINE, LATERAL, LL, RL, OBLIQUE or OTHER.
            sex: M, F or O.
            age: in years. It never matches where only the number of an age group is known (BRAX);
                ``age_years`` compares that number.
            findings: values by the name of the finding: 1 present, 0 absent, -1 uncertain.
            columns: values of any other column of the metadata. For ``findings_source``: terms, of
                which the image has one. For ``boxes`` and ``masks``: whether it has some.

        Returns:
            A ``torch.utils.data.Subset`` in the same order, which has ``where`` and ``split`` too.

        Raises:
            TypeError: when a criterion is not a column, or its value is of the wrong type.
            ValueError: when there is no such dataset, view, sex, split or finding.
            TreeError: when there is no metadata, or it is not that of this tree.
            ImportError: when pyarrow is not installed.
        """
        named = {"dataset": dataset, "view": view, "sex": sex, "age": age}
        criteria = checked_criteria({**columns, **named}, findings)
        parts = self._parts()
        if "dataset" in criteria:
            _check_names(criteria["dataset"], [part.index.dataset for part in parts])
        own, order = self._rows_by_part()
        found = [matching_rows(part.metadata_rows, criteria)[rows] for part, rows in own]
        return self._selected(np.concatenate([np.empty(0, np.bool_), *found])[order])

    def load_metadata(self, columns: Iterable[str] | None = None) -> pyarrow.Table:
        """Reads columns of the metadata of these images; all columns by default.

        Returns:
            A ``pyarrow.Table`` with a row for each image, in their order.

        Raises:
            TreeError: when there is no metadata, or it is not that of this tree.
            ValueError: when there is no such column. The message names similar ones.
            ImportError: when pyarrow is not installed.
        """
        if isinstance(columns, str):
            raise TypeError(f"columns must be a list of names: [{columns!r}]")
        columns = None if columns is None else list(columns)
        own, order = self._rows_by_part()
        # The columns of a selection without images are those of any dataset.
        own = own or [(self._parts()[0], np.empty(0, np.intp))]
        tables = [part.metadata_rows.read(columns).take(rows) for part, rows in own]
        return concatenated(tables).take(order)

    @overload
    def split(
        self,
        fractions: Sequence[float] = ...,
        *,
        by: Literal["patient"] = ...,
        seed: int = 0,
        patient_lists: Mapping[str, PathLike] | None = None,
    ) -> list[Selection]: ...

    @overload
    def split(self, *, by: Literal["official"]) -> dict[str, Selection]: ...

    def split(
        self,
        fractions: Sequence[float] = FRACTIONS,
        *,
        by: str = "patient",
        seed: int = 0,
        patient_lists: Mapping[str, PathLike] | None = None,
    ) -> list[Selection] | dict[str, Selection]:
        """Splits by patient, or as the releases of the datasets define it.

        Args:
            fractions, seed, patient_lists: see :func:`machex.split_by_patient`.
            by: ``"patient"`` for shares that have no patient in common. ``"official"`` for the
                split of each release, from the column ``split`` of the metadata.

        Returns:
            By patient, a subset for each fraction. By the official split, a dictionary of four:
            ``train``, ``validate``, ``test``, and ``unassigned`` for the images of datasets that
            have no official split. A subset can be empty.

        Raises:
            ValueError: when ``fractions`` or ``by`` is not valid, or ``patient_lists`` names a
                dataset that is not there.
            TreeError: when a list of patients or the metadata is needed, and cannot be used.
            ImportError: when the metadata is needed, and pyarrow is not installed.
            MachexError: when the program, which has the rules, cannot be run.
        """
        if by == "official":
            if tuple(fractions) != FRACTIONS or patient_lists:
                raise ValueError("by='official' takes neither fractions nor patient_lists")
            return self._official_split()
        if by != "patient":
            raise ValueError(f"by must be 'patient' or 'official', not {by!r}")
        names = {part.index.dataset for part in self._parts()}
        unknown = dict(patient_lists or {}).keys() - names
        if unknown:
            raise ValueError(f"patient_lists names datasets that are not there: {sorted(unknown)}")
        own, order = self._rows_by_part()
        used = {part.index.dataset for part, _ in own}
        lists = {name: path for name, path in dict(patient_lists or {}).items() if name in used}
        shares = split_rows([part.metadata_rows for part, _ in own], fractions, seed, lists)
        share_of_row = np.full(sum(len(part.index) for part, _ in own), -1)
        for share, rows in enumerate(shares):
            share_of_row[rows] = share
        starts = np.cumsum([0, *(len(part.index) for part, _ in own)])
        chosen = [start + rows for start, (_, rows) in zip(starts, own)]
        share_of = share_of_row[np.concatenate([np.empty(0, np.intp), *chosen])][order]
        return [self._selected(share_of == share) for share in range(len(shares))]

    def _official_split(self) -> dict[str, Selection]:
        own, order = self._rows_by_part()
        columns = [
            np.asarray(part.metadata_rows.read(["split"])["split"].to_pylist(), object)[rows]
            for part, rows in own
        ]
        column = np.concatenate([np.empty(0, object), *columns])[order]
        are_in = {name: column == name for name in VALUES["split"]}
        are_in[UNASSIGNED] = ~np.logical_or.reduce(list(are_in.values()))
        return {name: self._selected(is_in) for name, is_in in are_in.items()}

    def _rows_by_part(self) -> tuple[list[tuple[Part, NDArray[np.intp]]], NDArray[np.intp]]:
        """Returns the datasets that have some of the images, and the rows of these in each.

        The second value brings what all these rows have, one after the other, into the order of the
        images.
        """
        parts = self._parts()
        chosen = [part.chosen_rows() for part in parts]
        ends = np.cumsum([len(rows) for rows in chosen])
        positions = self._positions()
        part_of = np.searchsorted(ends, positions, side="right")
        own = [
            (part, rows[positions[part_of == number] - (end - len(rows))])
            for number, (part, rows, end) in enumerate(zip(parts, chosen, ends))
            if np.any(part_of == number)
        ]
        return own, np.argsort(np.argsort(part_of, kind="stable"))

    def _selected(self, is_in: NDArray[np.bool_]) -> Selection:
        """Selects some of the images."""
        return Selection(self._base(), self._positions()[is_in])


class Selection(Subset[Item], Selectable):
    """Some images of a dataset. ``indices`` are their positions in ``dataset``."""

    dataset: Selectable

    def __init__(self, dataset: Dataset[Item], positions: NDArray[np.intp]) -> None:
        super().__init__(dataset, positions.tolist())

    def __repr__(self) -> str:
        return f"<machex selection: {len(self):,} images of {self.dataset!r}>"

    def _base(self) -> Dataset[Item]:
        return self.dataset

    def _parts(self) -> Sequence[Part]:
        return self.dataset._parts()

    def _positions(self) -> NDArray[np.intp]:
        return np.asarray(self.indices, np.intp)


def _check_names(wanted: str | Iterable[str], names: Sequence[str]) -> None:
    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name not in names:
            raise ValueError(
                f"there is no dataset {name!r}{near(name, names)}, but {', '.join(names)}"
            )

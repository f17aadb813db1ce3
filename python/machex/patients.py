"""The patient of each image, and splits whose shares have no patient in common."""

from __future__ import annotations

import csv
import gzip
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Optional

import numpy as np
from numpy.typing import NDArray

from machex.columns import Columns
from machex.errors import TreeError
from machex.known import PatientList, known_datasets
from machex.metadata_rows import MetadataRows
from machex.patient_keys import patients_of_table, warn_caller
from machex.trees import PathLike

#: The dataset and the patient of each image; ``None`` stands for an unknown patient.
Patients = Sequence[Optional[tuple[str, str]]]

#: How many folders above an image to search for a list.
_LEVELS = 3


def patient_id(dataset: str, key: str) -> str | None:
    """Returns the patient that a key names; ``None`` if it names none.

    ``dataset`` is the name of the dataset's folder, such as ``mimic``. A patient id is unique only
    within its dataset.

    Raises:
        MachexError: when the program, which has the rules, cannot be run.
    """
    known = known_datasets().get(dataset)
    match = known.in_key.search(key) if known and known.in_key else None
    return match[1] if match else None


def patients_of(index: Columns, patient_list: PathLike | None = None) -> list[str | None]:
    """See :meth:`machex.Index.patient_ids`."""
    name = _known_name(index)
    dataset = known_datasets().get(name)
    listed = dataset.in_list if dataset else None
    if listed is None:
        return [patient_id(name, key) for key in index.keys]
    path = Path(patient_list) if patient_list is not None else _find_list(index, listed)
    of_key = _read_list(path, listed)
    patients = [of_key.get(key) for key in index.keys]
    missing = patients.count(None)
    if missing == len(patients) > 0:
        raise TreeError(f"{path} has none of the images of {index.root}")
    if missing:
        warn_caller(f"{path} does not tell the patients of {missing} images: each counts as one")
    return patients


def _known_name(index: Columns) -> str:
    """Returns the name that machex knows; warns if there is none."""
    name = _find_known_name(index)
    if name is not None:
        return name
    warn_caller(
        f"nothing tells the patients of {index.dataset!r}, which is the folder of no dataset that "
        "machex knows: each of its images counts as a patient of its own"
    )
    return index.dataset


def _find_known_name(index: Columns) -> str | None:
    """Returns the name that machex knows: the folder's own, or that of the target of a link."""
    names = (index.dataset, os.path.basename(os.path.realpath(index.root)))
    return next((name for name in names if name in known_datasets()), None)


def _find_list(index: Columns, listed: PatientList) -> Path:
    """Finds the list near the source files. A mount has their paths in an extended attribute."""
    try:
        attribute = os.getxattr(index.paths[0], "user.machex.source")
        source = Path(os.fsdecode(attribute))
    except (OSError, IndexError, AttributeError):
        # Not a mount, an empty dataset, or an operating system without such attributes.
        source = Path()
    for folder in list(source.parents)[:_LEVELS]:
        for name in (listed.name, f"{listed.name}.gz"):
            if (folder / name).is_file():
                return folder / name
    raise TreeError(
        f"{index.dataset}: its keys do not tell the patients, and {listed.name} is not beside its "
        f"images; say where it is: patient_lists={{{index.dataset!r}: '/path/to/{listed.name}'}} "
        "(patient_list='...' for one dataset)"
    )


def _read_list(path: Path, listed: PatientList) -> dict[str, str]:
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = csv.reader(file)
            head = next(rows, [])
            missing = [name for name in (listed.image, listed.patient) if name not in head]
            if missing:
                raise TreeError(f"{path} has no column {missing[0]!r}")
            image, patient = head.index(listed.image), head.index(listed.patient)
            last = max(image, patient)
            return {row[image]: row[patient] for row in rows if len(row) > last and row[patient]}
    except (OSError, EOFError, csv.Error) as error:
        raise TreeError(f"{path} cannot be read: {error}") from error


def split_by_patient(
    indexes: Columns | Sequence[Columns],
    fractions: Sequence[float] = (0.9, 0.1),
    *,
    seed: int = 0,
    patient_lists: Mapping[str, PathLike] | None = None,
    metadata: PathLike | None = None,
) -> list[NDArray[np.intp]]:
    """Splits images into shares that have no patient in common.

    The share of a patient depends only on ``seed``, the dataset and the patient. It stays the same
    when you add datasets or lateral views. For this reason, the sizes of the shares are close to
    the fractions, not exact. An image whose patient is unknown counts as a patient of its own.

    RSNA and SIIM-ACR are drawn from ChestX-ray14 under other names. Where the metadata table names
    the patient in ChestX-ray14 (with RSNA's official mapping), all images of the patient are in one
    share. Otherwise do not train on one of these three and validate on another. The function
    warns you if a patient could be in two shares.

    Args:
        indexes: one index, or several. The rows of each continue the count of the one before, as in
            :class:`machex.MaCheXDataset`.
        fractions: the fraction of the patients in each share; together at most 1.
        seed: another seed gives other shares.
        patient_lists: the CSVs with the patients, by dataset; see :meth:`Index.patient_ids`.
        metadata: a table that ``machex metadata`` has written; by default, the tables in the
            folders of the datasets, if there are any. It is read only for datasets whose keys do
            not name the patients, and needs pyarrow.

    Returns:
        For each fraction, an array of the rows of that share, ascending.

    Raises:
        ValueError: when the fractions are not valid, or ``patient_lists`` names another dataset.
        TreeError: when a list of patients is needed, and is not found or cannot be used; or when
            the metadata is not that of this tree.
        MachexError: when the program, which has the rules, cannot be run.
    """
    indexes = list(indexes) if isinstance(indexes, Sequence) else [indexes]
    for index in indexes:
        if not hasattr(index, "has_label"):
            raise TypeError(f"indexes must be what machex.load_index returns, not {index!r}")
    tables = [MetadataRows(index, metadata) for index in indexes]
    return split_rows(tables, fractions, seed, patient_lists)


def split_rows(
    tables: Sequence[MetadataRows],
    fractions: Sequence[float],
    seed: int,
    patient_lists: Mapping[str, PathLike] | None,
) -> list[NDArray[np.intp]]:
    """See :func:`split_by_patient`; each table is that of one index."""
    fractions = tuple(fractions)
    if not all(fraction >= 0 for fraction in fractions) or sum(fractions) > 1 + 1e-9:
        raise ValueError(f"fractions must not be negative and add up to at most 1: {fractions}")
    patient_lists = dict(patient_lists or {})
    unknown = patient_lists.keys() - {table.index.dataset for table in tables}
    if unknown:
        raise ValueError(f"patient_lists names datasets that are not there: {sorted(unknown)}")
    patients = [_told_patients(table, patient_lists.get(table.index.dataset)) for table in tables]
    _warn_of_overlap([table.index for table in tables], patients)
    places = np.empty(0)
    for table, each in zip(tables, patients):
        places = np.append(places, _places(seed, table.index, each))
    bounds = np.cumsum([0.0, *fractions])
    # If the fractions add up to 1, the last share also gets what rounding leaves over.
    bounds[-1] = 1.0 if bounds[-1] > 1 - 1e-9 else bounds[-1]
    return [
        np.flatnonzero((low <= places) & (places < high))
        for low, high in zip(bounds[:-1], bounds[1:])
    ]


def _told_patients(table: MetadataRows, patient_list: PathLike | None) -> Patients:
    """Returns the dataset and the patient of each image.

    Keys and lists come before the table, so that a patient stays on the side where a split without
    a table has it.
    """
    index = table.index
    name = _find_known_name(index)
    rule = known_datasets()[name] if name is not None else None
    told: Patients | None = None
    if rule is None and patient_list is None:
        told = patients_of_table(table, rule)
        if told is not None and any(told):
            return told
    try:
        own = patients_of(index, patient_list)
    except TreeError:
        if patient_list is None:
            told = patients_of_table(table, rule)
        if told is None:
            raise
        return told
    # The keys of some editions tell nothing. A dataset whose patients nothing tells, and which has
    # none in common with others, has none in the table either.
    may_tell = rule is not None and (rule.in_key is not None or rule.patient_pool is not None)
    if may_tell and patient_list is None and not any(own):
        told = patients_of_table(table, rule)
    # Other members of the pool have the name of the dataset, not that of a link to its folder.
    home = index.dataset
    if name is not None and known_datasets()[name].patient_pool is not None:
        home = name
    return told or [None if patient is None else (home, patient) for patient in own]


def _warn_of_overlap(indexes: Sequence[Columns], patients: Sequence[Patients]) -> None:
    """Warns if several datasets have patients in common that nothing shows."""
    pools = defaultdict(set)
    unknown = set()
    for index, each in zip(indexes, patients):
        # A folder with a name of its own may have patients of a pool, as its table says.
        names = {patient[0] for patient in each if patient is not None}
        names.add(_find_known_name(index) or index.dataset)
        for known in filter(None, map(known_datasets().get, names)):
            if known.patient_pool:
                pools[known.patient_pool].add(index.dataset)
                if None in each:
                    unknown.add(index.dataset)
    for overlapping in pools.values():
        if len(overlapping) > 1 and overlapping & unknown:
            warn_caller(
                f"{', '.join(sorted(overlapping))} have patients in common under other names, "
                "which may be in several shares: take one of them, or keep them on one side"
            )


def _places(seed: int, index: Columns, patients: Patients) -> NDArray[np.float64]:
    """Returns a number in [0, 1) for each image, the same for all images of a patient."""
    known: dict[str, float] = {}
    places = np.empty(len(index))
    for row, patient in enumerate(patients):
        if patient is None:
            name = f"{index.dataset} key {index.keys[row]}"
        else:
            name = f"{patient[0]} patient {patient[1]}"
        place = known.get(name)
        if place is None:
            content = f"{seed} {name}".encode("utf-8", "surrogatepass")
            digest = blake2b(content, digest_size=8).digest()
            # A double holds 53 bits, so no number is rounded up to 1.
            place = known[name] = (int.from_bytes(digest, "big") >> 11) / (1 << 53)
        places[row] = place
    return places

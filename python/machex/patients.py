"""The patient of each image, and splits whose shares have no patient in common."""

from __future__ import annotations

import csv
import gzip
import os
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from machex.columns import Columns
from machex.errors import TreeError
from machex.known import PatientList, known_datasets
from machex.trees import PathLike

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
        _warn(f"{path} does not tell the patients of {missing} images: each counts as one")
    return patients


def _known_name(index: Columns) -> str:
    """Returns the name that machex knows: the folder's own, or that of the target of a link."""
    names = (index.dataset, os.path.basename(os.path.realpath(index.root)))
    for name in names:
        if name in known_datasets():
            return name
    _warn(
        f"nothing tells the patients of {index.dataset!r}, which is the folder of no dataset that "
        "machex knows: each of its images counts as a patient of its own"
    )
    return index.dataset


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)


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
) -> list[NDArray[np.intp]]:
    """Splits images into shares that have no patient in common.

    The share of a patient depends only on ``seed``, the dataset and the patient. It stays the same
    when you add datasets or lateral views. For this reason, the sizes of the shares are close to
    the fractions, not exact. An image whose patient is unknown counts as a patient of its own.

    Patients are compared only within a dataset. RSNA and SIIM-ACR are drawn from ChestX-ray14 under
    other names: do not train on one of these three and validate on another. The function warns you
    if a patient could be in two shares.

    Args:
        indexes: one index, or several. The rows of each continue the count of the one before, as in
            :class:`machex.MaCheXDataset`.
        fractions: the fraction of the patients in each share; together at most 1.
        seed: another seed gives other shares.
        patient_lists: the CSVs with the patients, by dataset; see :meth:`Index.patient_ids`.

    Returns:
        For each fraction, an array of the rows of that share, ascending.

    Raises:
        ValueError: when the fractions are not valid, or ``patient_lists`` names another dataset.
        TreeError: when a list of patients is needed, and is not found or cannot be used.
        MachexError: when the program, which has the rules, cannot be run.
    """
    fractions = tuple(fractions)
    if not all(fraction >= 0 for fraction in fractions) or sum(fractions) > 1 + 1e-9:
        raise ValueError(f"fractions must not be negative and add up to at most 1: {fractions}")
    indexes = list(indexes) if isinstance(indexes, Sequence) else [indexes]
    for index in indexes:
        if not hasattr(index, "has_label"):
            raise TypeError(f"indexes must be what machex.load_index returns, not {index!r}")
    patient_lists = dict(patient_lists or {})
    unknown = patient_lists.keys() - {index.dataset for index in indexes}
    if unknown:
        raise ValueError(f"patient_lists names datasets that are not there: {sorted(unknown)}")
    warn_of_overlap(indexes)
    places = np.empty(0)
    for index in indexes:
        patients = patients_of(index, patient_lists.get(index.dataset))
        places = np.append(places, _places(seed, index, patients))
    bounds = np.cumsum([0.0, *fractions])
    # If the fractions add up to 1, the last share also gets what rounding leaves over.
    bounds[-1] = 1.0 if bounds[-1] > 1 - 1e-9 else bounds[-1]
    return [
        np.flatnonzero((low <= places) & (places < high))
        for low, high in zip(bounds[:-1], bounds[1:])
    ]


def warn_of_overlap(indexes: Sequence[Columns]) -> None:
    """Warns if several datasets have patients in common that no key shows."""
    names = sorted({index.dataset for index in indexes})
    if len(names) < 2:
        return
    pools = defaultdict(list)
    for name in names:
        known = known_datasets().get(name)
        if known and known.patient_pool:
            pools[known.patient_pool].append(name)
    for overlapping in pools.values():
        if len(overlapping) > 1:
            _warn(
                f"{', '.join(overlapping)} have patients in common under other names, which may "
                "be in several shares: take one of them, or keep them on one side"
            )


def _places(seed: int, index: Columns, patients: Sequence[str | None]) -> NDArray[np.float64]:
    """Returns a number in [0, 1) for each image, the same for all images of a patient."""
    known: dict[str, float] = {}
    places = np.empty(len(index))
    for row, patient in enumerate(patients):
        name = f"key {index.keys[row]}" if patient is None else f"patient {patient}"
        place = known.get(name)
        if place is None:
            content = f"{seed} {index.dataset} {name}".encode("utf-8", "surrogatepass")
            digest = blake2b(content, digest_size=8).digest()
            # A double holds 53 bits, so no number is rounded up to 1.
            place = known[name] = (int.from_bytes(digest, "big") >> 11) / (1 << 53)
        places[row] = place
    return places

"""The patients of images in the metadata table, whose keys are unique over all datasets."""

from __future__ import annotations

import sys
import warnings

from machex.known import KnownDataset, known_datasets
from machex.metadata_rows import MetadataRows


def patients_of_table(
    table: MetadataRows, rule: KnownDataset | None
) -> list[tuple[str, str] | None] | None:
    """Returns the dataset and the patient of each image; ``None`` if there is no table.

    In the list, ``None`` stands for an unknown patient. ``rule`` is that of the dataset; if its
    folder has a name of its own, the table names the dataset.

    Raises:
        TreeError: when the table is not that of the index.
    """
    if not table.exist():
        return None
    try:
        columns = table.read(["patient_key", "dataset"])
    except ImportError as error:
        # A split without metadata needs NumPy only, even if a mount has a table.
        warn_caller(f"{table.index.dataset}: its metadata does not tell the patients: {error}")
        return None
    if rule is None and len(columns) > 0:
        rule = known_datasets().get(columns["dataset"][0].as_py())
    home = _home(rule)
    keys = columns["patient_key"].to_pylist()
    return [None if key is None else _split_key(key, home) for key in keys]


def _home(rule: KnownDataset | None) -> str | None:
    """Returns the dataset of a pool whose keys name the patients: ChestX-ray14 for RSNA."""
    if rule is None or rule.patient_pool is None:
        return None
    members = known_datasets().items()
    return next(
        (name for name, own in members if own.patient_pool == rule.patient_pool and own.in_key),
        None,
    )


def _split_key(key: str, home: str | None) -> tuple[str, str]:
    prefix, _, patient = key.partition(":")
    # The prefix of a pool is not the name of a dataset.
    return (prefix if home is None or prefix in known_datasets() else home), patient


def warn_caller(message: str) -> None:
    """Warns at the line outside the package that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("machex."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)

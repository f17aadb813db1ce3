"""The patients of images by the metadata table, whose keys are unique over all datasets."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping

from machex.metadata_rows import MetadataRows

#: The dataset that gives the ids of a prefix of ``patient_key``; elsewhere the prefix is that
#: dataset. ChestX-ray14's patients are also in RSNA and SIIM-ACR.
_DATASET_OF_PREFIX: Mapping[str, str] = {"nih": "chex-ray14"}


def patients_of_table(table: MetadataRows) -> list[tuple[str, str] | None] | None:
    """Returns the dataset and the patient of each image; ``None`` if there is no table.

    In the list, ``None`` stands for an unknown patient.

    Raises:
        TreeError: when the table is not that of the index.
    """
    if not table.exist():
        return None
    try:
        keys = table.read(["patient_key"])["patient_key"].to_pylist()
    except ImportError as error:
        # A split without metadata needs NumPy only, and a mount may have a table all the same.
        warn_caller(f"{table.index.dataset}: its metadata does not tell the patients: {error}")
        return None
    return [None if key is None else _split_key(key) for key in keys]


def _split_key(key: str) -> tuple[str, str]:
    prefix, _, patient = key.partition(":")
    return _DATASET_OF_PREFIX.get(prefix, prefix), patient


def warn_caller(message: str) -> None:
    """Warns at the line outside the package that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("machex."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)

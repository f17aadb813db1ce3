"""The findings of a ``class_label``."""

from __future__ import annotations

#: The 13 findings, in the order of a ``class_label``. Its values are 1 (positive), -1 (negative)
#: and 0 (uncertain, or not mentioned).
LABELS: tuple[str, ...] = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)

"""Writes made-up lists of the datasets whose real ones only registered users get.

They hold every value that the real lists are known to hold, and every combination of labels that
machex and torchxrayvision treat differently. They name no real patient.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

#: In alphabetical order, as in the lists of MIMIC-CXR-JPG.
LABELS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "No Finding",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
)
#: The frequent ones more often than the rare ones.
MIMIC_VIEWS = (
    *("AP", "PA", "LATERAL", "LL") * 10,
    *("", "PA LLD", "LAO", "RAO", "AP AXIAL", "AP LLD", "AP RLD"),
    *("XTABLE LATERAL", "PA RLD", "LPO", "SWIMMERS"),
)
BRAX_VIEWS = (*("PA", "AP", "L") * 5, "RL", "LL", "")

STUDIES = 1200


def write_mimic(root: Path) -> None:
    """Writes the lists of MIMIC-CXR-JPG. One study in ten has no row of labels."""
    draw = random.Random(1)
    images: list[list[object]] = []
    splits: list[list[object]] = []
    labels: list[list[object]] = []
    for study in range(STUDIES):
        subject, number = 10_000_032 + study // 2 * 13, 50_000_000 + study
        if study % 10 != 9:
            labels.append([subject, number, *_labels(draw, study)])
        for image in range(1 + study % 3):
            name = f"{draw.getrandbits(32):08x}-{study:08x}-{image:08x}-00000000-00000000"
            view = MIMIC_VIEWS[len(images) % len(MIMIC_VIEWS)]
            images.append([name, subject, number, "CHEST", view, 3056, 2544, 21_800_506, 213014.5])
            splits.append([name, number, subject, ("train", "validate", "test")[study % 3]])
    columns = "dicom_id subject_id study_id PerformedProcedureStepDescription ViewPosition"
    columns += " Rows Columns StudyDate StudyTime"
    write_csv(root / "mimic-cxr-2.0.0-metadata.csv", columns.split(), images)
    split_columns = ["dicom_id", "study_id", "subject_id", "split"]
    write_csv(root / "mimic-cxr-2.0.0-split.csv", split_columns, splits)
    write_csv(root / "mimic-cxr-2.0.0-chexpert.csv", ["subject_id", "study_id", *LABELS], labels)


def write_brax(root: Path) -> None:
    """Writes the list of BRAX. One image in 50 is a strip, which torchxrayvision leaves out."""
    draw = random.Random(2)
    rows: list[list[object]] = []
    for image in range(STUDIES):
        patient = f"{image // 2:032x}"
        path = f"images/id_{patient}/Study_1.{image}/Series_1.{image}/image-1.{image}.png"
        sex = "MFO"[image // 2 % 3]
        age = "85 or more" if image % 11 == 0 else str(image // 2 % 17 * 5)
        height = 80 if image % 50 == 49 else 2544
        rows.append(
            [
                *(
                    "Anonymized_DICOMs/x.dcm",
                    f"{path}/sample",
                    patient,
                    sex,
                    age,
                    7_000_000 + image,
                ),
                *(21_070_101, *_labels(draw, image), BRAX_VIEWS[image % len(BRAX_VIEWS)]),
                *(height, 3056, 1),
            ]
        )
    columns = ["DicomPath", "PngPath", "PatientID", "PatientSex", "PatientAge", "AccessionNumber"]
    columns += ["StudyDate", *LABELS, "ViewPosition", "Rows", "Columns", "Manufacturer"]
    write_csv(root / "master_spreadsheet_update.csv", columns, rows)


def write_objcxr(root: Path) -> None:
    """Writes the list of object-CXR, and files of its names."""
    shapes = ("", "0 10 20 30 40", "1 5 5 60 50;0 1 2 3 4", "2 10 10 20 10 20 20 10 20")
    rows = [[f"{image:05}.jpg", shapes[image % len(shapes)]] for image in range(1, 101)]
    write_csv(root / "train.csv", ["image_name", "annotation"], rows)
    (root / "train").mkdir()
    for name, _ in rows:
        (root / "train" / name).touch()


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _labels(draw: random.Random, study: int) -> list[str]:
    """Draws the labels of a study: 1.0, 0.0, -1.0 or blank, by their names in `LABELS`."""
    kind = study % 4
    cells = {name: draw.choice(("1.0", "0.0", "-1.0", "", "")) for name in LABELS}
    cells["No Finding"] = ""
    if kind == 3:
        # Nothing was found. In one such study of five, another label says the opposite.
        cells = dict.fromkeys(LABELS, "")
        cells["No Finding"] = "1.0"
        cells["Support Devices"] = draw.choice(("1.0", "0.0", "-1.0", ""))
        if study % 5 == 0:
            cells["Pneumonia"] = draw.choice(("1.0", "-1.0"))
    elif kind == 2 and study % 8 == 2:
        cells = dict.fromkeys(LABELS, "")
    return [cells[name] for name in LABELS]

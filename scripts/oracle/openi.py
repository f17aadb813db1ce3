"""Open-i: torchxrayvision looks for parts of words in the terms of an automatic indexer."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

import pandas as pd
from categories import AUTOMATIC_ONLY, BROADER, MAJOR_ONLY, NOT_INDEXED
from comparison import (
    Comparison,
    compare_views,
    find_list,
    is_missing,
    is_one,
    is_zero,
    labels,
    without_prefix,
)
from torchxrayvision import datasets

#: The human indexers' headings that make a finding, in lower case. A heading may be followed by
#: qualifiers, `opacity/lung/base`; with a slash at its end it stands with its first qualifier.
HEADINGS = {
    "Atelectasis": ["pulmonary atelectasis"],
    "Cardiomegaly": ["cardiomegaly"],
    "Edema": ["pulmonary edema"],
    "Emphysema": ["emphysema", "pulmonary emphysema", "bullous emphysema"],
    "Fibrosis": ["pulmonary fibrosis"],
    "Fracture": ["fractures, bone"],
    "Granuloma": ["granuloma", "calcified granuloma"],
    "Hernia": ["hernia, hiatal", "hernia, diaphragmatic"],
    "Infiltration": ["infiltrate"],
    "Lung Lesion": ["nodule", "cavitation"],
    "Lung Opacity": ["opacity", "airspace disease", "consolidation", "infiltrate"],
    "Mass": [],
    "Nodule": ["nodule"],
    "Pleural Effusion": [
        "pleural effusion",
        "hydropneumothorax",
        "hemothorax",
        "hemopneumothorax",
    ],
    "Pleural Thickening": ["thickening/pleura"],
    "Pneumonia": ["pneumonia"],
    "Pneumothorax": ["pneumothorax", "hydropneumothorax", "hemopneumothorax"],
}

#: torchxrayvision's findings without a column of their own here: narrower than Granuloma.
NO_COLUMN = ("Calcified Granuloma",)


def compare(root: Path, ours: pd.DataFrame) -> Comparison | None:
    reports = root / "ecgen-radiology"
    headers = find_list(root, "nlmcxr_dicom_metadata.csv")
    if not reports.is_dir() or headers is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        # torchxrayvision reads the archive.
        archive = Path(folder) / "NLMCXR_reports.tgz"
        with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
            packed.add(reports, "ecgen-radiology")
        data = datasets.Openi_Dataset(
            imgpath=root,
            xmlpath=str(archive),
            dicomcsv_path=str(headers),
            views=["*"],
            unique_patients=False,
        )
    theirs = labels(data, data.csv["imageid"])
    findings = [name for name in theirs.columns if name not in NO_COLUMN]
    for name in ("patientid", "view", "labels_major", "labels_automatic"):
        theirs[name] = data.csv[name].to_numpy()
    stem = ours["key"].str.replace(r"(?:\.dcm)?\.png$", "", regex=True)
    result = Comparison("openi", ours.set_index(stem), theirs)
    result.rows()
    result.column("patient", without_prefix(result.ours["patient_key"]), result.theirs["patientid"])
    compare_views(result, result.theirs["view"])
    major = result.theirs["labels_major"].map(_headings)
    not_indexed = major.map(lambda found: found <= NOT_INDEXED_HEADINGS)
    for finding in findings:
        column, automatic = result.ours[finding], result.theirs[finding]
        found = major.map(lambda found, wanted=frozenset(HEADINGS[finding]): bool(found & wanted))
        reasons = [
            (NOT_INDEXED, is_missing(column) & not_indexed),
            (MAJOR_ONLY, is_one(column) & found & is_zero(automatic)),
            (AUTOMATIC_ONLY, is_zero(column) & ~found & is_one(automatic)),
        ]
        if finding == "Mass":
            is_mass = major.map(lambda found: "mass" in found)
            reasons.append((BROADER, is_missing(column) & is_mass))
        result.finding(finding, reasons)
    return result


NOT_INDEXED_HEADINGS = frozenset(["no indexing", "technical quality of image unsatisfactory"])


def _headings(terms: str) -> frozenset[str]:
    """Returns the headings of a report, alone and with their first qualifier."""
    found = set()
    for term in terms.split("|"):
        parts = [" ".join(part.split()) for part in term.split("/")]
        found.add(parts[0])
        if parts[0] == "thickening" and len(parts) > 1:
            found.add("/".join(parts[:2]))
    return frozenset(found)

"""Open-i: torchxrayvision looks for parts of words in the terms of an automatic indexer."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

import pandas as pd
from categories import (
    AUTOMATIC_ONLY,
    BROADER,
    MAJOR_ONLY,
    NAME_IN_LIST,
    NARROWER,
    NOT_INDEXED,
    PROJECTION,
    SUBSTRING,
)
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

#: The human indexers' headings that name a finding, in lower case. A heading may be followed by
#: qualifiers, `opacity/lung/base`; one with a slash here stands with its first qualifier.
HEADINGS = {
    "Atelectasis": ["pulmonary atelectasis"],
    "Cardiomegaly": ["cardiomegaly"],
    "Edema": ["pulmonary edema"],
    "Emphysema": ["emphysema", "pulmonary emphysema"],
    "Fibrosis": ["pulmonary fibrosis"],
    "Fracture": ["fractures, bone"],
    "Granuloma": ["granuloma"],
    "Hernia": [],
    "Infiltration": ["infiltrate"],
    "Lung Lesion": [],
    "Lung Opacity": ["opacity"],
    "Mass": [],
    "Nodule": ["nodule"],
    "Pleural Effusion": ["pleural effusion"],
    "Pleural Thickening": ["thickening/pleura"],
    "Pneumonia": ["pneumonia"],
    "Pneumothorax": ["pneumothorax"],
}

#: Headings that are narrower than a finding.
NARROWER_HEADINGS = {
    "Emphysema": ["bullous emphysema"],
    "Granuloma": ["calcified granuloma"],
    "Hernia": ["hernia, hiatal", "hernia, diaphragmatic"],
    "Lung Lesion": ["nodule", "cavitation"],
    "Lung Opacity": ["airspace disease", "consolidation", "infiltrate"],
    "Pleural Effusion": ["hydropneumothorax", "hemothorax", "hemopneumothorax"],
    "Pneumothorax": ["hydropneumothorax", "hemopneumothorax"],
}

#: What torchxrayvision looks for, and terms that contain it and are another finding.
OTHER_TERMS = {
    "Emphysema": ("emphysema", r"subcutaneous emphysemas?"),
    "Fibrosis": ("fibrosis", r"cystic fibrosis"),
    "Granuloma": ("granuloma", r"granulomatous"),
    "Mass": ("mass", r"(?:mediastinal|thyroid) mass(?:es)?"),
    "Pleural Effusion": ("effusion", r"pericardial effusions?"),
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
    result.folder_rows(root, ["No Finding"])
    result.column("patient", without_prefix(result.ours["patient_key"]), result.theirs["patientid"])
    # NLM's names of the first report have its number twice, and the list of headers once.
    is_first = pd.Series(result.ours.index.str.startswith("CXR1_1_"))
    # Kaggle's list of projections has no other values.
    is_projection = result.ours["view_raw"].isin(["Frontal", "Lateral"])
    reasons = (NAME_IN_LIST, is_first), (PROJECTION, is_projection)
    compare_views(result, result.theirs["view"], *reasons)
    major = result.theirs["labels_major"].map(_headings)
    not_indexed = major.map(lambda found: found <= NOT_INDEXED_HEADINGS)
    for finding in findings:
        column, automatic = result.ours[finding], result.theirs[finding]
        named = _has_one(major, HEADINGS[finding])
        narrower = _has_one(major, NARROWER_HEADINGS.get(finding, []))
        too_few, too_many = is_one(column) & is_zero(automatic), is_zero(column) & is_one(automatic)
        reasons = [
            (NOT_INDEXED, is_missing(column) & not_indexed),
            (MAJOR_ONLY, too_few & named),
            (NARROWER, too_few & narrower),
        ]
        if finding in OTHER_TERMS:
            word, other = OTHER_TERMS[finding]
            rest = result.theirs["labels_automatic"].str.replace(other, "", regex=True)
            reasons.append((SUBSTRING, too_many & ~rest.str.contains(word)))
        reasons.append((AUTOMATIC_ONLY, too_many & ~named & ~narrower))
        if finding == "Mass":
            is_mass = major.map(lambda found: "mass" in found)
            reasons.append((BROADER, is_missing(column) & is_mass))
        result.finding(finding, reasons)
    return result


NOT_INDEXED_HEADINGS = frozenset(["no indexing", "technical quality of image unsatisfactory"])


def _has_one(headings: pd.Series, wanted: list[str]) -> pd.Series:
    return headings.map(lambda found: not found.isdisjoint(wanted))


def _headings(terms: str) -> frozenset[str]:
    """Returns the headings of a report, alone and with their first qualifier."""
    found = set()
    for term in terms.split("|"):
        parts = [" ".join(part.split()) for part in term.split("/")]
        found.add(parts[0])
        if parts[0] == "thickening" and len(parts) > 1:
            found.add("/".join(parts[:2]))
    return frozenset(found)

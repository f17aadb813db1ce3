"""CheXpert, MIMIC-CXR-JPG and BRAX, which have the labels of CheXpert's labeler."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from categories import (
    AGE_ZERO,
    CONTRADICTION,
    DEVICES,
    NO_LABEL_ROW,
    RADIOLOGISTS,
    SEX_OTHER,
    STRIPS,
    UNCERTAIN,
    VIEW_NOT_IN_TREE,
)
from comparison import (
    Comparison,
    compare_views,
    find_list,
    is_missing,
    is_one,
    is_uncertain,
    is_zero,
    labels,
    sex,
    without_prefix,
)
from torchxrayvision import datasets

#: The views of the tree. It has none of the other codes, and none of a blank.
MIMIC_VIEWS = ("AP", "PA", "LL", "LATERAL")
BRAX_VIEWS = ("AP", "PA", "L")


def compare_chexpert(root: Path, ours: pd.DataFrame) -> Comparison | None:
    path = find_list(root, "train.csv", "CheXpert-v1.0 batch 1 (validate & csv)/train.csv")
    if path is None:
        return None
    data = datasets.CheX_Dataset(
        imgpath=root, csvpath=str(path), views=["*"], unique_patients=False
    )
    release = r"^CheXpert-v1\.0[^/]*/"
    theirs = labels(data, data.csv["Path"].str.replace(release, "", regex=True))
    findings = list(theirs.columns)
    _add_raw_labels(theirs, data, findings)
    theirs["patient"] = data.csv["patientid"].to_numpy()
    theirs["age"] = data.csv["age_years"].to_numpy()
    theirs["sex"] = sex(data)
    theirs["view"] = data.csv["view"].to_numpy()
    ours = ours.set_index(ours["key"].str.replace(release, "", regex=True))
    result = Comparison("chexpert", ours, theirs)
    result.rows()
    result.column("patient", without_prefix(result.ours["patient_key"]), result.theirs["patient"])
    age = result.ours["age_years"]
    unknown = is_missing(age) & is_zero(result.theirs["age"])
    result.column("age", age, result.theirs["age"], [(AGE_ZERO, unknown)])
    result.column("sex", result.ours["sex"], result.theirs["sex"])
    compare_views(result, result.theirs["view"])
    _compare_findings(result, findings)
    return result


def compare_mimic(root: Path, ours: pd.DataFrame) -> Comparison | None:
    path = find_list(root, "mimic-cxr-2.0.0-chexpert.csv")
    images = find_list(root, "mimic-cxr-2.0.0-metadata.csv")
    if path is None or images is None:
        return None
    data = datasets.MIMIC_Dataset(
        imgpath=root,
        csvpath=str(path),
        metacsvpath=str(images),
        views=["*"],
        unique_patients=False,
    )
    theirs = labels(data, data.csv["dicom_id"])
    findings = list(theirs.columns)
    _add_raw_labels(theirs, data, findings)
    theirs["patient"] = data.csv["patientid"].to_numpy()
    theirs["view"] = data.csv["view"].to_numpy()
    # Studies whose images are not in the list of images have a row without an image.
    theirs = theirs[theirs.index.notna()]
    ours = ours.set_index(ours["key"].str.extract(r"([^/]+)\.jpg$", expand=False))
    result = Comparison("mimic", ours, theirs)
    studies = set(data.csv["study_id"].astype(str))
    study = result.only_ours["key"].str.extract(r"/s(\d+)/", expand=False)
    unlabelled = ~study.isin(studies) & result.only_ours[findings].isna().all(axis=1)
    other_view = ~result.only_theirs["view"].isin(MIMIC_VIEWS)
    result.rows(ours=[(NO_LABEL_ROW, unlabelled)], theirs=[(VIEW_NOT_IN_TREE, other_view)])
    result.column("patient", without_prefix(result.ours["patient_key"]), result.theirs["patient"])
    compare_views(result, result.theirs["view"])
    _compare_findings(result, findings)
    return result


def compare_brax(root: Path, ours: pd.DataFrame) -> Comparison | None:
    path = find_list(root, "master_spreadsheet_update.csv", "master_spreadsheet.csv")
    if path is None:
        return None
    data = datasets.BRAX_Dataset(
        imgpath=root, csvpath=str(path), views=["*"], unique_patients=False
    )
    key = data.csv["PngPath"].str.replace(r"(?<=\.png).*$", "", regex=True)
    theirs = labels(data, key)
    findings = list(theirs.columns)
    _add_raw_labels(theirs, data, findings)
    theirs["patient"] = data.csv["patientid"].astype(str).to_numpy()
    theirs["age"] = data.csv["age_years"].to_numpy()
    theirs["sex"] = sex(data)
    theirs["view"] = data.csv["view"].to_numpy()
    result = Comparison("brax", ours.set_index("key"), theirs)
    listed = pd.read_csv(path)
    listed.index = pd.Index(listed["PngPath"].str.replace(r"(?<=\.png).*$", "", regex=True))
    sides = listed.loc[result.only_ours.index, ["Rows", "Columns"]]
    strips = sides.max(axis=1) > 10 * sides.min(axis=1)
    other_view = ~result.only_theirs["view"].isin(BRAX_VIEWS)
    result.rows(ours=[(STRIPS, strips)], theirs=[(VIEW_NOT_IN_TREE, other_view)])
    result.column("patient", without_prefix(result.ours["patient_key"]), result.theirs["patient"])
    result.column("age", result.ours["age_years"], result.theirs["age"])
    other = (result.ours["sex"] == "O") & is_missing(result.theirs["sex"])
    result.column("sex", result.ours["sex"], result.theirs["sex"], [(SEX_OTHER, other)])
    compare_views(result, result.theirs["view"])
    _compare_findings(result, findings)
    return result


def _add_raw_labels(theirs: pd.DataFrame, data: datasets.Dataset, findings: list[str]) -> None:
    """Adds what the labels do not tell: where nothing was found, and which cells were -1."""
    theirs["nothing found"] = is_one(data.csv["No Finding"])
    for finding in findings:
        theirs[f"{finding}: -1"] = is_uncertain(data.csv[finding])


def _compare_findings(result: Comparison, findings: list[str]) -> None:
    nothing_found = np.asarray(result.theirs["nothing found"], dtype=bool)
    # Of MIMIC-CXR-JPG: the list of the test set, which torchxrayvision does not read.
    by_others = (RADIOLOGISTS, result.ours["label_source"] == "radiologists")
    for finding in findings:
        ours, theirs = result.ours[finding], result.theirs[finding]
        # torchxrayvision has set all to 0 where nothing was found.
        overruled = nothing_found & is_zero(theirs)
        if finding == "Support Devices":
            reasons = [by_others, (DEVICES, overruled)]
        else:
            contradicts = overruled & (is_one(ours) | is_uncertain(ours))
            reasons = [by_others, (CONTRADICTION, contradicts)]
        uncertain = np.asarray(result.theirs[f"{finding}: -1"], dtype=bool)
        both = [*reasons, (UNCERTAIN, is_uncertain(ours) & uncertain)]
        result.finding(finding, both)
        result.column(f"{finding}: -1", is_uncertain(ours), uncertain, reasons)

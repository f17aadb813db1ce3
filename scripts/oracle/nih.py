"""ChestX-ray14, and Google's labels of a part of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from categories import NARROWER_ABSENT, NOT_IN_TRAIN_VAL, TEXT_MINED
from comparison import (
    Comparison,
    compare_views,
    find_list,
    is_missing,
    is_one,
    is_zero,
    labels,
    sex,
    without_prefix,
)
from torchxrayvision import datasets


def compare(root: Path, ours: pd.DataFrame) -> Comparison | None:
    entries = find_list(root, "Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
    if entries is None:
        return None
    boxes = find_list(root, "BBox_List_2017.csv")
    data = datasets.NIH_Dataset(
        imgpath=root,
        csvpath=str(entries),
        bbox_list_path=str(boxes) if boxes else datasets.USE_INCLUDED_FILE,
        views=["*"],
        unique_patients=False,
    )
    theirs = labels(data, data.csv["Image Index"])
    findings = list(theirs.columns)
    theirs["patient"] = data.csv["patientid"].to_numpy()
    theirs["age"] = data.csv["age_years"].to_numpy()
    theirs["sex"] = sex(data)
    theirs["view"] = data.csv["view"].to_numpy()
    theirs["has_boxes"] = data.csv["has_masks"].to_numpy()
    result = Comparison("chex-ray14", ours.set_index("key"), theirs)

    listed = find_list(root, "train_val_list.txt")
    in_tree = set(listed.read_text().split()) if listed else set()
    result.rows(theirs=[(NOT_IN_TRAIN_VAL, ~result.only_theirs.index.isin(in_tree))])
    patient = without_prefix(result.ours["patient_key"]).str.lstrip("0")
    result.column("patient", patient, result.theirs["patient"])
    result.column("age", result.ours["age_years"], result.theirs["age"])
    result.column("sex", result.ours["sex"], result.theirs["sex"])
    compare_views(result, result.theirs["view"])
    if boxes:
        result.column("boxes", result.ours["has_boxes"], result.theirs["has_boxes"])
    for finding in findings:
        result.finding(finding)
    return result


def compare_google(root: Path, ours: pd.DataFrame) -> Comparison | None:
    labels_file = find_list(root, "google2019_nih-chest-xray-labels.csv")
    if labels_file is None:
        return None
    data = datasets.NIH_Google_Dataset(
        imgpath=root, csvpath=str(labels_file), views=["*"], unique_patients=False
    )
    theirs = labels(data, data.csv["Image Index"])
    ours = ours.set_index("key")
    result = Comparison("chex-ray14, Google", ours[ours.index.isin(theirs.index)], theirs)
    listed = find_list(root, "train_val_list.txt")
    in_tree = set(listed.read_text().split()) if listed else set()
    result.rows(theirs=[(NOT_IN_TRAIN_VAL, ~result.only_theirs.index.isin(in_tree))])
    result.finding("Fracture")
    opacity, theirs_opacity = result.ours["Lung Opacity"], result.theirs["Lung Opacity"]
    result.finding(
        "Lung Opacity", [(NARROWER_ABSENT, is_missing(opacity) & is_zero(theirs_opacity))]
    )
    for finding, terms in (("Pneumothorax", ["Pneumothorax"]), ("Nodule/Mass", ["Nodule", "Mass"])):
        column = result.ours[finding]
        mined = is_one(result.ours[terms].max(axis=1))
        keeps_mined = (is_one(column) & mined) | (is_zero(column) & ~mined)
        result.finding(finding, [(TEXT_MINED, keeps_mined)])
    return result

"""RSNA, SIIM-ACR, VinDr-CXR and object-CXR: labels that radiologists made for a challenge."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from categories import (
    AGE_OVER_120,
    ANOTHER_SCOPE,
    NOT_NORMAL,
    ONE_READER,
    PATIENT_IS_IMAGE,
    ROWS_OF_MASKS,
    SUSPECTED,
)
from comparison import (
    Comparison,
    compare_views,
    find_list,
    is_missing,
    is_one,
    is_uncertain,
    is_zero,
    joined_terms,
    labels,
)
from torchxrayvision import datasets


def compare_rsna(root: Path, ours: pd.DataFrame) -> Comparison | None:
    path = find_list(root, "stage_2_train_labels.csv")
    headers = find_list(root, "kaggle_stage_2_train_images_dicom_headers.csv")
    if path is None or headers is None:
        return None
    data = datasets.RSNA_Pneumonia_Dataset(
        imgpath=root, csvpath=str(path), dicomcsvpath=str(headers), views=["*"]
    )
    theirs = labels(data, data.csv["patientId"])
    for name, column in (
        ("patient", "patientid"),
        ("age", "PatientAge"),
        ("sex", "PatientSex"),
        ("view", "view"),
        ("has_boxes", "has_masks"),
    ):
        theirs[name] = data.csv[column].to_numpy()
    result = Comparison(
        "rsna", ours.set_index(ours["key"].str.replace(r"\.\w+$", "", regex=True)), theirs
    )
    result.folder_rows(root, ["Lung Opacity", "No Finding"])
    patient = result.ours["patient_key"]
    no_patient = is_missing(patient) | patient.str.startswith("nih:").fillna(False)
    result.column("patient", patient, result.theirs["patient"], [(PATIENT_IS_IMAGE, no_patient)])
    age = result.ours["age_years"]
    over = is_missing(age) & (result.theirs["age"] > 120)
    result.column("age", age, result.theirs["age"], [(AGE_OVER_120, over)])
    result.column("sex", result.ours["sex"], result.theirs["sex"])
    compare_views(result, result.theirs["view"])
    result.column("boxes", result.ours["has_boxes"], result.theirs["has_boxes"])
    opacity = is_missing(result.ours["Lung Opacity"]) & is_zero(result.theirs["Lung Opacity"])
    result.finding("Lung Opacity", [(NOT_NORMAL, opacity)])
    result.finding("Pneumonia", [(SUSPECTED, is_missing(result.ours["Pneumonia"]))])
    return result


def compare_siim(root: Path, ours: pd.DataFrame) -> Comparison | None:
    path = find_list(root, "train-rle.csv", "siim/train-rle.csv")
    if path is None:
        return None
    data = datasets.SIIM_Pneumothorax_Dataset(imgpath=root, csvpath=str(path))
    rows = labels(data, data.csv["ImageId"])
    rows["has_boxes"] = data.csv["has_masks"].to_numpy()
    # A row for each mask: all rows of an image have to agree.
    if rows.groupby(level=0).nunique().gt(1).any(axis=None):
        raise SystemExit("siim: rows of an image disagree")
    theirs = rows[~rows.index.duplicated()]
    ours = ours.set_index(ours["key"].str.extract(r"([^/]+)\.dcm$", expand=False))
    result = Comparison("siim", ours, theirs)
    result.folder_rows(root, ["Pneumothorax"])
    result.count("rows only there", ROWS_OF_MASKS, len(rows) - len(theirs))
    result.finding("Pneumothorax")
    result.column("masks", result.ours["has_masks"], result.theirs["has_boxes"])
    return result


def compare_vindr(root: Path, ours: pd.DataFrame) -> Comparison | None:
    path = find_list(
        root, "annotations/annotations_train.csv", "annotations_train.csv", "train.csv"
    )
    if path is None:
        return None
    data = datasets.VinDr_Dataset(imgpath=root, csvpath=str(path))
    theirs = labels(data, data.csv["image_id"])
    theirs["has_boxes"] = data.csv["has_masks"].to_numpy()
    ours = ours.set_index(ours["key"].str.replace(r"\.\w+$", "", regex=True))
    result = Comparison("vindrcxr", ours, theirs)
    result.folder_rows(root, ["Cardiomegaly", "No Finding"])
    result.column("boxes", result.ours["has_boxes"], result.theirs["has_boxes"])
    readers = data.rawcsv.groupby(["class_name", "image_id"])["rad_id"].nunique()

    def readers_of(term: str) -> np.ndarray:
        if term not in readers.index:
            return np.zeros(len(result.ours))
        return readers.loc[term].reindex(result.ours.index).fillna(0).to_numpy()

    for finding, term in (
        ("Aortic Enlargement", "Aortic enlargement"),
        ("Atelectasis", "Atelectasis"),
        ("Calcification", "Calcification"),
        ("Cardiomegaly", "Cardiomegaly"),
        ("Consolidation", "Consolidation"),
        ("ILD", "ILD"),
        ("Infiltration", "Infiltration"),
        ("Nodule/Mass", "Nodule/Mass"),
        ("Pleural Effusion", "Pleural effusion"),
        ("Pleural Thickening", "Pleural thickening"),
        ("Pneumothorax", "Pneumothorax"),
        ("Fibrosis", "Pulmonary fibrosis"),
    ):
        uncertain = is_uncertain(result.ours[finding]) & (readers_of(term) == 1)
        result.finding(finding, [(ONE_READER, uncertain)])
    # Here Consolidation and Infiltration are opacities, too.
    kinds = [readers_of(name) for name in ("Lung Opacity", "Consolidation", "Infiltration")]
    most = np.maximum.reduce(kinds)
    state = np.where(most >= 2, 1, np.where(most == 1, -1, 0))
    narrower = np.asarray(result.ours["Lung Opacity"] == state)
    result.finding("Lung Opacity", [(ANOTHER_SCOPE, narrower)])
    terms = joined_terms(result.ours["findings_source"])
    lesion = terms.str.contains(r"(?:^|;)Other lesion(?:=-1)?(?:;|$)", regex=True)
    result.column("findings_source: Other lesion", lesion, is_one(result.theirs["Other Lesion"]))
    return result


def compare_objcxr(root: Path, ours: pd.DataFrame) -> Comparison | None:
    path = find_list(root, "train.csv")
    if path is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "train.zip"
        zipfile.ZipFile(images, "w").close()
        data = datasets.ObjectCXR_Dataset(imgzippath=str(images), csvpath=str(path))
        data.imgzip.close()
    name = next(name for name in ("image_name", "image_path") if name in data.csv)
    theirs = labels(data, data.csv[name].str.replace(r"^.*/", "", regex=True))
    theirs["has_boxes"] = data.csv["has_masks"].to_numpy()
    result = Comparison("objcxr", ours.set_index("key"), theirs)
    result.folder_rows(root, ["Foreign Object"])
    result.finding("Foreign Object")
    result.column("boxes", result.ours["has_boxes"], result.theirs["has_boxes"])
    return result

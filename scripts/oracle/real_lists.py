"""Finds the real lists that the package torchxrayvision carries."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

NIH = "Data_Entry_2017_v2020.csv.gz"
NIH_BOXES = "BBox_List_2017.csv.gz"
GOOGLE = "google2019_nih-chest-xray-labels.csv.gz"
CHEXPERT = "chexpert_train.csv.gz"
PADCHEST = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
RSNA = "kaggle_stage_2_train_labels.csv.zip"
RSNA_HEADERS = "kaggle_stage_2_train_images_dicom_headers.csv.gz"
OPENI = "NLMCXR_reports.tgz"
OPENI_HEADERS = "nlmcxr_dicom_metadata.csv.gz"
SIIM = "siim-pneumothorax-train-rle.csv.gz"
VINDR = "vinbigdata-train.csv.gz"


def real_lists() -> Path:
    """Returns the folder of the lists, without importing the package and with it PyTorch."""
    spec = find_spec("torchxrayvision")
    if spec is None or spec.origin is None:
        raise SystemExit("torchxrayvision is not installed: pip install torchxrayvision")
    return Path(spec.origin).parent / "data"

#!/usr/bin/env python3
"""Builds raw datasets without pixels around the real lists that torchxrayvision carries.

    scripts/oracle/raw_trees.py FOLDER

Puts each list in its place under the name that its release uses. Where machex numbers the images
of a folder, it gets empty files of the names in the list: `machex metadata --no-headers` reads
none of them. Lists that only registered users get are made up. FOLDER/config.yml names all roots.
The official train_val_list.txt is not in the package: here it names all images, so that all labels
are compared.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import re
import shutil
import tarfile
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterable
from pathlib import Path

import made_up_lists
import real_lists


def unpack(source: Path, target: Path) -> None:
    """Decompresses a list that is a `.gz` file or the only member of a `.zip` file."""
    if source.suffix == ".zip":
        with zipfile.ZipFile(source) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            names = [name for name in names if not name.startswith("__MACOSX")]
            target.write_bytes(archive.read(names[0]))
        return
    with gzip.open(source) as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file)


def column(path: Path, name: str) -> list[str]:
    """Returns the different values of a column in their order."""
    with path.open(newline="") as file:
        return list(dict.fromkeys(row[name] for row in csv.DictReader(file)))


def touch(folder: Path, names: Iterable[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def write_nih(lists: Path, root: Path) -> None:
    entries = root / "Data_Entry_2017_v2020.csv"
    unpack(lists / real_lists.NIH, entries)
    unpack(lists / real_lists.NIH_BOXES, root / "BBox_List_2017.csv")
    unpack(lists / real_lists.GOOGLE, root / "google2019_nih-chest-xray-labels.csv")
    (root / "train_val_list.txt").write_text("\n".join(column(entries, "Image Index")) + "\n")
    (root / "images").mkdir()


def write_chexpert(lists: Path, root: Path) -> None:
    unpack(lists / real_lists.CHEXPERT, root / "train.csv")
    (root / "train").mkdir()


def write_padchest(lists: Path, root: Path) -> None:
    # machex also reads the list compressed, which is how it is downloaded.
    shutil.copyfile(lists / real_lists.PADCHEST, root / real_lists.PADCHEST)
    (root / "images").mkdir()


def write_rsna(lists: Path, root: Path) -> None:
    labels = root / "stage_2_train_labels.csv"
    unpack(lists / real_lists.RSNA, labels)
    unpack(lists / real_lists.RSNA_HEADERS, root / "kaggle_stage_2_train_images_dicom_headers.csv")
    images = column(labels, "patientId")
    touch(root / "stage_2_train_images_jpg", (f"{image}.jpg" for image in images))


def write_openi(lists: Path, root: Path) -> None:
    reports = root / "ecgen-radiology"
    reports.mkdir()
    with tarfile.open(lists / real_lists.OPENI) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is None or not member.name.endswith(".xml"):
                continue
            text = content.read()
            (reports / Path(member.name).name).write_bytes(text)
            images = ET.parse(io.BytesIO(text)).iter("parentImage")
            touch(root, (f"{image.attrib['id']}.png" for image in images))
    unpack(lists / real_lists.OPENI_HEADERS, root / "nlmcxr_dicom_metadata.csv")


def write_siim(lists: Path, root: Path) -> None:
    masks = root / "train-rle.csv"
    unpack(lists / real_lists.SIIM, masks)
    for image in column(masks, "ImageId"):
        # The UIDs of an image, its study and its series differ in this place.
        study, series = (re.sub(r"\.3\.1\.4\.", f".3.1.{part}.", image, count=1) for part in (2, 3))
        touch(root / "dicom-images-train" / study / series, [f"{image}.dcm"])


def write_vindr(lists: Path, root: Path) -> None:
    boxes = root / "train.csv"
    unpack(lists / real_lists.VINDR, boxes)
    touch(root / "train", (f"{image}.dicom" for image in column(boxes, "image_id")))


def build(folder: Path) -> Path:
    """Builds all raw datasets below a new folder; returns the path of the config."""
    lists = real_lists.real_lists()
    config = ["MACHEX_PATH: tree", "FRONTAL_ONLY: false"]
    for key, name, write in (
        ("CHEXRAY14_ROOT", "chex-ray14", write_nih),
        ("CHEXPERT_ROOT", "chexpert", write_chexpert),
        ("PADCHEST_ROOT", "padchest", write_padchest),
        ("RSNA_ROOT", "rsna", write_rsna),
        ("OPENI_ROOT", "openi", write_openi),
        ("SIIM_ROOT", "siim", write_siim),
        ("VINDRCXR_ROOT", "vindrcxr", write_vindr),
    ):
        root = folder / "raw" / name
        root.mkdir(parents=True)
        write(lists, root)
        config.append(f"{key}: raw/{name}")
    for key, name, make_up in (
        ("MIMIC_ROOT", "mimic", made_up_lists.write_mimic),
        ("BRAX_ROOT", "brax", made_up_lists.write_brax),
        ("OBJECTCXR_ROOT", "objcxr", made_up_lists.write_objcxr),
    ):
        root = folder / "raw" / name
        root.mkdir(parents=True)
        make_up(root)
        config.append(f"{key}: raw/{name}")
    path = folder / "config.yml"
    path.write_text("\n".join(config) + "\n")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="a new folder")
    print(build(parser.parse_args().folder))


if __name__ == "__main__":
    main()

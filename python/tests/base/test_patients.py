"""Which patient an image is of, and splits that share none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

import machex
from machex import TreeError, load_index, patient_id, split_by_patient
from machex.index import Index

LIST = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"


@pytest.mark.parametrize(
    ("dataset", "key", "patient"),
    [
        ("chex-ray14", "00012345_003.png", "00012345"),
        ("chexpert", "train/patient00001/study1/view1_frontal.jpg", "00001"),
        ("chexpert", "CheXpert-v1.0-small/train/patient64540/study1/view1_frontal.jpg", "64540"),
        ("mimic", "files/p10/p10000032/s50414267/02aa804e-bde0afdd.jpg", "10000032"),
        ("brax", "images/id_0024603b-e23a/Study_1/Series_1/image-1.png", "0024603b-e23a"),
        ("openi", "CXR1000_IM-0003-1001.png", "1000"),
        ("padchest", "216840111366964013590140476722013028132913192_02-095-009.png", None),
        ("vindrcxr", "0005e8e3701dfb1dd93d53e2ff537b6e.dicom", None),
        ("siim", "/data/dicom-images-train/1.2.3/1.2.4/1.2.5.dcm", None),
        ("chex-ray14", "strange.png", None),
        ("somebody-s-own", "files/p10/p10000032/s50414267/02aa804e.jpg", None),
    ],
)
def test_patients_of_real_keys(dataset: str, key: str, patient: str | None) -> None:
    assert patient_id(dataset, key) == patient


def index_of(folder: Path, name: str, keys: list[str]) -> Index:
    """An index of images with these keys."""
    document = {
        f"{number:06}": {"path": f"/t/{name}/00/{number:06}.jpg", "key": key}
        for number, key in enumerate(keys)
    }
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "index.json").write_text(json.dumps(document))
    return load_index(folder / name)


def chexpert_keys(patients: range) -> list[str]:
    return [
        f"train/patient{patient:05}/study{study}/view1_frontal.jpg"
        for patient in patients
        for study in range(1 + patient % 4)
    ]


def test_no_patient_is_in_two_shares_and_no_image_is_lost(tmp_path: Path) -> None:
    index = index_of(tmp_path, "chexpert", chexpert_keys(range(2000)))
    shares = split_by_patient(index, (0.7, 0.2, 0.1), seed=5)
    patients = index.patient_ids()
    of_share = [{patients[row] for row in rows} for rows in shares]
    for number, some in enumerate(of_share):
        for others in of_share[number + 1 :]:
            assert not some & others
    assert sorted(np.concatenate(shares)) == list(range(len(index)))
    for rows, fraction in zip(shares, (0.7, 0.2, 0.1)):
        assert abs(len(rows) / len(index) - fraction) < 0.05
        assert np.all(np.diff(rows) > 0)


def test_a_patient_stays_where_it_is_when_others_come_and_go(tmp_path: Path) -> None:
    few = index_of(tmp_path / "few", "chexpert", chexpert_keys(range(0, 500, 3)))
    other = index_of(tmp_path / "other", "mimic", ["files/p10/p10000032/s1/a.jpg"] * 5)
    all_of_them = index_of(tmp_path / "all", "chexpert", chexpert_keys(range(500)))
    train = {all_of_them.keys[row] for row in split_by_patient(all_of_them)[0]}
    shares = split_by_patient([other, few])
    own = [row - len(other) for row in shares[0] if row >= len(other)]
    assert {few.keys[row] for row in own} == {key for key in few.keys if key in train}
    assert len(set(np.concatenate(shares) < len(other))) == 2
    mimic = [sum(row < len(other) for row in rows) for rows in shares]
    assert sorted(mimic) == [0, 5], "one patient is on one side"


def test_another_seed_gives_other_shares(tmp_path: Path) -> None:
    index = index_of(tmp_path, "chexpert", chexpert_keys(range(200)))
    first, again, other = (split_by_patient(index, seed=seed)[1] for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()


def test_images_whose_patient_nothing_tells_are_shared_out_one_by_one(tmp_path: Path) -> None:
    index = index_of(tmp_path, "rsna", [f"{number:032x}.jpg" for number in range(500)])
    train, validation = split_by_patient(index, (0.5, 0.5))
    assert len(train) + len(validation) == 500
    assert 200 < len(train) < 300


@pytest.mark.parametrize("fractions", [(0.9, 0.2), (-0.1, 0.5), (float("nan"), 0.1)])
def test_fractions_that_are_none(tmp_path: Path, fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="fractions"):
        split_by_patient(index_of(tmp_path, "rsna", ["a"]), fractions)


def test_what_no_share_takes_is_in_none(tmp_path: Path) -> None:
    index = index_of(tmp_path, "rsna", [f"{number}.jpg" for number in range(1000)])
    (rows,) = split_by_patient(index, (0.25,))
    assert 200 < len(rows) < 300
    assert [len(rows) for rows in split_by_patient(index, (0.0, 1.0))] == [0, 1000]


def test_a_mount_finds_the_list_that_tells_the_patients(mounted: Path, sample: Path) -> None:
    index = load_index(mounted, "padchest")
    patients = index.patient_ids()
    assert None not in patients
    assert len(set(patients)) < len(patients), "some patients have several images"
    listed = (sample.parent / "raw/padchest" / LIST).read_text().splitlines()
    column = listed[0].split(",").index("PatientID")
    cells = [line.split(",") for line in listed[1:]]
    expected = {cell[1]: cell[column] for cell in cells}
    assert patients == [expected[key] for key in index.keys]


def test_a_materialized_tree_is_told_the_list(
    materialized: Path, sample: Path, tmp_path: Path
) -> None:
    index = load_index(materialized, "padchest")
    with pytest.raises(TreeError, match=rf"patient_lists=\{{'padchest': .*{LIST}"):
        split_by_patient([load_index(materialized, "brax"), index])
    path = sample.parent / "raw/padchest" / LIST
    patients = index.patient_ids(path)
    assert None not in patients
    zipped = tmp_path / f"{LIST}.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert index.patient_ids(zipped) == patients
    shares = split_by_patient(index, (0.5, 0.5), patient_lists={"padchest": path})
    assert sum(map(len, shares)) == len(index)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no column 'ImageID'"),
        (b"ImageID,Patient\na,b\n", "no column 'PatientID'"),
        (b"\x1f\x8bnot gzip", "no column|cannot be read"),
    ],
)
def test_a_list_that_is_none(
    materialized: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    index = load_index(materialized, "padchest")
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(TreeError, match=words):
        index.patient_ids(path)
    broken = tmp_path / "list.csv.gz"
    broken.write_bytes(content or b"\x1f\x8b")
    with pytest.raises(TreeError, match=r"list\.csv\.gz cannot be read"):
        index.patient_ids(broken)
    with pytest.raises(TreeError, match="cannot be read"):
        index.patient_ids(tmp_path / "nowhere.csv")


def test_quoted_cells_with_newlines_and_long_texts(tmp_path: Path) -> None:
    index = index_of(tmp_path, "padchest", ["a.png", "b.png", "c.png"])
    path = tmp_path / "list.csv"
    report = "x" * 100_000
    text = f'\ufeffImageID,Report,PatientID\na.png,"one,\n{report}",7\nb.png,,\nshort\n'
    path.write_text(text, encoding="utf-8")
    with pytest.warns(UserWarning, match="patients of 2 images: each counts as one"):
        assert index.patient_ids(path) == ["7", None, None]
    path.write_text("ImageID,PatientID\nother.png,7\n")
    with pytest.raises(TreeError, match="has none of the images"):
        index.patient_ids(path)


def test_the_exports() -> None:
    assert machex.split_by_patient is split_by_patient
    assert len(machex.LABELS) == 13


def test_what_is_not_told_is_said(tmp_path: Path) -> None:
    index = index_of(tmp_path, "mimic", ["files/p10/p10000032/s1/a.jpg"] * 3)
    (tmp_path / "link").symlink_to(tmp_path / "mimic")
    assert load_index(tmp_path / "link").patient_ids() == index.patient_ids() == ["10000032"] * 3
    (tmp_path / "mimic").rename(tmp_path / "mimic-cxr")
    with pytest.warns(UserWarning, match="nothing tells the patients of 'mimic-cxr'"):
        assert load_index(tmp_path / "mimic-cxr").patient_ids() == [None] * 3


def test_datasets_with_patients_in_common_are_named(tmp_path: Path) -> None:
    indexes = [index_of(tmp_path, name, ["1_0.png"]) for name in ("rsna", "chex-ray14", "openi")]
    with pytest.warns(UserWarning, match="chex-ray14, rsna have patients in common"):
        split_by_patient(indexes)
    # A linked folder has the name of its target.
    (tmp_path / "nih").symlink_to(tmp_path / "chex-ray14")
    with pytest.warns(UserWarning, match="nih, rsna have patients in common"):
        split_by_patient([indexes[0], load_index(tmp_path / "nih")])


def test_lists_of_datasets_that_are_not_there(tmp_path: Path) -> None:
    index = index_of(tmp_path, "rsna", ["a"])
    with pytest.raises(ValueError, match="not there"):
        split_by_patient(index, patient_lists={"padchst": "x.csv"})


def test_fractions_may_be_anything_to_go_through(tmp_path: Path) -> None:
    index = index_of(tmp_path, "rsna", ["a", "b"])
    shares = split_by_patient(index, (part for part in (0.5, 0.5)))  # type: ignore[arg-type]
    assert sum(map(len, shares)) == 2


def test_a_split_of_something_else_is_told_what_it_takes() -> None:
    with pytest.raises(TypeError, match=r"what machex\.load_index returns, not 'm'"):
        split_by_patient("mimic")  # type: ignore[arg-type]

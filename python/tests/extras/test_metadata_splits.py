"""Official splits, and splits by patient over datasets that have patients in common."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from metadata_trees import write_table, write_tree

from machex import ChestXrayDataset, MaCheXDataset, TreeError, load_index, split_by_patient

PATIENTS = 60


def nih(patient: int, **columns: Any) -> dict[str, Any]:
    return {
        "key": f"{patient:08}_{columns.pop('image', 0):03}.png",
        "patient_key": f"nih:{patient:08}",
        **columns,
    }


def rsna(patient: int | None, number: int) -> dict[str, Any]:
    key = None if patient is None else f"nih:{patient:08}"
    return {"key": f"{number:032x}.jpg", "patient_key": key}


DATASETS: dict[str, list[dict[str, Any]]] = {
    "chex-ray14": [nih(patient, image=image) for patient in range(PATIENTS) for image in range(2)],
    "rsna": [rsna(number // 3, number) for number in range(2 * PATIENTS)],
    "vindrcxr": [{"key": f"{number:032x}.dicom"} for number in range(20)],
}


def patients(share: Any) -> set[str]:
    items = [share[at] for at in range(len(share))]
    return {item["patient_key"] for item in items if item["patient_key"]}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("splits") / "tree", DATASETS)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("splits") / "bare", DATASETS, metadata=False)


def test_rsna_is_on_the_side_of_its_patients_in_chexray14(root: Path) -> None:
    data = MaCheXDataset(root, fields=("patient_key", "dataset"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        shares = data.split((0.5, 0.3, 0.2), seed=2)
    assert sum(map(len, shares)) == len(data)
    for number, share in enumerate(shares):
        assert {share[at]["dataset"] for at in range(len(share))} >= {"chex-ray14", "rsna"}
        for other in shares[number + 1 :]:
            assert not patients(share) & patients(other)
    indexes = [load_index(root, name) for name in DATASETS]
    rows = split_by_patient(indexes, (0.5, 0.3, 0.2), seed=2)
    assert [share.indices for share in shares] == [each.tolist() for each in rows]


def test_metadata_moves_no_patient_that_the_keys_tell(root: Path, bare: Path) -> None:
    for name in ("chex-ray14", "vindrcxr"):
        with_table, without = (split_by_patient(load_index(tree, name)) for tree in (root, bare))
        assert [rows.tolist() for rows in with_table] == [rows.tolist() for rows in without]
    # RSNA alone, too, is on the side of its patients in ChestX-ray14.
    alone = ChestXrayDataset(root / "rsna", fields=("patient_key",)).split((0.5, 0.5))
    beside = ChestXrayDataset(root / "chex-ray14", fields=("patient_key",)).split((0.5, 0.5))
    assert not patients(alone[0]) & patients(beside[1])
    assert not patients(alone[1]) & patients(beside[0])


def test_a_selection_needs_nothing_of_other_datasets(bare: Path, tmp_path: Path) -> None:
    lists = {"padchest": [{"key": f"{number}.png"} for number in range(5)]}
    root = write_tree(tmp_path / "tree", {**lists, "chex-ray14": DATASETS["chex-ray14"]})
    data = MaCheXDataset(root, fields=("patient_key",))
    with pytest.raises(TreeError, match="say where it is"):
        MaCheXDataset(write_tree(tmp_path / "bare", lists, metadata=False)).split()
    (root / "padchest/metadata.parquet").unlink()
    of_one = data.where(dataset="chex-ray14")
    shares = of_one.split((0.5, 0.5))
    assert sorted(shares[0].indices + shares[1].indices) == of_one.indices
    assert not patients(shares[0]) & patients(shares[1])
    assert len(of_one.where(view="PA")) == 0
    assert of_one.load_metadata(["key"])["key"][0].as_py() == "00000000_000.png"
    assert len(of_one.split(by="official")["unassigned"]) == len(of_one)
    # No image at all.
    none = of_one.where(view="PA")
    assert [len(share) for share in none.split()] == [0, 0]
    assert none.where(view="AP").indices == []
    assert [len(share) for share in none.split(by="official").values()] == [0] * 4
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        MaCheXDataset(bare).where(dataset=["rsna", "vindrcxr"]).split()


def test_one_table_of_all_datasets(bare: Path, root: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "all.parquet", DATASETS)
    expected = [share.indices for share in MaCheXDataset(root).split()]
    data = MaCheXDataset(bare, metadata=table)
    assert [share.indices for share in data.split()] == expected
    indexes = [one.index for one in data.datasets]
    assert [rows.tolist() for rows in split_by_patient(indexes, metadata=table)] == expected


def test_without_metadata_the_overlap_is_said(bare: Path) -> None:
    data = MaCheXDataset(bare)
    with pytest.warns(UserWarning, match=r"chex-ray14, rsna have patients in common") as caught:
        data.split()
    assert [warning.filename for warning in caught] == [__file__]


def test_a_mapping_that_lacks_an_image_is_said(tmp_path: Path) -> None:
    rows = [*DATASETS["rsna"][:5], rsna(None, 99)]
    root = write_tree(tmp_path / "tree", {"chex-ray14": DATASETS["chex-ray14"], "rsna": rows})
    with pytest.warns(UserWarning, match="chex-ray14, rsna have patients in common"):
        MaCheXDataset(root).split()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        ChestXrayDataset(root / "rsna").split()


@pytest.mark.parametrize("is_link", [True, False])
def test_a_folder_with_another_name_is_of_its_pool(tmp_path: Path, is_link: bool) -> None:
    """Of a link, the name of the target counts; of a renamed folder, the table tells."""
    of_nih = [{**row, "dataset": "chex-ray14"} for row in DATASETS["chex-ray14"]]
    root = write_tree(tmp_path / "tree", {"nih": of_nih, "rsna": DATASETS["rsna"]})
    if is_link:
        (root / "nih").rename(tmp_path / "chex-ray14")
        (root / "nih").symlink_to(tmp_path / "chex-ray14")
    data = MaCheXDataset(root, fields=("patient_key", "dataset"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        first, second = data.split((0.5, 0.5))
    assert {first[at]["dataset"] for at in range(len(first))} == {"nih", "rsna"}
    assert patients(first)
    assert not patients(first) & patients(second)
    named = write_tree(
        tmp_path / "named", {name: DATASETS[name] for name in ("chex-ray14", "rsna")}
    )
    assert [share.indices for share in MaCheXDataset(named).split((0.5, 0.5))] == [
        first.indices,
        second.indices,
    ]
    (root / "rsna/metadata.parquet").unlink()
    with pytest.warns(UserWarning, match="nih, rsna have patients in common"):
        data.split((0.5, 0.5))


def test_a_renamed_folder_whose_table_names_no_patient_is_said(tmp_path: Path) -> None:
    rows = [{**rsna(None, number), "dataset": "rsna"} for number in range(3)]
    root = write_tree(tmp_path / "tree", {"rsna-2018": rows})
    with pytest.warns(UserWarning, match="nothing tells the patients of 'rsna-2018'"):
        ChestXrayDataset(root / "rsna-2018").split()


def test_without_pyarrow_a_split_is_as_without_metadata(
    root: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [rows.tolist() for rows in split_by_patient(load_index(bare, "rsna"))]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.warns(UserWarning, match="rsna: .* pip install pyarrow") as caught:
        rows = split_by_patient(load_index(root, "rsna"))
    assert [each.tolist() for each in rows] == expected
    assert caught[0].filename == __file__


def test_the_table_tells_the_patients_if_no_list_does(tmp_path: Path) -> None:
    rows = [{"key": f"{n}.png", "patient_key": f"padchest:{n // 3}"} for n in range(30)]
    root = write_tree(tmp_path / "tree", {"padchest": rows})
    data = ChestXrayDataset(root / "padchest", fields=("patient_key",))
    shares = data.split((0.5, 0.5))
    assert not patients(shares[0]) & patients(shares[1])
    listed = tmp_path / "list.csv"
    lines = "".join(f"{n}.png,{n // 3}\n" for n in range(30))
    listed.write_text(f"ImageID,PatientID\n{lines}")
    by_list = data.split((0.5, 0.5), patient_lists={"padchest": listed})
    assert [share.indices for share in by_list] == [share.indices for share in shares]
    (root / "padchest/metadata.parquet").unlink()
    with pytest.raises(TreeError, match="say where it is"):
        data.split()


def test_a_renamed_folder_has_its_patients_from_the_table(tmp_path: Path) -> None:
    rows = [{"key": f"{n}.png", "patient_key": f"mimic:{n // 3}"} for n in range(30)]
    root = write_tree(tmp_path / "tree", {"mimic-cxr": rows})
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        shares = ChestXrayDataset(root / "mimic-cxr", fields=("patient_key",)).split((0.5, 0.5))
    assert not patients(shares[0]) & patients(shares[1])


def test_keys_of_another_edition_have_their_patients_from_the_table(tmp_path: Path) -> None:
    """Those of Kaggle's Open-i do not begin as the rule says."""
    rows = [
        {"key": f"{n // 3}_IM-{n:04}-1001.dcm.png", "patient_key": f"openi:{n // 3}"}
        for n in range(60)
    ]
    root = write_tree(tmp_path / "tree", {"openi": rows})
    shares = ChestXrayDataset(root / "openi", fields=("patient_key",)).split((0.5, 0.5))
    assert patients(shares[0])
    assert not patients(shares[0]) & patients(shares[1])


def test_official_splits(tmp_path: Path) -> None:
    splits = ["train", "test", None, "validate", "train"]
    mimic = [{"key": f"files/p10/p{n}/s1/a.jpg", "split": split} for n, split in enumerate(splits)]
    root = write_tree(tmp_path / "tree", {"mimic": mimic, "vindrcxr": DATASETS["vindrcxr"][:2]})
    data = MaCheXDataset(root, fields=("split",))
    shares = data.split(by="official")
    assert {name: share.indices for name, share in shares.items()} == {
        "train": [0, 4],
        "validate": [3],
        "test": [1],
        "unassigned": [2, 5, 6],
    }
    assert [shares["train"][at]["split"] for at in range(2)] == ["train", "train"]
    of_one = ChestXrayDataset(root / "vindrcxr").split(by="official")
    assert [len(share) for share in of_one.values()] == [0, 0, 0, 2]
    assert data.where(dataset="mimic").split(by="official")["unassigned"].indices == [2]
    # A part of a part.
    assert shares["train"].split((1.0,))[0].indices == [0, 4]


def test_wrong_arguments(root: Path, bare: Path) -> None:
    data = MaCheXDataset(root)
    with pytest.raises(ValueError, match="'patient' or 'official', not 'study'"):
        data.split(by="study")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="neither fractions nor patient_lists"):
        data.split((0.5, 0.5), by="official")  # type: ignore[call-overload]
    with pytest.raises(TreeError, match=r"metadata\.parquet does not exist"):
        MaCheXDataset(bare).split(by="official")

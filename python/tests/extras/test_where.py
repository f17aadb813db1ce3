"""Images selected by their metadata, and what can be done with a selection."""

from __future__ import annotations

import datetime
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from metadata_trees import write_tree
from torch.utils.data import DataLoader, Subset

from machex import ChestXrayDataset, MaCheXDataset, TreeError, load_metadata
from machex.selections import Selection


def row(number: int, **columns: Any) -> dict[str, Any]:
    return {"key": f"train/patient{number:05}/study1/view1_frontal.jpg", **columns}


DATASETS = {
    "brax": [
        {"key": "images/id_a/1.png", "view": "PA", "age_years": 40, "age_is_group": True},
        {"key": "images/id_b/1.png", "view": "AP", "sex": "O", "Edema": 0},
    ],
    "chexpert": [
        row(1, view="PA", sex="F", age_years=18, frontal=True, Edema=1, Cardiomegaly=0),
        row(2, view="PA", sex="M", age_years=65, frontal=True, Edema=0, split="train"),
        row(3, view="LATERAL", sex="F", age_years=65.5, frontal=False, Edema=-1),
        row(4, sex="F", age_years=30, study_date=datetime.date(2015, 3, 1)),
        row(5, view="AP", findings_source=["Edema=-1", "Fracture"], boxes=[]),
        row(6, view="AP", findings_source=["Pneumonia"], masks=[{"runs": [0, 1]}]),
    ],
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("where") / "tree", DATASETS)


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6, 7]),
        ({"view": "PA"}, [0, 2, 3]),
        ({"view": ["PA", "LATERAL"]}, [0, 2, 3, 4]),
        ({"view": ("PA", "LATERAL"), "dataset": "chexpert"}, [2, 3, 4]),
        ({"view": None, "sex": "O"}, [1]),
        ({"dataset": ["brax"]}, [0, 1]),
        ({"age": (18, 65)}, [2, 3, 5]),
        ({"age": (None, 65)}, [2, 3, 5]),
        ({"age": (30, None)}, [3, 4, 5]),
        ({"age": 65.5}, [4]),
        ({"age": [18, 30]}, [2, 5]),
        ({"age_years": (40, 65)}, [0, 3]),
        ({"frontal": True}, [2, 3]),
        ({"frontal": [True, False]}, [2, 3, 4]),
        ({"findings": {"Edema": 0}}, [1, 3]),
        ({"findings": {"Edema": [0, 1]}}, [1, 2, 3]),
        ({"findings": {"Edema": (-1, 0)}}, [1, 3, 4]),
        ({"findings": {"Edema": 1, "Cardiomegaly": 0}}, [2]),
        ({"findings": {"Edema": 1, "Cardiomegaly": None}}, [2]),
        ({"Edema": 1}, [2]),
        ({"split": "train"}, [3]),
        ({"study_date": "2015-03-01"}, [5]),
        ({"study_date": ("2015-01-01", None)}, [5]),
        ({"study_date": (None, datetime.date(2015, 1, 1))}, []),
        ({"findings_source": "Edema=-1"}, [6]),
        ({"findings_source": ["Fracture", "Pneumonia"]}, [6, 7]),
        ({"masks": True}, [7]),
        ({"masks": False, "dataset": "chexpert"}, [2, 3, 4, 5, 6]),
        ({"boxes": True}, []),
        ({"key": "images/id_b/1.png"}, [1]),
        ({"view": "PA", "sex": "F", "age": (18, 65), "findings": {"Edema": 1}}, [2]),
    ],
)
def test_criteria(root: Path, criteria: dict[str, Any], expected: list[int]) -> None:
    found = MaCheXDataset(root).where(**criteria)
    assert isinstance(found, Subset)
    assert found.indices == expected
    assert all(type(position) is int for position in found.indices)


@pytest.mark.parametrize(
    ("criteria", "error", "words"),
    [
        ({"view": "frontal"}, ValueError, "view is never 'frontal'; it is one of PA, AP"),
        ({"view": ["PA", "pa"]}, ValueError, r"never 'pa'; did you mean PA\?"),
        ({"sex": "female"}, ValueError, "sex is never 'female'"),
        ({"split": "valid"}, ValueError, "did you mean validate"),
        ({"dataset": ["chexprt"]}, ValueError, "no dataset 'chexprt'; did you mean chexpert"),
        ({"viev": "PA"}, TypeError, "no criterion 'viev'; did you mean view"),
        ({"findings": {"Effusion": 1}}, ValueError, "did you mean Pleural Effusion"),
        ({"findings": ["Edema"]}, TypeError, r"a dictionary such as \{'Edema': 1\}"),
        ({"findings": {"Edema": 0.5}}, TypeError, r"where\(Edema=0.5\): 0.5 is not a whole"),
        (
            {"findings": {"Edema": float("inf")}},
            TypeError,
            r"where\(Edema=inf\): inf is not a whole",
        ),
        ({"findings": {"Edema": (0, float("nan"))}}, TypeError, "nan is not a whole number"),
        (
            {"findings": {"Edema": [1, 10**30]}},
            TypeError,
            r"where\(Edema=\[1, 10+\]\): .*too large",
        ),
        ({"findings": {"Edema": True}}, TypeError, "True is not a whole number"),
        ({"age": (18, 30, 65)}, TypeError, "a range has two ends"),
        ({"age": "old"}, TypeError, r"where\(age='old'\)"),
        ({"age": ("18", "65")}, TypeError, r"where\(age=\('18', '65'\)\)"),
        ({"study_date": "March"}, TypeError, r"where\(study_date='March'\)"),
        ({"frontal": [None, True]}, TypeError, "an unknown value never matches"),
        ({"boxes": "Edema"}, TypeError, "True finds images that have some"),
    ],
)
def test_wrong_criteria(
    root: Path, criteria: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        MaCheXDataset(root).where(**criteria)


def test_selections_can_be_chained(root: Path) -> None:
    data = MaCheXDataset(root, fields=("key", "dataset"))
    women = data.where(sex="F")
    assert isinstance(women, Selection)
    assert women.dataset is data
    assert women.where(view="PA").indices == data.where(sex="F", view="PA").indices == [2]
    assert women[1] == data[4]
    assert repr(women) == f"<machex selection: 3 images of {data!r}>"
    train, validation = women.split((0.5, 0.5), seed=1)
    assert sorted(train.indices + validation.indices) == women.indices
    of_all = data.split((0.5, 0.5), seed=1)
    assert set(train.indices) <= set(of_all[0].indices), "the split is that of all images"
    assert of_all[1].where(sex="F").indices == validation.indices


def test_criteria_may_be_anything_to_go_through(root: Path) -> None:
    data = MaCheXDataset(root)
    found = data.where(
        dataset=iter(["brax", "chexpert"]), view=iter({"PA"}), findings={"Edema": iter([0, 1])}
    )
    assert found.indices == [2, 3]


def test_the_metadata_of_a_selection_has_its_rows(root: Path) -> None:
    data = MaCheXDataset(root)
    table = data.where(sex="F").load_metadata(["Edema", "age_years"])
    assert table.to_pydict() == {"Edema": [1, -1, None], "age_years": [18, 65.5, 30]}
    # In another order, as somebody may set it.
    table = Selection(data, np.array([5, 0, 3, 1])).load_metadata(["view", "dataset"])
    assert table["view"].to_pylist() == [None, "PA", "PA", "AP"]
    assert table["dataset"].to_pylist() == ["chexpert", "brax", "chexpert", "brax"]
    assert Selection(data, np.array([5, 0, 3, 1])).where(view="PA").indices == [0, 3]
    none = data.where(view="OBLIQUE").load_metadata(["view"])
    assert none.to_pydict() == {"view": []}
    assert data.load_metadata().equals(load_metadata(root).to_arrow())
    one = ChestXrayDataset(root / "chexpert")
    one.keys = ["000004", "000000"]
    assert one.load_metadata(["id"])["id"].to_pylist() == ["000004", "000000"]
    with pytest.raises(ValueError, match="no column 'age'; did you mean age_years"):
        data.load_metadata(["age"])
    with pytest.raises(TypeError, match=r"list of names: \['view'\]"):
        data.load_metadata("view")


def test_chosen_keys_are_kept(root: Path) -> None:
    data = ChestXrayDataset(root / "chexpert", fields=("key", "view"))
    data.keys = ["000004", "000002", "000000"]
    found = data.where(sex="F")
    assert found.indices == [1, 2]
    assert [found[at]["view"] for at in range(2)] == ["LATERAL", "PA"]


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_read_a_selection(root: Path, start: str) -> None:
    found = MaCheXDataset(root, fields=("key", "view")).where(view=["PA", "AP"])
    loader = DataLoader(found, batch_size=2, num_workers=2, multiprocessing_context=start)
    views = [view for batch in loader for view in batch["view"]]
    assert views == ["PA", "AP", "PA", "PA", "AP", "AP"]
    assert len(pickle.dumps(found)) < 10_000


def test_datasets_are_chosen_without_metadata(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "tree", DATASETS, metadata=False)
    data = MaCheXDataset(root)
    assert data.where(dataset="chexpert").indices == [2, 3, 4, 5, 6, 7]
    with pytest.raises(TreeError, match=r"metadata\.parquet does not exist"):
        data.where(dataset="chexpert", sex="F")

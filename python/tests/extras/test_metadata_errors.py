"""What is said of metadata that is missing, damaged or of another tree, and of wrong arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from metadata_trees import SMALL, table_of, write_tree

import machex
from machex import MaCheXDataset, TreeError, load_metadata


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("metadata") / "tree", SMALL)


def test_a_table_of_another_state_is_refused(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "tree", {"mimic": SMALL["mimic"]})
    path = root / "mimic/metadata.parquet"
    fields = {"fields": ("findings",)}
    pyarrow.parquet.write_table(table_of("mimic", SMALL["mimic"][:2]), path)
    with pytest.raises(TreeError, match=r"has no row for image 000002 .*materialize --metadata"):
        MaCheXDataset(root, **fields)
    pyarrow.parquet.write_table(table_of("mimic", SMALL["mimic"][::-1]), path)
    with pytest.raises(TreeError, match=r"image 000000 is files/p10/p10000002/.* in the index"):
        MaCheXDataset(root, **fields)
    path.write_bytes(b"no table")
    with pytest.raises(TreeError, match=r"metadata\.parquet is damaged, or not a metadata table"):
        MaCheXDataset(root, **fields)
    with pytest.raises(TreeError, match=r"metadata\.parquet is damaged"):
        load_metadata(root)


def test_a_tree_without_metadata_says_how_to_get_it(root: Path, tmp_path: Path) -> None:
    bare = write_tree(tmp_path / "tree", {"mimic": SMALL["mimic"]}, metadata=False)
    words = r"does not exist: .*machex materialize --metadata .*METADATA: true.*or mount the tree"
    with pytest.raises(TreeError, match=words):
        load_metadata(bare)
    with pytest.raises(TreeError, match=words):
        MaCheXDataset(bare, fields=("view",))
    with pytest.raises(TreeError, match=words):
        MaCheXDataset(bare).where(view="PA")
    with pytest.raises(TreeError, match="does not exist"):
        MaCheXDataset(bare, fields=("view",), metadata=tmp_path / "none.parquet")
    with pytest.raises(TreeError, match=r"no dataset 'mimc'.*did you mean mimic"):
        load_metadata(root, ["mimc"])
    (tmp_path / "all.csv").touch()
    with pytest.raises(TreeError, match=r"write the table as \.parquet or \.arrow"):
        load_metadata(tmp_path / "all.csv")
    assert len(MaCheXDataset(bare)) == 3


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"findings": ["Effusion"]}, ValueError, "'Effusion'; did you mean Pleural Effusion"),
        ({"findings": ["edema"]}, ValueError, "did you mean Edema"),
        ({"findings": ["view"]}, ValueError, "no finding 'view'; the findings are Atelectasis"),
        ({"findings": "Edema"}, TypeError, r"findings must be a list of names: \['Edema'\]"),
        ({"findings": []}, ValueError, "findings must name at least one"),
        ({"uncertain": "maybe"}, ValueError, "'ignore', 'positive', 'negative', not 'maybe'"),
        ({"fields": ("img",), "findings": ["Edema"]}, ValueError, "needs the field 'findings'"),
        ({"fields": ("finding",)}, ValueError, "no field 'finding'; the fields are img, .*boxes"),
    ],
)
def test_wrong_arguments(
    root: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        MaCheXDataset(root, **{"fields": ("findings",), **options})


def test_wrong_arguments_of_load_metadata(root: Path) -> None:
    with pytest.raises(ValueError, match="no column 'age'; did you mean age_years"):
        load_metadata(root, columns=["age"])
    with pytest.raises(TypeError, match=r"a list of names: \['view'\]"):
        load_metadata(root, columns="view")
    with pytest.raises(TypeError, match=r"a list of names: \['mimic'\]"):
        load_metadata(root, "mimic")
    with pytest.raises(ValueError, match="at least one"):
        load_metadata(root, [])
    with pytest.raises(KeyError, match="no column 'sex', but view"):
        load_metadata(root, columns=["view"])["sex"]


def test_what_is_needed_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(ImportError, match="pip install pyarrow"):
            load_metadata(root)
        with pytest.raises(ImportError, match="pip install pyarrow"):
            MaCheXDataset(root, fields=("findings",))
        assert len(MaCheXDataset(root)) == 6
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torchvision.tv_tensors", None)
        patch.delattr("torchvision.tv_tensors", raising=False)
        with pytest.raises(ImportError, match=r"pip install 'torchvision>=0\.16'"):
            MaCheXDataset(root, fields=("boxes",))
    assert machex.load_metadata is load_metadata

"""Indexes as columns: what is in index.json, wherever the tree is now."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import machex
from machex import TreeError, load_index
from machex.known import known_datasets
from machex.shared import GoneError, SharedArrays

DATASETS = sorted(known_datasets())


def test_every_dataset_is_what_its_index_says(tree: Path) -> None:
    assert machex.list_datasets(tree) == DATASETS
    labelled, reported = 0, 0
    for name in DATASETS:
        document = json.loads((tree / name / "index.json").read_text(encoding="utf-8"))
        index = load_index(tree, name)
        assert (index.dataset, index.root, len(index)) == (name, tree / name, len(document))
        assert list(index.ids) == list(document)
        assert dict(index.entries) == document
        for row, (image_id, entry) in enumerate(document.items()):
            assert index.find(image_id) == row
            assert index.keys[row] == entry["key"]
            assert index.paths[row] == entry["path"]
            assert index.reports[row] == entry.get("report")
            assert index.has_label[row] == ("class_label" in entry)
            assert index.class_labels[row].tolist() == entry.get("class_label", [0] * 13)
            labelled += "class_label" in entry
            reported += "report" in entry
    assert labelled > 0
    assert reported > 0


def test_a_dataset_s_own_folder_will_do(tree: Path) -> None:
    assert list(load_index(tree / "mimic").keys) == list(load_index(tree, "mimic").keys)


def test_columns_are_sequences(materialized: Path) -> None:
    index = load_index(materialized, "mimic")
    for column in (index.ids, index.keys, index.paths, index.reports):
        assert len(column) == len(index)
        assert column[-1] == list(column)[-1]
        assert list(column[1:9:3]) == list(column)[1:9:3]
        assert column[0] in column
        assert column == list(column) or column is index.keys or column is index.reports
        with pytest.raises(IndexError):
            column[len(index)]
    assert not index.class_labels.flags.writeable
    assert index.class_labels.dtype == np.int8
    for wrong in ("000999", "0", "", "00000x", "\u0660" * 6):
        with pytest.raises(KeyError):
            index.find(wrong)
        assert wrong not in index.entries


def test_an_index_is_indexed_by_row_id_and_slice(materialized: Path) -> None:
    index = load_index(materialized, "mimic")
    document = json.loads((materialized / "mimic/index.json").read_text(encoding="utf-8"))
    entries = list(document.values())
    assert list(index) == entries
    assert index[0] == index[np.int64(0)] == entries[0]
    assert index[-1] == entries[-1]
    assert index["000003"] == entries[3]
    assert index[2:9:3] == entries[2:9:3]
    assert index[::-1] == entries[::-1]
    for row in (len(index), -len(index) - 1):
        with pytest.raises(IndexError, match=f"mimic has {len(index)} images, and no row {row}"):
            index[row]
    with pytest.raises(KeyError, match=r"mimic has no image '999999'; ids are like '000123'"):
        index["999999"]
    with pytest.raises(TypeError, match=r"a row .*, an id .* or a slice, not float"):
        index[1.0]  # type: ignore[call-overload]
    assert "000003" in index
    assert "999999" not in index
    assert 3 not in index


def test_an_index_shows_itself_in_a_notebook(materialized: Path, tmp_path: Path) -> None:
    index = load_index(materialized, "mimic")
    html = index._repr_html_()
    assert f"<b>mimic</b>: {len(index)} images" in html
    for row in range(5):
        assert f"<td>{index.ids[row]}</td><td>{index.keys[row]}</td>" in html
    assert f"and {len(index) - 5} more" in html
    row = next(row for row in range(5) if index.reports[row])
    report = index.reports[row]
    assert report is not None
    assert f"<td>{len(report)} characters</td>" in html
    assert report[:20] not in html, "a notebook is shared with what it shows"
    hostile = {"000000": entry("/t/00/000000.jpg", "<script>", class_label=[1, 0, -1] + [0] * 10)}
    html = load_index(write_index(tmp_path / "<b>", hostile))._repr_html_()
    assert "<script>" not in html
    assert "<b><b>" not in html
    assert f"<td>{machex.LABELS[0]}</td>" in html
    assert "more" not in html


def test_columns_show_their_beginning(materialized: Path, tmp_path: Path) -> None:
    index = load_index(materialized, "mimic")
    first = ", ".join(map(repr, index.keys[:3]))
    assert repr(index.keys) == f"<{len(index)} texts: [{first}, …]>"
    assert repr(index.ids).endswith("texts: ['000000', '000001', '000002', …]>")
    assert repr(index.entries) == f"<{len(index)} entries by id of {index!r}>"
    texts = {"000000": entry("/t/00/000000.jpg", "\x1b[2J", report="x" * 100)}
    index = load_index(write_index(tmp_path / "one", texts))
    assert repr(index.keys) == r"<1 texts: ['\x1b[2J']>"
    assert repr(index.reports) == f"<1 texts: ['{'x' * 60}…']>"


def write_index(folder: Path, document: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def entry(path: str, key: str = "k", **more: object) -> dict[str, object]:
    return {"path": path, "key": key, **more}


def test_a_moved_tree_has_its_images_where_it_is_now(materialized: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(materialized / "mimic", moved / "mimic")
    index = load_index(moved, "mimic")
    assert all(path.startswith(f"{moved}/mimic/00/") for path in index.paths)
    assert all(os.path.isfile(path) for path in index.paths)


def test_a_relative_root_gives_absolute_paths(
    materialized: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(materialized.parent)
    assert load_index(materialized.name, "brax").paths[0].startswith(f"{materialized}/brax/")


def test_an_index_without_images_names_those_of_its_tree(
    materialized: Path, tmp_path: Path
) -> None:
    document = json.loads((materialized / "brax/index.json").read_text())
    chosen = {image_id: document[image_id] for image_id in reversed(list(document)[::2])}
    index = load_index(write_index(tmp_path / "chosen", chosen))
    assert list(index.ids) == list(chosen), "in the order of the file"
    assert [index.find(image_id) for image_id in chosen] == list(range(len(chosen)))
    assert dict(index.entries) == chosen


def test_paths_of_another_form_stay_as_they_are(tmp_path: Path) -> None:
    document = {
        "000000": entry("/data/x/first.jpg"),
        "000001": entry("/tree/00/000001.jpg"),
        "000002": entry("below/second.jpg"),
    }
    folder = write_index(tmp_path / "own", document)
    (folder / "00").mkdir()
    expected = ["/data/x/first.jpg", f"{folder}/00/000001.jpg", f"{folder}/below/second.jpg"]
    assert list(load_index(folder).paths) == expected


def test_texts_are_kept_to_the_letter(tmp_path: Path) -> None:
    texts = ["", "\u00e9\u2028\U0001f9b4", '"\\\x7f', "x" * 100_000]
    document = {
        f"{row:06}": entry(f"/t/00/{row:06}.jpg", text, report=text)
        for row, text in enumerate(texts)
    }
    index = load_index(write_index(tmp_path / "texts", document))
    assert list(index.keys) == texts
    assert list(index.reports) == texts


def test_images_of_a_tree_are_found_however_its_paths_are_written(tmp_path: Path) -> None:
    written = [
        "/node1/machex/x/00/000000.jpg",
        "/node2/machex/x/00/000001.jpg",
        "D:\\machex\\x\\00\\000002.jpg",
        "/node1//machex/./x/00//000003.jpg",
    ]
    document = {f"{row:06}": entry(path) for row, path in enumerate(written)}
    folder = write_index(tmp_path / "x", document)
    (folder / "00").mkdir()
    assert list(load_index(folder).paths) == [f"{folder}/00/{row:06}.jpg" for row in range(4)]


def test_what_was_pickled_is_not_taken_for_another_index(tmp_path: Path) -> None:
    document = {f"{row:06}": entry(f"/t/00/{row:06}.jpg", str(row)) for row in range(9)}
    folder = write_index(tmp_path / "x", document)
    program = (
        "import machex, pickle, sys\n"
        f"sys.stdout.buffer.write(pickle.dumps(machex.load_index({str(folder)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert len(pickle.loads(done.stdout)) == 9
    del document["000004"]
    write_index(folder, document)
    with pytest.raises(TreeError, match="is not what it was when this was pickled"):
        pickle.loads(done.stdout)


def test_an_empty_dataset(tmp_path: Path) -> None:
    index = load_index(write_index(tmp_path / "empty", {}))
    assert len(index) == 0
    assert list(index.paths) == []
    assert index.class_labels.shape == (0, 13)
    with pytest.raises(KeyError):
        index.find("000000")
    assert len(pickle.loads(pickle.dumps(index))) == 0


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"0": entry("p")}, "'0'.*six digits"),
        ({"000000": {"key": "k"}}, "'000000'.*path"),
        ({"000000": {"path": "p"}}, "'000000'.*key"),
        ({"000000": entry("p", class_label=[1] * 12)}, "13 numbers"),
        ({"000000": entry("p", class_label=[1.5] * 13)}, "'000000'"),
        ({"000000": entry("p", class_label=[2] + [0] * 12)}, "-1, 0 and 1"),
        ({"000000": entry("p", "\ud800")}, "'000000'.*utf-8"),
        ({"000000": entry("p", class_label=[1000] * 13)}, "'000000'"),
        ({"000000": entry("p", class_label="x" * 13)}, "13 numbers"),
        ({"000000": entry("p", report=7)}, "report must be a text"),
    ],
)
def test_a_damaged_entry_is_named(tmp_path: Path, document: object, words: str) -> None:
    with pytest.raises(TreeError, match=f"(?s){tmp_path}.*damaged.*{words}"):
        load_index(write_index(tmp_path / "damaged", document))


def test_a_name_that_occurs_twice_is_an_error(tmp_path: Path) -> None:
    text = '{"000001": {"path": "p", "key": "a"}, "000001": {"path": "p", "key": "b"}}'
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(TreeError, match="same name"):
        load_index(tmp_path)


def test_a_root_that_is_none_is_explained(materialized: Path, tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="does not exist"):
        machex.list_datasets(tmp_path / "nowhere")
    with pytest.raises(TreeError, match=r"has no folders: is it mounted\?.*machex mount"):
        machex.list_datasets(tmp_path)
    with pytest.raises(TreeError, match=r"is empty: is it mounted\?.*machex mount"):
        load_index(tmp_path)
    (tmp_path / "raw").mkdir()
    with pytest.raises(TreeError, match=r"no MaCheX tree: none of its 1 folders.*machex mount"):
        machex.list_datasets(tmp_path)
    with pytest.raises(TreeError, match="one dataset; the tree is"):
        machex.list_datasets(materialized / "mimic")
    with pytest.raises(TreeError, match=r"no dataset 'mimc', but brax, .*did you mean mimic\?"):
        load_index(materialized, "mimc")
    with pytest.raises(TreeError, match=r"whole tree.*MaCheXDataset"):
        load_index(materialized)
    with pytest.raises(TreeError, match=r"no dataset 'MIMIC', but .*did you mean mimic\?"):
        load_index(materialized, "MIMIC")
    with pytest.raises(TreeError, match=r"does not exist; the tree has .*did you mean mimic\?"):
        load_index(materialized / "mimc")
    with pytest.raises(TreeError, match=r"nowhere does not exist$"):
        load_index(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(TreeError, match="not a folder"):
        load_index(tmp_path / "file")
    with pytest.raises(TreeError, match=r"is a file.*machex\.mount\("):
        machex.list_datasets(tmp_path / "file")


def test_a_dataset_without_an_index_is_named_and_not_left_out(
    materialized: Path, tmp_path: Path
) -> None:
    shutil.copytree(materialized / "brax", tmp_path / "brax")
    (tmp_path / "mimic/00").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "notes.txt").touch()
    assert machex.list_datasets(tmp_path) == ["brax", "mimic"]
    with pytest.raises(TreeError, match=r"mimic has no index\.json.*not finished yet"):
        load_index(tmp_path, "mimic")


def test_a_pickled_index_is_a_handle_to_the_same_memory(materialized: Path) -> None:
    index = load_index(materialized, "mimic")
    pickled = pickle.dumps(index)
    assert len(pickled) < 1000
    program = (
        "import pickle, sys, os; import machex.index as module\n"
        "def read(*_): raise SystemExit('the file was read again')\n"
        "module.read_columns = read\n"
        "index = pickle.loads(sys.stdin.buffer.read())\n"
        "again = pickle.loads(pickle.dumps(index))\n"
        "print(list(again.keys), again.class_labels.sum(), again.paths[3], again.reports[2])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickled, capture_output=True, check=True
    )
    expected = (list(index.keys), index.class_labels.sum(), index.paths[3], index.reports[2])
    assert done.stdout.decode().strip() == " ".join(str(part) for part in expected)


def test_a_handle_outlives_its_process_by_reading_the_file_again(materialized: Path) -> None:
    program = (
        "import machex, pickle, sys\n"
        f"index = machex.load_index({str(materialized)!r}, 'mimic')\n"
        "sys.stdout.buffer.write(pickle.dumps(index))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    index = pickle.loads(done.stdout)
    assert dict(index.entries) == dict(load_index(materialized, "mimic").entries)


def test_another_file_is_not_taken_for_the_shared_one(materialized: Path) -> None:
    arrays = load_index(materialized, "mimic")._arrays
    process, descriptor, digest, sections = arrays.handle()
    with pytest.raises(GoneError):
        SharedArrays.attach((process, descriptor, bytes(len(digest)), sections))
    with open(os.devnull, "rb") as other, pytest.raises(GoneError):
        SharedArrays.attach((process, other.fileno(), digest, sections))
    with pytest.raises(GoneError):
        SharedArrays.attach((process, 10_000, digest, sections))
    assert list(SharedArrays.attach(arrays.handle())["number"]) == list(arrays["number"])


def test_an_unreadable_index_says_why(tmp_path: Path) -> None:
    (tmp_path / "index.json").mkdir()
    with pytest.raises(TreeError, match="cannot be read: Is a directory"):
        load_index(tmp_path)


def test_ids_are_texts(materialized: Path) -> None:
    with pytest.raises(TypeError, match="six digits"):
        load_index(materialized, "brax").find(["000000"])  # type: ignore[arg-type]

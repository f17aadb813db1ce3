"""scripts/compare-tree.py tells what is known of two trees from what is not."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import REPOSITORY, run
from PIL import Image

SCRIPT = REPOSITORY / "scripts/compare-tree.py"
GOLDEN = REPOSITORY / "tests/golden"

Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree that machex makes of the golden set."""
    folder = tmp_path_factory.mktemp("golden")
    lines = (GOLDEN / "config_all.yml").read_text().splitlines()
    lines = [line.replace(": raw/", f": {GOLDEN}/raw/") for line in lines]
    lines = [line for line in lines if not line.startswith("MACHEX_PATH:")]
    config = folder / "config.yml"
    config.write_text("\n".join(["MACHEX_PATH: machex", "CACHE_PATH: cache", *lines]) + "\n")
    run("materialize", config)
    return folder / "machex"


@pytest.fixture
def script_tree(golden: Path, tmp_path: Path) -> Path:
    """The same as the script writes it elsewhere."""
    tree = tmp_path / "script's"
    shutil.copytree(golden, tree)
    for index in tree.glob("*/index.json"):
        text = index.read_text(encoding="utf-8")
        index.write_text(text.replace(f'"{golden}/', f'"{tree}/'), encoding="utf-8")
    return tree


def compare(ours: Path, theirs: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, SCRIPT, ours, theirs, "--jobs", "2", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def index_of(dataset: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((dataset / "index.json").read_text(encoding="utf-8"))
    return loaded


def write_index(dataset: Path, index: dict[str, Any], indent: int = 4) -> None:
    text = json.dumps(index, ensure_ascii=False, indent=indent)
    (dataset / "index.json").write_text(text, encoding="utf-8")


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def save(path: Path, image: np.ndarray) -> None:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=95)
    path.write_bytes(out.getvalue())


def test_a_tree_elsewhere_is_the_same(golden: Path, script_tree: Path) -> None:
    status, said = compare(golden, script_tree)
    assert status == 0, said
    assert "vindrcxr: 25 images are the same" in said
    assert "known      25  index.json: another root in `path`" in said
    assert said.endswith("All differences are known.\n")
    status, said = compare(golden, golden)
    assert status == 0
    assert "known " not in said


def keep_comment(tree: Path) -> None:
    path = tree / "chexpert/00/000001.jpg"
    data = path.read_bytes()
    path.write_bytes(data[:20] + b"\xff\xfe\0\x06note" + data[20:])


def keep_profile(tree: Path) -> None:
    path = tree / "chexpert/00/000001.jpg"
    data = path.read_bytes()
    path.write_bytes(data[:20] + b"\xff\xe2\0\x06note" + data[20:])


def code_otherwise(tree: Path) -> None:
    """With a fill byte before the end marker, which changes nothing (T.81, section B.1.1.2)."""
    path = tree / "rsna/00/000002.jpg"
    data = path.read_bytes()
    path.write_bytes(data[:-2] + b"\xff" + data[-2:])


def clip_as_new_pillow_does(tree: Path) -> None:
    """Of the 16-bit PNGs of BRAX."""
    for image_id, entry in index_of(tree / "brax").items():
        with Image.open(GOLDEN / "raw/brax_1.1.0" / entry["key"]) as source:
            if not source.mode.startswith("I"):
                continue
            values = np.asarray(source).clip(0, 255).astype(np.uint8)
        old = pixels(tree / f"brax/00/{image_id}.jpg")
        height, width = values.shape
        scale = 1024 / min(width, height)
        size = (max(1024, int(width * scale)), max(1024, int(height * scale)))
        image = Image.fromarray(values).resize(size, Image.Resampling.BILINEAR)
        left, top = (round((side - 1024) / 2) for side in size)
        new = np.asarray(image.crop((left, top, left + 1024, top + 1024)).convert("RGB"))
        assert new.shape == old.shape
        save(tree / f"brax/00/{image_id}.jpg", new)


def round_otherwise(tree: Path) -> None:
    """As if another decoder had decoded the source."""
    path = tree / "siim/00/000001.jpg"
    image = pixels(path).astype(int)
    noise = np.random.default_rng(0).random(image.shape[:2]) < 0.03
    save(path, (image + noise[..., None]).clip(0, 255).astype(np.uint8))


def list_in_another_order(tree: Path) -> None:
    """Numbers as an unsorted folder gives them."""
    folder = tree / "openi"
    index = index_of(folder)
    ids = list(index)
    turned = {}
    (folder / "00").rename(folder / "old")
    (folder / "00").mkdir()
    for new, old in zip(ids, reversed(ids)):
        (folder / f"old/{old}.jpg").rename(folder / f"00/{new}.jpg")
        turned[new] = {**index[old], "path": index[new]["path"]}
    (folder / "old").rmdir()
    write_index(folder, turned)


def hold_raw_data_elsewhere(tree: Path) -> None:
    index = index_of(tree / "siim")
    for entry in index.values():
        entry["key"] = entry["key"].replace(str(GOLDEN), "/home/them/data")
    write_index(tree / "siim", index)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (keep_comment, "1  the script kept a comment of the source"),
        (keep_profile, "1  other segments of metadata"),
        (code_otherwise, "1  the same pixels, coded in another way"),
        (clip_as_new_pillow_does, "  a white picture of a 16-bit PNG (Pillow 10.3 or later)"),
        (round_otherwise, "1  pixels differ by a decoder's rounding"),
        (list_in_another_order, "8  numbered in another order of the folder"),
        (hold_raw_data_elsewhere, "7  index.json: another root in the key"),
    ],
)
def test_what_is_known(golden: Path, script_tree: Path, change: Change, words: str) -> None:
    change(script_tree)
    status, said = compare(golden, script_tree)
    assert status == 0, said
    assert words in said
    assert "REAL" not in said


def swap_two(tree: Path) -> None:
    folder = tree / "mimic/00"
    (folder / "000001.jpg").rename(folder / "x.jpg")
    (folder / "000004.jpg").rename(folder / "000001.jpg")
    (folder / "x.jpg").rename(folder / "000004.jpg")


def cut_off(tree: Path) -> None:
    path = tree / "mimic/00/000001.jpg"
    path.write_bytes(path.read_bytes()[:-1000])


def make_smaller(tree: Path) -> None:
    save(tree / "mimic/00/000001.jpg", pixels(tree / "mimic/00/000001.jpg")[::2, ::2])


def make_white(tree: Path) -> None:
    """Where the source is no PNG, nothing explains it."""
    save(tree / "mimic/00/000001.jpg", np.full((1024, 1024, 3), 255, np.uint8))


def make_a_little_brighter(tree: Path) -> None:
    image = pixels(tree / "mimic/00/000001.jpg")
    save(tree / "mimic/00/000001.jpg", (image.astype(int) + 2).clip(0, 255).astype(np.uint8))


def remove(tree: Path) -> None:
    (tree / "mimic/00/000001.jpg").unlink()


def add_stray(tree: Path) -> None:
    shutil.copy(tree / "mimic/00/000001.jpg", tree / "mimic/00/000777.jpg")


def remove_dataset(tree: Path) -> None:
    shutil.rmtree(tree / "mimic")


def remove_index(tree: Path) -> None:
    (tree / "mimic/index.json").unlink()


def cut_index(tree: Path) -> None:
    path = tree / "mimic/index.json"
    path.write_bytes(path.read_bytes()[:-100])


def format_otherwise(tree: Path) -> None:
    write_index(tree / "mimic", index_of(tree / "mimic"), indent=2)


def end_with_a_newline(tree: Path) -> None:
    with (tree / "mimic/index.json").open("a") as file:
        file.write("\n")


def change_entries(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    return lambda tree: write_index(tree / "mimic", change(index_of(tree / "mimic")))


def with_entry(**fields: object) -> Change:
    return change_entries(lambda index: {**index, "000001": {**index["000001"], **fields}})


def without_first(index: dict[str, Any]) -> dict[str, Any]:
    return dict(list(index.items())[1:])


def backwards(index: dict[str, Any]) -> dict[str, Any]:
    return dict(reversed(index.items()))


def fields_backwards(index: dict[str, Any]) -> dict[str, Any]:
    return {**index, "000001": dict(reversed(index["000001"].items()))}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (swap_two, "2  another picture"),
        (cut_off, "1  the file of the script is not a whole JPEG"),
        (make_smaller, "1  another size: 1024x1024 and 512x512"),
        (make_white, "1  another picture"),
        (make_a_little_brighter, "1  another picture"),
        (remove, "1  the file of the script is missing"),
        (add_stray, "1  an image of the script is not in its index"),
        (remove_dataset, "mimic: only in "),
        (remove_index, "index.json: No such file or directory"),
        (cut_index, "index.json: the index ends in the middle of an entry"),
        (format_otherwise, "1  index.json: the same content, written in another way"),
        (end_with_a_newline, "1  index.json: the same content, written in another way"),
        (with_entry(report="another"), "1  index.json: another label or report"),
        (with_entry(class_label=[0] * 13), "1  index.json: another label or report"),
        (with_entry(key="files/other.jpg"), "1  index.json: another key"),
        (with_entry(path="/x/mimic/00/000002.jpg"), "1  index.json: a path of another image"),
        (with_entry(more=1), "1  index.json: other fields, or in another order"),
        (change_entries(fields_backwards), "1  index.json: other fields, or in another order"),
        (change_entries(without_first), "1  only in the index of machex"),
        (
            change_entries(backwards),
            "1  the index of the script is not in the order of its numbers",
        ),
    ],
)
def test_what_is_real(golden: Path, script_tree: Path, change: Change, words: str) -> None:
    change(script_tree)
    status, said = compare(golden, script_tree)
    assert status == 1, said
    assert words in said
    assert said.endswith("There are real differences.\n")
    # It is all in one dataset.
    others = [name for name in os.listdir(golden) if name != "mimic"]
    only = [argument for name in others for argument in ("--dataset", name)]
    assert compare(golden, script_tree, *only)[0] == 0


def test_names_cannot_fake_a_line(golden: Path, script_tree: Path) -> None:
    with_entry(key="\x1b[2J\nmimic: 21 images are the same")(script_tree)
    remove(script_tree)
    status, said = compare(golden, script_tree)
    assert status == 1
    assert "\x1b" not in said


def test_what_is_no_tree_is_an_error_of_use(golden: Path, tmp_path: Path) -> None:
    for arguments in [
        (golden, tmp_path / "none"),
        (golden, tmp_path),
        (golden, golden, "--dataset", "other"),
        (golden, golden, "--what"),
    ]:
        status, said = compare(*arguments)  # type: ignore[arg-type]
        assert status == 2, said
        assert "compare-tree" in said

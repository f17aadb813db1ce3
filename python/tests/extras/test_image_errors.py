"""An image that cannot be read: an exception that names it and says what to do."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import signal
from pathlib import Path

import pytest

import machex
from machex import ChestXrayDataset, ImageError


@pytest.fixture
def copy(materialized: Path, tmp_path: Path) -> Path:
    """A dataset that the test may spoil."""
    return Path(shutil.copytree(materialized / "brax", tmp_path / "tree/brax"))


def test_one_that_is_missing(copy: Path) -> None:
    data = ChestXrayDataset(copy)
    os.remove(data.index.paths[2])
    with pytest.raises(
        ImageError, match=r"brax: image 000002 \(key images/id_.*No such file"
    ) as it:
        data[2]
    assert it.value.errno == errno.ENOENT
    assert isinstance(it.value, OSError)
    assert "mounted, or materialized to its end?" in str(it.value)
    assert data[1]["img"].shape == (3, 1024, 1024), "the others can be read"


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_one_that_is_damaged(copy: Path, damage: str) -> None:
    data = ChestXrayDataset(copy)
    path = Path(data.index.paths[0])
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "text": b"no"}[damage])
    with pytest.raises(ImageError, match=r"brax: image 000000 .*machex materialize again"):
        data[0]


def test_it_can_be_sent_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(ImageError("words")))
    assert (type(error), str(error)) == (ImageError, "words")


def test_a_mount_whose_process_has_gone(mountable: Path) -> None:
    mount = machex.mount(mountable)
    data = ChestXrayDataset(mount.root / "brax")
    try:
        os.kill(mount.status()["pid"], signal.SIGKILL)
        with pytest.raises(ImageError, match=r"the mount's process has gone: .* --replace") as it:
            data[0]
        assert it.value.errno in (errno.ENOTCONN, errno.ECONNABORTED)
        with pytest.raises(machex.TreeError, match="process has gone"):
            machex.list_datasets(mount.root)
        with pytest.raises(machex.TreeError, match="process has gone"):
            machex.load_index(mount.root / "brax")
    finally:
        mount.close()
    assert not mount.root.exists()

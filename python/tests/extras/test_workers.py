"""Data loaders with worker processes, however these are started."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.transforms import Compose, Resize, ToTensor

from machex import ImageError, MaCheXDataset
from machex.datasets import FIELDS, Item

STARTS = ["fork", "spawn", "forkserver"]


@pytest.mark.parametrize("start", STARTS)
def test_an_epoch_gives_every_item_once(tree: Path, start: str) -> None:
    small = Compose([Resize(8), ToTensor()])
    data = MaCheXDataset(tree, small, fields=FIELDS)
    loader = DataLoader(
        data, batch_size=16, num_workers=2, shuffle=True, multiprocessing_context=start
    )
    paths: list[str] = []
    sums: dict[str, torch.Tensor] = {}
    for batch in loader:
        paths += batch["path"]
        sums.update(zip(batch["path"], batch["img"].sum(dim=(1, 2, 3))))
    expected = [path for one in data.datasets for path in one.index.paths]
    assert sorted(paths) == sorted(expected)
    for at in (0, len(data) // 2, len(data) - 1):
        assert torch.isclose(sums[expected[at]], data[at]["img"].sum())


class Slow(torch.utils.data.Dataset[Item]):
    """Says which process an item comes from."""

    def __init__(self, data: MaCheXDataset) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, at: int) -> Item:
        return {**self.data[at], "process": os.getpid()}


@pytest.mark.parametrize("start", STARTS)
def test_items_come_from_the_workers(materialized: Path, start: str) -> None:
    data = Slow(MaCheXDataset(materialized, fields=("key",)))
    loader = DataLoader(data, batch_size=4, num_workers=2, multiprocessing_context=start)
    processes = {int(process) for batch in loader for process in batch["process"]}
    assert len(processes) == 2
    assert os.getpid() not in processes


@pytest.mark.parametrize("start", STARTS)
def test_an_error_in_a_worker_names_the_image(mountable: Path, tmp_path: Path, start: str) -> None:
    import machex

    raw = tmp_path / "raw"
    (raw / "images").mkdir(parents=True)
    (raw / "train_val_list.txt").write_text("00000001_000.png\n")
    (raw / "images/00000001_000.png").write_bytes(b"no image")
    config = tmp_path / "broken.yml"
    config.write_text(
        f"MACHEX_PATH: tree\nCACHE_PATH: cache\nFRONTAL_ONLY: true\nCHEXRAY14_ROOT: {raw}\n"
    )
    with machex.mount(config) as root:
        loader = DataLoader(MaCheXDataset(root), num_workers=1, multiprocessing_context=start)
        with pytest.raises(ImageError) as caught:
            list(loader)
        words = str(caught.value)
        assert "chex-ray14: image 000000 (key 00000001_000.png) cannot be read" in words
        assert f"the cause is shown by: machex status {root}" in words


def test_what_goes_to_a_spawned_worker_is_small(materialized: Path) -> None:
    data = MaCheXDataset(materialized, fields=FIELDS)
    assert len(pickle.dumps(data)) < 10_000
    train = data.split(patient_lists={"padchest": padchest_list(materialized)})[0]
    assert len(pickle.dumps(train)) < 10_000 + 8 * len(train)


def padchest_list(materialized: Path) -> Path:
    return next((materialized.parent / "raw/padchest").glob("*.csv"))


def test_a_worker_of_a_worker_can_read(materialized: Path) -> None:
    """A dataset that came by pickle can be pickled again."""
    data = MaCheXDataset(materialized, fields=("key",))
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_pass_on, args=(data, sender))
    process.start()
    assert receiver.poll(60)
    assert receiver.recv() == data[3]["key"]
    process.join()


def _pass_on(data: MaCheXDataset, sender: object) -> None:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_answer, args=(data, sender))
    process.start()
    process.join()


def _answer(data: MaCheXDataset, sender: multiprocessing.connection.Connection) -> None:
    sender.send(data[3]["key"])

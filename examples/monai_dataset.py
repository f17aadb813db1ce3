#!/usr/bin/env python3
"""A MaCheX tree as MONAI's list of dictionaries, in a PersistentDataset.

    python examples/monai_dataset.py demo/mnt --cache demo/monai

MONAI keeps what its deterministic transforms make of each image, so that a second epoch neither
decodes nor resizes. That cache is MONAI's own, and larger than machex' JPEGs: keep images small.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch
from monai.data import DataLoader, PersistentDataset, PILReader
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    LoadImaged,
    RandRotated,
    Resized,
    ScaleIntensityRanged,
)

import machex


def list_of_dicts(root: str, names: list[str] | None = None) -> list[dict[str, Any]]:
    """A dictionary for each image: its path, and what the index says of it."""
    return [
        {
            "image": path,
            "key": key,
            "dataset": name,
            "label": torch.from_numpy(label.copy()),
            "has_label": bool(has_label),
        }
        for name in names or machex.list_datasets(root)
        for index in [machex.load_index(root, name)]
        for path, key, label, has_label in zip(
            index.paths, index.keys, index.class_labels, index.has_label
        )
    ]


def transforms(size: int) -> Compose:
    # MONAI has the first axis of an image from left to right unless told otherwise, and has three
    # channels of what is one.
    reader = PILReader(converter=lambda image: image.convert("L"), reverse_indexing=False)
    return Compose(
        [
            LoadImaged("image", reader=reader),
            EnsureChannelFirstd("image", channel_dim="no_channel"),
            Resized("image", (size, size), anti_aliasing=True),
            ScaleIntensityRanged("image", 0, 255, 0, 1),
            # From the first random one on, nothing is kept.
            RandRotated("image", range_x=0.1, prob=0.5),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="the tree: a mount point, or MACHEX_PATH")
    parser.add_argument("--cache", required=True, help="folder for what MONAI keeps")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2)
    arguments = parser.parse_args()

    images = list_of_dicts(arguments.root)
    data = PersistentDataset(images, transforms(arguments.size), cache_dir=arguments.cache)
    loader = DataLoader(
        data,
        batch_size=16,
        shuffle=True,
        num_workers=arguments.workers,
        # The reader's function cannot be sent to a spawned worker.
        multiprocessing_context="fork" if arguments.workers else None,
    )
    for number in range(1, arguments.epochs + 1):
        started, count = time.perf_counter(), 0
        for batch in loader:
            count += len(batch["image"])
        rate = count / (time.perf_counter() - started)
        print(f"epoch {number}: {count} images of {tuple(batch['image'].shape[1:])}, {rate:.1f}/s")


if __name__ == "__main__":
    main()

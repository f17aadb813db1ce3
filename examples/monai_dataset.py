#!/usr/bin/env python3
"""A MaCheX tree as MONAI's list of dictionaries, in a PersistentDataset.

    python examples/monai_dataset.py demo/mnt --cache demo/monai

MONAI caches the result of its deterministic transforms for each image, so that the second epoch
neither decodes nor resizes. This cache is separate from that of machex. It can be larger than the
JPEGs, so keep the images small.
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
    """Returns a dictionary for each image: its path, key, dataset and labels."""
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
    # By default, MONAI's first axis runs from left to right, and gray JPEGs keep three channels.
    reader = PILReader(converter=lambda image: image.convert("L"), reverse_indexing=False)
    return Compose(
        [
            LoadImaged("image", reader=reader),
            EnsureChannelFirstd("image", channel_dim="no_channel"),
            Resized("image", (size, size), anti_aliasing=True),
            ScaleIntensityRanged("image", 0, 255, 0, 1),
            # MONAI caches the result of the transforms before the first random one.
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
        # The reader's lambda cannot be pickled for a spawned worker.
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

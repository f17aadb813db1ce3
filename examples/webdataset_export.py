#!/usr/bin/env python3
"""Exports a tree as WebDataset shards, with the JPEG and a JSON of the metadata of each image.

    python examples/webdataset_export.py demo/mnt demo/shards

    import webdataset
    data = webdataset.WebDataset("demo/shards/machex-{000000..000004}.tar", shardshuffle=100)
    data = data.shuffle(1000).decode("rgb").to_tuple("jpg", "json")

The JPEGs are identical to those of the tree, byte for byte. Without --shuffle, the script reads the
images in order, so that a mount renders the next ones ahead.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from pathlib import Path

import webdataset

import machex


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="the tree: a mount point, or MACHEX_PATH")
    parser.add_argument("out", type=Path, help="folder for the shards")
    parser.add_argument("--datasets", nargs="+", help="only these")
    parser.add_argument("--shard-bytes", type=float, default=1e9)
    parser.add_argument("--shard-images", type=int, default=10_000)
    parser.add_argument(
        "--shuffle", type=int, metavar="SEED", help="mix the images of all datasets"
    )
    arguments = parser.parse_args()

    names = arguments.datasets or machex.list_datasets(arguments.root)
    indexes = [machex.load_index(arguments.root, name) for name in names]
    images = [(index, row) for index in indexes for row in range(len(index))]
    if arguments.shuffle is not None:
        random.Random(arguments.shuffle).shuffle(images)

    os.makedirs(arguments.out, exist_ok=True)
    if any(arguments.out.glob("*.tar")):
        parser.error(f"{arguments.out} has shards already; give another folder")
    pattern = str(arguments.out / "machex-%06d.tar")
    left_out = 0
    with webdataset.ShardWriter(
        pattern, maxcount=arguments.shard_images, maxsize=arguments.shard_bytes, verbose=0
    ) as shards:
        for index, row in images:
            try:
                jpeg = Path(index.paths[row]).read_bytes()
            except OSError as error:
                # The export continues with the next image; machex status shows the cause.
                print(f"left out: {index.dataset} {index.ids[row]}: {error}")
                left_out += 1
                continue
            entry = index[row]
            del entry["path"]
            shards.write(
                {
                    "__key__": f"{index.dataset}-{index.ids[row]}",
                    "jpg": jpeg,
                    "json": json.dumps({"dataset": index.dataset, **entry}).encode(),
                }
            )
        count = shards.shard
    print(f"{len(images) - left_out} images in {count} shards below {arguments.out}")
    if left_out:
        raise SystemExit(f"{left_out} images could not be read")


if __name__ == "__main__":
    main()

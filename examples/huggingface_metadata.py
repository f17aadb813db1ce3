#!/usr/bin/env python3
"""A tree as a Hugging Face Dataset: the rows of the metadata, each with its image.

    python examples/huggingface_metadata.py demo/mnt --view PA --finding "Pleural Effusion"

The Dataset has the paths of the images, not their bytes: it decodes an image when you access it, so
machex renders the images that you use. What --save writes contains the images, so that
`datasets.load_from_disk` opens it anywhere.
"""

from __future__ import annotations

import argparse
import os

import datasets

import machex


def load(root: str, columns: list[str], names: list[str] | None = None) -> datasets.Dataset:
    """Returns a Dataset with ``columns`` of the metadata and the column ``image``."""
    names = names or machex.list_datasets(root)
    folders = [os.path.join(os.path.abspath(root), name) for name in names]
    rows = datasets.Dataset.from_parquet(
        [os.path.join(folder, "metadata.parquet") for folder in folders],
        columns=["path", *columns],
    )
    # `path` is relative to the root of the tree.
    paths = [os.path.join(os.path.abspath(root), path) for path in rows["path"]]
    return (
        rows.remove_columns("path")
        .add_column("image", paths)
        .cast_column("image", datasets.Image())
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="the tree: a mount point, or MACHEX_PATH")
    parser.add_argument("--datasets", nargs="+", help="only these")
    parser.add_argument("--finding", default="Pleural Effusion")
    parser.add_argument("--view", nargs="+", help="only these, such as PA AP")
    parser.add_argument("--save", help="folder to save the Dataset in")
    arguments = parser.parse_args()

    columns = ["dataset", "key", "patient_key", "view", "sex", "age_years", arguments.finding]
    data = load(arguments.root, columns, arguments.datasets)
    print(f"{len(data)} images")
    data = data.filter(
        lambda values: [value is not None for value in values],
        input_columns=arguments.finding,
        batched=True,
    )
    if arguments.view:
        data = data.filter(
            lambda views: [view in arguments.view for view in views],
            input_columns="view",
            batched=True,
        )
    present = sum(value == 1 for value in data[arguments.finding])
    print(f"{len(data)} of them with a label, {arguments.finding} in {present}")
    if len(data):
        first = data[0]
        print(f"the first: {first['key']}, {first['view']}, {first['image'].size}")
    if arguments.save:
        data.save_to_disk(arguments.save)


if __name__ == "__main__":
    main()

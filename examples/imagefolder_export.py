#!/usr/bin/env python3
"""Exports a tree as a Hugging Face imagefolder with metadata.jsonl, split by patient.

    python examples/imagefolder_export.py demo/mnt demo/imagefolder

    from datasets import load_dataset
    data = load_dataset("imagefolder", data_dir="demo/imagefolder")

With --link, the images are links into the tree instead of copies. They take no space, and machex
does not render any image for the export, but you must keep the tree mounted at the same path.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

import machex


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="the tree: a mount point, or MACHEX_PATH")
    parser.add_argument("out", type=Path, help="folder to make")
    parser.add_argument("--datasets", nargs="+", help="only these")
    parser.add_argument("--validation", type=float, default=0.1, help="share of the patients")
    parser.add_argument("--link", action="store_true", help="links instead of copies")
    arguments = parser.parse_args()

    names = arguments.datasets or machex.list_datasets(arguments.root)
    indexes = [machex.load_index(arguments.root, name) for name in names]
    images = [(index, row) for index in indexes for row in range(len(index))]
    fractions = (1 - arguments.validation, arguments.validation)
    shares = machex.split_by_patient(indexes, fractions)

    left_out = 0
    for split, rows in zip(("train", "validation"), shares):
        folder = arguments.out / split
        folder.mkdir(parents=True)
        written = 0
        with open(folder / "metadata.jsonl", "w", encoding="utf-8") as metadata:
            for at in rows:
                index, row = images[at]
                # Every line has the same columns, even those that its dataset lacks.
                entry = index[row]
                line = {
                    "file_name": f"{index.dataset}/{index.ids[row]}.jpg",
                    "dataset": index.dataset,
                    "key": entry["key"],
                    "class_label": entry.get("class_label"),
                    "report": entry.get("report"),
                }
                target = folder / line["file_name"]
                target.parent.mkdir(exist_ok=True)
                try:
                    if arguments.link:
                        os.symlink(entry["path"], target)
                    else:
                        shutil.copyfile(entry["path"], target)
                except OSError as error:
                    # The export continues with the next image; machex status shows the cause.
                    print(f"left out: {index.dataset} {index.ids[row]}: {error}")
                    target.unlink(missing_ok=True)
                    left_out += 1
                    continue
                metadata.write(json.dumps(line) + "\n")
                written += 1
        print(f"{folder}: {written} images")
    if left_out:
        raise SystemExit(f"{left_out} images could not be read")


if __name__ == "__main__":
    main()

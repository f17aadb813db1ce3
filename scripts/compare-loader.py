#!/usr/bin/env python3
"""Compares a loader for MaCheX trees with the datasets of this package, item by item.

    scripts/compare-loader.py .../saiboxx/machex/dataset.py ROOT
    scripts/compare-loader.py .../saiboxx/chexray-diffusion/cheff/machex.py ROOT

The script imports the loader from its file, without changes. It knows the classes of the two files
above, and compares those that the loader has, on all images. If the loader orders the datasets in
another way, the script compares in the loader's order.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import torch

import machex


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("loader", path)
    if spec is None or spec.loader is None:
        sys.exit(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def same(theirs: dict[str, Any], ours: dict[str, Any]) -> bool:
    """Whether two items have the same fields, types and values."""

    def equal(a: Any, b: Any) -> bool:
        if isinstance(a, torch.Tensor):
            return a.dtype == b.dtype and torch.equal(a, b)
        return type(a) is type(b) and a == b

    return theirs.keys() == ours.keys() and all(equal(theirs[key], ours[key]) for key in theirs)


def compare(what: str, theirs: Any, ours: Iterable[dict[str, Any]]) -> int:
    """Prints how many items are the same, and returns how many differ."""
    items = list(ours)
    if len(theirs) != len(items):
        print(f"{what}: {len(theirs)} items, and ours {len(items)}")
        return 1
    different = sum(not same(theirs[at], item) for at, item in enumerate(items))
    print(f"{what}: {len(items) - different} of {len(items)} items are the same")
    return different


def one(root: str, name: str, *fields: str) -> machex.ChestXrayDataset:
    return machex.ChestXrayDataset(os.path.join(root, name), fields=("img", *fields))


def items_of(data: Any) -> list[dict[str, Any]]:
    return [data[at] for at in range(len(data))]


def labelled(root: str, name: str) -> list[dict[str, Any]]:
    data = one(root, name, "class_label")
    rows = [row for row in range(len(data)) if data.index.has_label[row]]
    return [{key: data[row][key] for key in ("img", "class_label")} for row in rows]


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    loader, root = load(sys.argv[1]), sys.argv[2]
    names = machex.list_datasets(root)

    def single(cls: Any) -> int:
        return sum(
            compare(
                f"ChestXrayDataset {name}", cls(os.path.join(root, name)), items_of(one(root, name))
            )
            for name in names
        )

    def whole(cls: Any) -> int:
        # The original uses the datasets in the order in which the file system lists them.
        listed = [item for name in os.listdir(root) for item in items_of(one(root, name))]
        return compare("MaCheXDataset", cls(root), listed)

    def captions(cls: Any) -> int:
        items = items_of(one(root, "mimic", "report"))
        ours = [{"img": item["img"], "caption": item["report"]} for item in items]
        return compare("MimicT2IDataset", cls(root), ours)

    def labels(cls: Any) -> int:
        ours = labelled(root, "chexpert")
        return compare("LabelChestXrayDataset", cls(os.path.join(root, "chexpert")), ours)

    def combined(cls: Any) -> int:
        ours = labelled(root, "mimic") + labelled(root, "chexpert")
        return compare("CombinedLabelChestXrayDataset", cls(root), ours)

    checks: dict[str, Callable[[Any], int]] = {
        "ChestXrayDataset": single,
        "MaCheXDataset": whole,
        "MimicT2IDataset": captions,
        "LabelChestXrayDataset": labels,
        "CombinedLabelChestXrayDataset": combined,
    }
    found = {name: check for name, check in checks.items() if hasattr(loader, name)}
    if not found:
        sys.exit(f"{sys.argv[1]} has none of {', '.join(checks)}")
    if sum([check(getattr(loader, name)) for name, check in found.items()]) > 0:
        sys.exit(1)


if __name__ == "__main__":
    main()

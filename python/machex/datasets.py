"""PyTorch datasets over a tree, materialized or mounted.

The constructors, lengths and items match those of MaCheX's ``dataset.py``: to switch, you change
one import. The arguments ``fields``, ``mode`` and ``datasets`` are new.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable, Optional

import numpy as np
from numpy.typing import NDArray

from machex.index import Index, load_index
from machex.patients import split_by_patient, warn_of_overlap
from machex.trees import PathLike, check_datasets, list_datasets

try:
    import torch
    from torch.utils.data import ConcatDataset, Dataset, Subset

    from machex.images import MODES, read_image
except ImportError as missing:
    raise ImportError(
        f"the datasets need PyTorch and Pillow ({missing}): pip install torch torchvision pillow; "
        "machex.load_index works without them"
    ) from missing

#: The names of all fields that an item can have.
FIELDS: tuple[str, ...] = ("img", "key", "class_label", "report", "dataset", "path")

Item = dict[str, Any]
Transforms = Optional[Callable[[Any], Any]]


class ChestXrayDataset(Dataset[Item]):
    """The images of one dataset.

    Args:
        root: the folder of the dataset, such as ``/mnt/machex/mimic``.
        transforms: a function that takes a Pillow image and returns the value of ``img``. The
            default is torchvision's ``ToTensor``, which returns float32 in [0, 1], of shape
            (3, 1024, 1024), or (1, 1024, 1024) in mode "L".
        fields: the fields of an item, out of :data:`FIELDS`:

            * ``img``: the transformed image;
            * ``key``: the key that identifies the image in its dataset (str);
            * ``class_label``: float32 of shape (13,): 1 positive, -1 negative, 0 uncertain or not
              mentioned, in the order of :data:`machex.LABELS`. The item then also has
              ``class_label_mask``, a bool of the same shape. If an image has no labels, its mask
              is all false and its ``class_label`` all zeros;
            * ``report``: free text (str), empty if the image has none;
            * ``dataset``: the name of the dataset (str);
            * ``path``: the path of the image (str).
        mode: ``"L"`` for one channel: only the luma of the JPEG is decoded, which is faster.
            ``"RGB"`` for three channels. The default keeps the channels of the file: three.

    Raises:
        TreeError: when ``root`` is not the folder of a dataset, or its index cannot be used.
        ValueError: when ``fields`` or ``mode`` has an unknown value.
    """

    #: Name of the dataset.
    dataset: str

    def __init__(
        self,
        root: PathLike,
        transforms: Transforms = None,
        *,
        fields: Iterable[str] = ("img",),
        mode: str | None = None,
    ) -> None:
        self.root = root
        self.fields = _checked_fields(fields)
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(map(repr, MODES))}, not {mode!r}")
        self.mode = mode
        #: The columns of ``index.json``.
        self.index: Index = load_index(root)
        self.dataset = self.index.dataset
        self._chosen: Sequence[str] | None = None
        needs_default = transforms is None and "img" in self.fields
        self.transforms = _to_tensor() if needs_default else transforms

    @property
    def keys(self) -> Sequence[str]:
        """The ids of the images, such as ``"000123"``. Assign a list of ids to select images."""
        return self.index.ids if self._chosen is None else self._chosen

    @keys.setter
    def keys(self, keys: Sequence[str]) -> None:
        self._chosen = keys

    @property
    def index_dict(self) -> Mapping[str, dict[str, Any]]:
        """The entries of ``index.json`` by id, like the attribute of this name in MaCheX."""
        return self.index.entries

    def __repr__(self) -> str:
        fields = ", ".join(self.fields)
        return f"<machex.ChestXrayDataset {self.dataset}: {len(self):,} images, fields {fields}>"

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, idx: int) -> Item:
        _check_position(self, idx)
        row = self.index.find(self.keys[idx])
        item: Item = {}
        for field in self.fields:
            self._fill(item, field, row)
        return item

    def split(
        self,
        fractions: Sequence[float] = (0.9, 0.1),
        *,
        seed: int = 0,
        patient_lists: Mapping[str, PathLike] | None = None,
    ) -> list[Subset[Item]]:
        """Splits by patient into subsets; see :func:`machex.split_by_patient`."""
        shares = self._shares(fractions, seed, patient_lists)
        return [_subset(self, positions) for positions in shares]

    def _shares(
        self,
        fractions: Sequence[float],
        seed: int,
        patient_lists: Mapping[str, PathLike] | None,
    ) -> list[NDArray[np.intp]]:
        """Returns the positions of each share in :attr:`keys`."""
        shares = split_by_patient(self.index, fractions, seed=seed, patient_lists=patient_lists)
        if self._chosen is None:
            return shares
        share_of_row = np.full(len(self.index), -1)
        for share, rows in enumerate(shares):
            share_of_row[rows] = share
        chosen = np.array([self.index.find(image_id) for image_id in self._chosen], np.intp)
        return [np.flatnonzero(share_of_row[chosen] == share) for share in range(len(shares))]

    def _fill(self, item: Item, field: str, row: int) -> None:
        index = self.index
        if field == "img":
            image = read_image(index, row, self.mode)
            item["img"] = image if self.transforms is None else self.transforms(image)
        elif field == "class_label":
            label = torch.from_numpy(index.class_labels[row].astype(np.float32))
            item["class_label"] = label
            item["class_label_mask"] = torch.full(label.shape, bool(index.has_label[row]))
        elif field == "report":
            item["report"] = index.reports[row] or ""
        elif field == "key":
            item["key"] = index.keys[row]
        elif field == "dataset":
            item["dataset"] = index.dataset
        else:
            item["path"] = index.paths[row]


class MaCheXDataset(Dataset[Item]):
    """The images of all datasets of a tree, sorted by the names of the datasets.

    Args:
        root: the tree, such as ``/mnt/machex``.
        transforms, fields, mode: see :class:`ChestXrayDataset`.
        datasets: the names of the datasets to use, in any order; all by default.

    Raises:
        TreeError: when ``root`` is not a tree, lacks one of the datasets, or has one whose index is
            missing or cannot be used.
        ValueError: when ``fields`` or ``mode`` has an unknown value, or ``datasets`` is empty.
    """

    #: All datasets, concatenated.
    ds: ConcatDataset[Item]
    #: One object for each dataset, sorted by name.
    datasets: list[ChestXrayDataset]

    def __init__(
        self,
        root: PathLike,
        transforms: Transforms = None,
        *,
        fields: Iterable[str] = ("img",),
        mode: str | None = None,
        datasets: Iterable[str] | None = None,
    ) -> None:
        self.root = root
        if isinstance(datasets, str):
            raise TypeError(f"datasets must be a list of names: [{datasets!r}]")
        names = list_datasets(root) if datasets is None else sorted(set(datasets))
        if not names:
            raise ValueError("datasets must name at least one")
        if datasets is not None:
            check_datasets(root, names)
        fields = _checked_fields(fields)
        self.datasets = [
            ChestXrayDataset(os.path.join(root, name), transforms, fields=fields, mode=mode)
            for name in names
        ]
        self.ds = ConcatDataset(self.datasets)

    def __repr__(self) -> str:
        names = ", ".join(f"{one.dataset} {len(one):,}" for one in self.datasets)
        return f"<machex.MaCheXDataset {os.fspath(self.root)}: {len(self):,} images ({names})>"

    def __len__(self) -> int:
        return len(self.ds)

    def __getitem__(self, idx: int) -> Item:
        _check_position(self, idx)
        item: Item = self.ds[idx]
        return item

    def split(
        self,
        fractions: Sequence[float] = (0.9, 0.1),
        *,
        seed: int = 0,
        patient_lists: Mapping[str, PathLike] | None = None,
    ) -> list[Subset[Item]]:
        """Splits by patient into subsets; see :func:`machex.split_by_patient`."""
        fractions = tuple(fractions)
        warn_of_overlap([one.index for one in self.datasets])
        lists = dict(patient_lists or {})
        shares: list[list[NDArray[np.intp]]] = [[] for _ in fractions]
        start = 0
        for one in self.datasets:
            own = {name: lists.pop(name) for name in [one.dataset] if name in lists}
            for share, positions in zip(shares, one._shares(fractions, seed, own)):
                share.append(positions + start)
            start += len(one)
        if lists:
            raise ValueError(f"patient_lists names datasets that are not there: {sorted(lists)}")
        return [_subset(self, np.concatenate(share)) for share in shares]


def _check_position(dataset: ChestXrayDataset | MaCheXDataset, idx: int) -> None:
    if not -len(dataset) <= idx < len(dataset):
        raise IndexError(f"there are {len(dataset):,} images, and no image {idx}")


def _checked_fields(fields: Iterable[str]) -> tuple[str, ...]:
    if isinstance(fields, str):
        raise TypeError(f"fields must be a list of names: [{fields!r}]")
    fields = tuple(fields)
    for field in fields:
        if field not in FIELDS:
            raise ValueError(f"there is no field {field!r}; the fields are {', '.join(FIELDS)}")
    return fields


def _to_tensor() -> Callable[[Any], Any]:
    # The import takes a second: you do not pay for it if you pass your own transforms.
    try:
        from torchvision.transforms import ToTensor
    except ImportError as missing:
        raise ImportError(
            f"the default transforms need torchvision ({missing}): pip install torchvision, or "
            "pass transforms=..."
        ) from missing
    return ToTensor()  # type: ignore[no-any-return]


def _subset(dataset: Dataset[Item], rows: NDArray[np.intp]) -> Subset[Item]:
    return Subset(dataset, rows.tolist())

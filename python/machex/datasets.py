"""PyTorch datasets over a tree, materialized or mounted.

The constructors, lengths and items match those of MaCheX's ``dataset.py``: to switch, you change
one import. The arguments that have to be named are new.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable, Optional

import numpy as np
from numpy.typing import NDArray

from machex.errors import TreeError
from machex.index import Index, load_index
from machex.metadata_rows import MetadataRows
from machex.trees import PathLike, check_datasets, list_datasets

try:
    import torch
    from torch.utils.data import ConcatDataset

    from machex.fields import FIELDS as FIELDS
    from machex.fields import MetadataFields, checked_fields
    from machex.images import MODES, read_image
    from machex.selections import Item as Item
    from machex.selections import Part, Selectable
except ImportError as missing:
    raise ImportError(
        f"the datasets need PyTorch and Pillow ({missing}): pip install torch torchvision pillow; "
        "machex.load_index works without them"
    ) from missing

Transforms = Optional[Callable[[Any], Any]]


class ChestXrayDataset(Selectable):
    """The images of one dataset.

    Args:
        root: the folder of the dataset, such as ``/mnt/machex/mimic``.
        transforms: a function that takes a Pillow image and returns the value of ``img``. The
            default is torchvision's ``ToTensor``, which returns float32 in [0, 1], of shape
            (3, 1024, 1024), or (1, 1024, 1024) in mode "L".
        fields: the fields of an item. From the index:

            * ``img``: the transformed image;
            * ``key``: the key that identifies the image in its dataset (str);
            * ``class_label``: float32 of shape (13,): 1 positive, -1 negative, 0 uncertain or not
              mentioned, in the order of :data:`machex.LABELS`. The item then also has
              ``class_label_mask``, a bool of the same shape. If an image has no labels, its mask
              is all false and its ``class_label`` all zeros;
            * ``report``: free text (str), empty if the image has none;
            * ``dataset``: the name of the dataset (str);
            * ``path``: the path of the image (str).

            From the metadata, which needs pyarrow:

            * ``findings``: float32 of shape (k,) for the k names in ``findings``: 1 present, 0
              absent or not labelled. The item then also has ``findings_mask``, a bool of the same
              shape: whether the finding is labelled;
            * ``view``, ``sex``, ``patient_key``, ``study_key``, ``split``: a str, empty if unknown;
            * ``age_years``: float, ``nan`` if the age in years is unknown;
            * ``boxes``: ``tv_tensors.BoundingBoxes``, float32 of shape (n, 4): x1, y1, x2, y2 in
              pixels of the tree, 0 to 1024, without those outside the picture. The item then also
              has ``box_labels``, a list of n names;
            * ``masks``: ``tv_tensors.Mask``, bool of shape (n, 1024, 1024). The item then also has
              ``mask_labels``, a list of n names.

            A box or mask has the name of its finding, or the dataset's own term if no finding has
            it. Both are in pixels of the tree, whatever ``transforms`` does to ``img``: apply a
            transform of ``torchvision.transforms.v2`` to whole items instead.
        findings: the names of the findings for the field ``findings``; by default all that the
            metadata has.
        uncertain: what to make of an uncertain finding: ``"ignore"`` for one that is not labelled,
            ``"positive"`` for 1, ``"negative"`` for 0.
        metadata: a table that ``machex metadata`` has written; by default, ``metadata.parquet`` in
            the folder of the dataset.
        mode: ``"L"`` for one channel: only the luma of the JPEG is decoded, which is faster.
            ``"RGB"`` for three channels. The default keeps the channels of the file: three.

    Raises:
        TreeError: when ``root`` is not the folder of a dataset, or its index cannot be used; or
            when metadata is needed that does not exist, or is not that of this tree.
        ValueError: when ``fields``, ``findings``, ``uncertain`` or ``mode`` has an unknown value.
        ImportError: when pyarrow or torchvision is needed, and is not installed.
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
        findings: Iterable[str] | None = None,
        uncertain: str = "ignore",
        metadata: PathLike | None = None,
    ) -> None:
        self.root = root
        self.fields = checked_fields(fields)
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(map(repr, MODES))}, not {mode!r}")
        self.mode = mode
        #: The columns of ``index.json``.
        self.index: Index = load_index(root)
        self.dataset = self.index.dataset
        #: The metadata of all images of the index.
        self.metadata_rows = MetadataRows(self.index, metadata)
        self._metadata = MetadataFields(self.metadata_rows, self.fields, findings, uncertain)
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

    @property
    def findings(self) -> tuple[str, ...]:
        """The names of the findings of the field ``findings``, in its order."""
        return self._metadata.findings

    def chosen_rows(self) -> NDArray[np.intp]:
        """Returns the row in :attr:`index` of each image."""
        if self._chosen is None:
            return np.arange(len(self.index))
        return np.array([self.index.find(image_id) for image_id in self._chosen], np.intp)

    def _parts(self) -> Sequence[Part]:
        return [self]

    def _fill(self, item: Item, field: str, row: int) -> None:
        index = self.index
        if field == "img":
            image = read_image(index, row, self.mode)
            transformed = image if self.transforms is None else self.transforms(image)
            item["img"] = self._metadata.image(transformed)
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
        elif field == "path":
            item["path"] = index.paths[row]
        else:
            self._metadata.fill(item, field, row)


class MaCheXDataset(Selectable):
    """The images of all datasets of a tree, sorted by the names of the datasets.

    Args:
        root: the tree, such as ``/mnt/machex``.
        transforms, fields, mode, findings, uncertain: see :class:`ChestXrayDataset`.
        metadata: a table of all datasets that ``machex metadata`` has written; by default,
            ``metadata.parquet`` in the folder of each dataset.
        datasets: the names of the datasets to use, in any order; all by default.

    Raises:
        TreeError: when ``root`` is not a tree, lacks one of the datasets, or has one whose index is
            missing or cannot be used; or when metadata is needed that does not exist.
        ValueError: when ``fields``, ``findings``, ``uncertain`` or ``mode`` has an unknown value,
            or ``datasets`` is empty.
        ImportError: when pyarrow or torchvision is needed, and is not installed.
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
        findings: Iterable[str] | None = None,
        uncertain: str = "ignore",
        metadata: PathLike | None = None,
    ) -> None:
        self.root = root
        if isinstance(datasets, str):
            raise TypeError(f"datasets must be a list of names: [{datasets!r}]")
        names = list_datasets(root) if datasets is None else sorted(set(datasets))
        if not names:
            raise ValueError("datasets must name at least one")
        if datasets is not None:
            check_datasets(root, names)
        options: dict[str, Any] = {
            "fields": checked_fields(fields),
            "mode": mode,
            "findings": findings if findings is None or isinstance(findings, str) else [*findings],
            "uncertain": uncertain,
            "metadata": metadata,
        }
        self.datasets = [
            ChestXrayDataset(os.path.join(root, name), transforms, **options) for name in names
        ]
        if len({one.findings for one in self.datasets}) > 1:
            raise TreeError(
                f"the tables of {', '.join(names)} do not have the same findings: name those that "
                "you want, findings=[...], or write the metadata of all again"
            )
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

    @property
    def findings(self) -> tuple[str, ...]:
        """The names of the findings of the field ``findings``, in its order."""
        return self.datasets[0].findings

    def _parts(self) -> Sequence[Part]:
        return self.datasets


def _check_position(dataset: ChestXrayDataset | MaCheXDataset, idx: int) -> None:
    if not -len(dataset) <= idx < len(dataset):
        raise IndexError(f"there are {len(dataset):,} images, and no image {idx}")


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

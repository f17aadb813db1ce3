"""The index of a dataset as columns: compact in memory, and shared with worker processes."""

from __future__ import annotations

import operator
import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np
from numpy.typing import NDArray

from machex.errors import TreeError
from machex.labels import LABELS
from machex.patients import patients_of
from machex.reading import read_columns
from machex.shared import GoneError, Handle, SharedArrays
from machex.showing import index_as_html
from machex.tables import to_arrow, to_pandas
from machex.texts import ComputedTexts, Texts
from machex.trees import INDEX_NAME, PathLike, check_datasets, why_no_index, words

if TYPE_CHECKING:
    import pandas
    import pyarrow


class Index:
    """The images of one dataset, in the order of its ``index.json``.

    ``index[5]`` is the entry of the image in row 5, ``index["000123"]`` that of the image with this
    id, and ``index[:10]`` a list of the first ten. A loop over the index yields all entries. An
    entry is a dictionary as in ``index.json``, with the image's ``path`` now, its ``key`` and, if
    it has them, its ``class_label`` and ``report``.

    All columns have ``len(index)`` rows. They are in memory once, however many processes a data
    loader starts: a pickled index contains the location of its columns, not the columns.
    """

    #: The folder of the dataset.
    root: Path
    #: The name of the dataset, such as ``mimic``.
    dataset: str
    #: The number of each image in six digits, such as ``"000123"``.
    ids: Sequence[str]
    #: The key that identifies each image in its dataset.
    keys: Sequence[str]
    #: The path of each image now, even if the tree was moved after its index was written.
    paths: Sequence[str]
    #: The free-text report of each image; ``None`` if it has none.
    reports: Sequence[str | None]
    #: int8 of shape (n, 13), in the order of :data:`machex.LABELS`: 1 positive, -1 negative, 0
    #: uncertain or not mentioned. All zeros if an image has no labels.
    class_labels: NDArray[np.int8]
    #: bool of shape (n,): whether each image has labels.
    has_label: NDArray[np.bool_]
    #: The entry of each image by id, like the whole ``index.json``. Each is built when you access
    #: it.
    entries: Mapping[str, dict[str, Any]]

    def __init__(self, root: Path, arrays: SharedArrays, written_below: str) -> None:
        """Use :func:`load_index` instead.

        ``written_below`` is the dataset's folder according to the paths in ``index.json``.
        """
        self.root = root
        self.dataset = root.name
        self._arrays = arrays
        self._written_below = written_below
        self._numbers: NDArray[np.uint32] = arrays["number"]
        self._by_number = _sorter(self._numbers)
        self.class_labels = arrays["label"].reshape(-1, len(LABELS))
        self.has_label = arrays["has_label"]
        self.ids = ComputedTexts(len(self), self._id)
        # Every entry has a key: `read_columns` has checked that.
        self.keys = cast("Sequence[str]", Texts(arrays, "key"))
        self.reports = Texts(arrays, "report")
        self._other_paths = Texts(arrays, "path") if "path.text" in arrays else None
        self._below = self._find_images()
        self.paths = ComputedTexts(len(self), self._path)
        self.entries = _Entries(self)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int | str) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, at: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self._entry(row) for row in range(len(self))[at]]
        if isinstance(at, str):
            return self._entry(self.find(at))
        try:
            row = operator.index(at)
        except TypeError:
            raise TypeError(
                f"an index takes a row (int), an id (str) or a slice, not {type(at).__name__}"
            ) from None
        if not -len(self) <= row < len(self):
            raise IndexError(f"{self.dataset} has {len(self):,} images, and no row {row}")
        return self._entry(row % len(self))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._entry, range(len(self)))

    def __contains__(self, image_id: object) -> bool:
        """Whether an image has this id."""
        try:
            self.find(image_id)  # type: ignore[arg-type]
        except (KeyError, TypeError):
            return False
        return True

    def _repr_html_(self) -> str:
        return index_as_html(self)

    def __repr__(self) -> str:
        return f"<machex.Index {self.dataset}: {len(self):,} images in {self.root}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.root, self._arrays.handle(), self._written_below)

    @property
    def nbytes(self) -> int:
        """The size in memory in bytes, which all processes share."""
        return self._arrays.nbytes

    def find(self, image_id: str) -> int:
        """Returns the row of an id.

        Raises:
            KeyError: when no image has this id.
            TypeError: when the id is not a str.
        """
        if not isinstance(image_id, str):
            raise TypeError(f"an id is a text of six digits, not {image_id!r}")
        is_id = len(image_id) == 6 and image_id.isascii() and image_id.isdigit()
        if is_id:
            # Has the column's own type: otherwise NumPy would convert the whole column first.
            number = np.uint32(int(image_id))
            at = int(np.searchsorted(self._numbers, number, sorter=self._by_number))
            row = at if self._by_number is None else int(self._by_number[min(at, len(self) - 1)])
            if row < len(self) and self._numbers[row] == number:
                return row
        raise KeyError(f"{self.dataset} has no image {image_id!r}; ids are like '000123'")

    def _entry(self, row: int) -> dict[str, Any]:
        entry: dict[str, Any] = {"path": self.paths[row], "key": self.keys[row]}
        if self.has_label[row]:
            entry["class_label"] = self.class_labels[row].tolist()
        report = self.reports[row]
        if report is not None:
            entry["report"] = report
        return entry

    def patient_ids(self, patient_list: PathLike | None = None) -> list[str | None]:
        """Returns the patient of each image; ``None`` if the patient is unknown.

        Args:
            patient_list: the CSV with the patients, for a dataset whose keys do not name them
                (PadChest). You do not need to pass it for a mount, where machex finds it.

        Raises:
            TreeError: when such a CSV is needed, and is not found or cannot be used.
            MachexError: when the program, which has the rules, cannot be run.
        """
        return patients_of(self, patient_list)

    def to_pandas(self) -> pandas.DataFrame:
        """Returns a data frame with a column for each finding.

        These columns are ``Int8``, and ``<NA>`` where an image has no labels.
        """
        return to_pandas(self)

    def to_arrow(self) -> pyarrow.Table:
        """Returns a table that uses the keys and reports of this index without copying them."""
        return to_arrow(self)

    def _id(self, row: int) -> str:
        return f"{self._numbers[row]:06}"

    def _path(self, row: int) -> str:
        other = self._other_paths[row] if self._other_paths is not None else None
        image_id = self._id(row)
        tail = f"{image_id[:2]}/{image_id}.jpg"
        if other is None or (self._below == str(self.root) and _ends_with(other, tail)):
            return f"{self._below}/{tail}"
        return os.path.join(self.root, other)

    def _find_images(self) -> str:
        """Returns the folder of the shards.

        It is the folder of the index, even if the tree was moved or is mounted elsewhere. If that
        folder has no shards, it is the folder in the paths of ``index.json``.
        """
        here = str(self.root)
        if len(self) == 0 or os.path.isdir(os.path.join(here, self._id(0)[:2])):
            return here
        return self._written_below if os.path.isdir(self._written_below) else here


def _ends_with(path: str, tail: str) -> bool:
    """Whether a path ends in ``tail`` once normalized; it may have the separators of Windows."""
    return posixpath.normpath(path.replace("\\", "/")).endswith(f"/{tail}")


class _Entries(Mapping[str, "dict[str, Any]"]):
    def __init__(self, index: Index) -> None:
        self._index = index

    def __getitem__(self, image_id: str) -> dict[str, Any]:
        return self._index[self._index.find(image_id)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._index.ids)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        return f"<{len(self):,} entries by id of {self._index!r}>"


def _sorter(numbers: NDArray[np.uint32]) -> NDArray[np.intp] | None:
    """Returns the order that sorts the numbers; ``None`` if they are sorted already."""
    if bool(np.all(numbers[:-1] < numbers[1:])):
        return None
    return np.argsort(numbers, kind="stable")


def _restore(root: Path, handle: Handle, written_below: str) -> Index:
    try:
        return Index(root, SharedArrays.attach(handle), written_below)
    except GoneError:
        index = load_index(root)
        # The same pickle may contain a length, or the rows of a split. With another index, these
        # would select the wrong images.
        if index._arrays.digest != handle[2]:
            raise TreeError(
                f"{root / INDEX_NAME} is not what it was when this was pickled: make it anew"
            ) from None
        return index


def load_index(root: PathLike, dataset: str | None = None) -> Index:
    """Reads the index of one dataset.

    Args:
        root: a tree, materialized or mounted; or the folder of one dataset.
        dataset: the name of the dataset's folder in the tree; ``None`` if ``root`` is that folder.

    Raises:
        TreeError: when the dataset does not exist, or its index cannot be used.
    """
    if dataset is not None:
        check_datasets(root, [dataset])
    folder = Path(os.path.abspath(root if dataset is None else os.path.join(root, dataset)))
    path = folder / INDEX_NAME
    try:
        return Index(folder, *read_columns(path))
    except (FileNotFoundError, NotADirectoryError):
        raise TreeError(why_no_index(folder)) from None
    except OSError as error:
        raise TreeError(f"{path} cannot be read: {words(error, folder)}") from error

"""Lists the datasets of a tree, and explains why a folder is not a tree."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Union

from machex.errors import TreeError, is_mount_gone

#: The path of a file or folder.
PathLike = Union[str, "os.PathLike[str]"]

INDEX_NAME = "index.json"

_IS_IT_MOUNTED = "is it mounted? (machex mount CONFIG MOUNTPOINT)"

#: Folders in the root of a disk that are not datasets.
_NO_DATASETS = ("lost+found",)


def list_datasets(root: PathLike) -> list[str]:
    """Returns the names of the datasets of a tree, sorted.

    Raises:
        TreeError: when ``root`` is not a MaCheX tree.
    """
    root = os.path.abspath(root)
    if os.path.isfile(root):
        raise TreeError(f"{root} is a file, not a tree; to mount a config: machex.mount({root!r})")
    try:
        with os.scandir(root) as items:
            folders = sorted(
                item.name for item in items if item.name not in _NO_DATASETS and item.is_dir()
            )
        folders = [name for name in folders if not name.startswith(".")]
        has_index = any(_has_index(os.path.join(root, name)) for name in folders)
    except FileNotFoundError:
        raise TreeError(f"{root} does not exist") from None
    except OSError as error:
        raise TreeError(f"{root} cannot be read: {words(error, Path(root))}") from error
    if os.path.isfile(os.path.join(root, INDEX_NAME)):
        raise TreeError(
            f"{root} is the folder of one dataset; the tree is {os.path.dirname(root)} "
            "(for one dataset: machex.ChestXrayDataset, or machex.load_index without a name)"
        )
    if not has_index:
        raise TreeError(
            f"{root} is no MaCheX tree: none of its {len(folders)} folders has an {INDEX_NAME}; "
            f"{_IS_IT_MOUNTED}"
            if folders
            else f"{root} has no folders: {_IS_IT_MOUNTED}"
        )
    # Includes folders without an index, so that loading an unfinished dataset fails instead of
    # silently leaving it out.
    return folders


def _has_index(folder: str) -> bool:
    # Lists the folder, because a mount would have to build the index to answer a stat.
    try:
        return INDEX_NAME in os.listdir(folder)
    except (NotADirectoryError, PermissionError):
        return False


def check_datasets(root: PathLike, wanted: Sequence[str]) -> None:
    """Checks that a tree has these datasets.

    Raises:
        TreeError: when it lacks one of them, or is not a tree. The message names the datasets that
            the tree has.
    """
    names = list_datasets(root)
    for dataset in wanted:
        if dataset not in names:
            raise TreeError(
                f"{os.fspath(root)} has no dataset {dataset!r}, but {_names(dataset, names)}"
            )


def _names(wanted: str, names: Sequence[str]) -> str:
    """Lists the datasets of a tree for somebody who wanted one that it does not have."""
    of_lower = {name.lower(): name for name in names}
    close = get_close_matches(wanted.lower(), of_lower, 1)
    hint = f"; did you mean {of_lower[close[0]]}?" if close else ""
    return f"{', '.join(names)}{hint}"


def why_no_index(folder: Path) -> str:
    """Explains why a folder has no index, for an error message."""
    if not folder.exists():
        try:
            names = list_datasets(folder.parent)
        except TreeError:
            return f"{folder} does not exist"
        return f"{folder} does not exist; the tree has {_names(folder.name, names)}"
    if not folder.is_dir():
        return f"{folder} is not a folder"
    items = list(folder.iterdir())
    if not items:
        return f"{folder} is empty: {_IS_IT_MOUNTED}"
    names = sorted(item.name for item in items if _has_index(str(item)))
    if names:
        return (
            f"{folder} has no {INDEX_NAME}: it is a whole tree ({', '.join(names)}); "
            "for all of it: machex.MaCheXDataset"
        )
    return (
        f"{folder} has no {INDEX_NAME}: it is no dataset of a MaCheX tree, or not finished yet "
        "(machex materialize writes the index last); to do without it, name the others: "
        "datasets=[...]"
    )


def words(error: OSError, folder: Path) -> str:
    """Explains why a folder or file of a tree cannot be read, for an error message."""
    if is_mount_gone(error):
        return f"the mount's process has gone; mount it again with --replace ({folder})"
    if error.errno == errno.EIO:
        return f"{error.strerror}; on a mount, its log and machex status say why"
    return error.strerror or str(error)

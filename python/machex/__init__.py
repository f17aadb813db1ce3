"""Public chest X-ray datasets as one uniform tree, for Python.

::

    import machex

    with machex.mount("config.yml") as root:
        data = machex.MaCheXDataset(root)
        image = data[0]["img"]

* :class:`ChestXrayDataset`, :class:`MaCheXDataset`: PyTorch datasets over one dataset, and over a
  whole tree.
* :func:`load_index`: the index of a dataset as columns, without PyTorch.
* :func:`mount`: mounts a tree, for the duration of a ``with`` block or until you close it.
* :func:`split_by_patient`, :func:`patient_id`: splits whose shares have no patient in common.
* :data:`LABELS`: the 13 findings of a ``class_label``, in order.

``import machex`` loads neither PyTorch nor NumPy. The package imports them when you first use a
name that needs them.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from machex.errors import ImageError, MachexError, ProgramError, TreeError
from machex.labels import LABELS

if TYPE_CHECKING:
    from machex.datasets import ChestXrayDataset, MaCheXDataset
    from machex.index import Index, load_index
    from machex.mounting import Mount, mount
    from machex.patients import patient_id, split_by_patient
    from machex.program import find_program
    from machex.trees import list_datasets

    __version__: str

__all__ = [
    "LABELS",
    "ChestXrayDataset",
    "ImageError",
    "Index",
    "MaCheXDataset",
    "MachexError",
    "Mount",
    "ProgramError",
    "TreeError",
    "find_program",
    "list_datasets",
    "load_index",
    "mount",
    "patient_id",
    "split_by_patient",
]

_MODULES = {
    "ChestXrayDataset": "datasets",
    "MaCheXDataset": "datasets",
    "Index": "index",
    "list_datasets": "trees",
    "load_index": "index",
    "Mount": "mounting",
    "mount": "mounting",
    "patient_id": "patients",
    "split_by_patient": "patients",
    "find_program": "program",
}


# Hidden from type checkers: they would accept any attribute of a module with `__getattr__`.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version

            return version("machex")
        if name not in _MODULES:
            raise AttributeError(f"module 'machex' has no attribute {name!r}")
        value = getattr(importlib.import_module(f"machex.{_MODULES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    # Tools that list the members of a module also get each of them. Without PyTorch, the two
    # dataset classes cannot be imported, and are not listed.
    has_torch = importlib.util.find_spec("torch") is not None
    return sorted(
        name for name in {*globals(), *__all__} if has_torch or _MODULES.get(name) != "datasets"
    )

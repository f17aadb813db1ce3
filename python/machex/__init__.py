"""Public chest X-ray datasets as one uniform tree, for Python.

::

    import machex

    with machex.mount("config.yml") as root:
        data = machex.MaCheXDataset(root)
        image = data[0]["img"]

Trees, mounted or materialized:

    MaCheXDataset(root)         all datasets of a tree, for PyTorch
    ChestXrayDataset(folder)    one dataset, for PyTorch
    load_index(root, dataset)   one dataset as an Index, without PyTorch
    load_metadata(root)         patients, views, findings and so on as one
                                table, a Metadata; needs pyarrow
    geometry(width, height)     from pixels of a source to those of a tree,
                                as a Geometry
    list_datasets(root)         the names of the datasets of a tree
    LABELS                      the 13 findings of a class_label, in order

Mounts and patients, which need the program machex and therefore Linux:

    mount(config)               mounts a tree for a "with" block, or until
                                you close the Mount
    split_by_patient(indexes)   splits that have no patient in common
    patient_id(dataset, key)    the patient that a key names
    find_program()              the path of the program

Errors: MachexError and, below it, TreeError, ImageError, ProgramError and
AlreadyMountedError.

For more, see help(machex.mount) and so on. The package imports PyTorch and
NumPy when you first use a name that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from machex.lazy import lazy_names
from machex.platforms import warn_of_platform

if TYPE_CHECKING:
    # `as` makes a name public for type checkers.
    from machex.coordinates import Geometry as Geometry
    from machex.coordinates import geometry as geometry
    from machex.datasets import ChestXrayDataset as ChestXrayDataset
    from machex.datasets import MaCheXDataset as MaCheXDataset
    from machex.errors import AlreadyMountedError as AlreadyMountedError
    from machex.errors import ImageError as ImageError
    from machex.errors import MachexError as MachexError
    from machex.errors import ProgramError as ProgramError
    from machex.errors import TreeError as TreeError
    from machex.index import Index as Index
    from machex.index import load_index as load_index
    from machex.labels import LABELS as LABELS
    from machex.metadata import Metadata as Metadata
    from machex.metadata import load_metadata as load_metadata
    from machex.mounting import Mount as Mount
    from machex.mounting import mount as mount
    from machex.patients import patient_id as patient_id
    from machex.patients import split_by_patient as split_by_patient
    from machex.program import find_program as find_program
    from machex.trees import list_datasets as list_datasets

    __version__: str
else:
    # Hidden from type checkers: they would accept any attribute of a module with `__getattr__`.
    __getattr__, __dir__ = lazy_names(globals())

warn_of_platform()

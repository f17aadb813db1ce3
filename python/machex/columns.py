"""The part of an index that splits and tables use, so that they need not import its class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Columns(Protocol):
    """The columns of an index. :class:`machex.Index` describes them."""

    @property
    def root(self) -> Path: ...
    @property
    def dataset(self) -> str: ...
    @property
    def ids(self) -> Sequence[str]: ...
    @property
    def keys(self) -> Sequence[str]: ...
    @property
    def paths(self) -> Sequence[str]: ...
    @property
    def reports(self) -> Sequence[str | None]: ...
    @property
    def class_labels(self) -> NDArray[np.int8]: ...
    @property
    def has_label(self) -> NDArray[np.bool_]: ...
    def __len__(self) -> int: ...

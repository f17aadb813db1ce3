"""Columns of texts: one buffer with all texts and their offsets, as in Arrow; or computed texts."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import IO, Any, Callable, Optional, overload

import numpy as np
from numpy.typing import NDArray

from machex.shared import ArrayWriter, SharedArrays

#: How many texts of a column to show, and how many characters of each.
_SHOWN, _CHARACTERS = 3, 60


def shown_texts(column: Sequence[str | None]) -> str:
    """The ``repr`` of a column: its first texts, shortened, and their number."""
    texts = [
        text if text is None or len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…"
        for text in column[:_SHOWN]
    ]
    more = ", …" if len(column) > _SHOWN else ""
    return f"<{len(column):,} texts: [{', '.join(map(repr, texts))}{more}]>"


class TextWriter:
    """Collects the texts of a column; ``None`` stands for a missing text."""

    def __init__(self, sink: IO[bytes]) -> None:
        self.sink = sink
        self.ends = array("q", [0])
        self.is_there = bytearray()

    def append(self, text: str | None) -> None:
        content = b"" if text is None else text.encode()
        self.sink.write(content)
        self.ends.append(self.ends[-1] + len(content))
        self.is_there.append(text is not None)

    def add_ends(self, writer: ArrayWriter, name: str) -> None:
        """Adds the offsets, and the flags of which texts are present."""
        writer.add(f"{name}.ends", self.ends, "<i8")
        writer.add(f"{name}.there", self.is_there, "?")


class Texts(Sequence[Optional[str]]):
    """The texts of a column; ``None`` stands for a missing text."""

    def __init__(self, arrays: SharedArrays, name: str) -> None:
        self.content: NDArray[np.uint8] = arrays[f"{name}.text"]
        #: The offset in bytes where each text begins, and where the last one ends: n + 1 values.
        self.ends: NDArray[np.int64] = arrays[f"{name}.ends"]
        self.is_there: NDArray[np.bool_] = arrays[f"{name}.there"]

    def __len__(self) -> int:
        return len(self.is_there)

    @overload
    def __getitem__(self, at: int) -> str | None: ...

    @overload
    def __getitem__(self, at: slice) -> list[str | None]: ...

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        row = range(len(self))[at]
        if not self.is_there[row]:
            return None
        return self.content[self.ends[row] : self.ends[row + 1]].tobytes().decode()

    def __repr__(self) -> str:
        return shown_texts(self)

    def __iter__(self) -> Iterator[str | None]:
        return (self[row] for row in range(len(self)))


class ComputedTexts(Sequence[str]):
    """Texts that are computed when they are accessed."""

    def __init__(self, length: int, text_of: Callable[[int], str]) -> None:
        self._rows = range(length)
        self._text_of = text_of

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self._text_of(row) for row in self._rows[at]]
        return self._text_of(self._rows[at])

    def __repr__(self) -> str:
        return shown_texts(self)

    def __iter__(self) -> Iterator[str]:
        return map(self._text_of, self._rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

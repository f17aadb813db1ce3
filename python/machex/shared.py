"""Arrays in a file without a name, which all processes that need them map.

An index of a million images has hundreds of megabytes, and a data loader has many workers. Forked
ones share the pages by themselves; a spawned one gets a handle, and maps the same file.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

#: Arrays begin at multiples of this, as Arrow wants its buffers.
_ALIGNMENT = 64

#: Bytes that are read at a time.
_CHUNK = 1 << 20

#: Bytes of the digest at the end of a file, which tells it from any other.
_DIGEST_BYTES = 16


class GoneError(Exception):
    """The process that made a shared file has ended, or is on another machine."""


def anonymous_file() -> IO[bytes]:
    """A file that has no name and goes with the last process that has it open."""
    try:
        # In memory, whatever room /tmp and /dev/shm have: containers often give these little.
        return os.fdopen(os.memfd_create("machex-index"), "w+b")
    except (AttributeError, OSError):
        return tempfile.TemporaryFile()


#: Process, descriptor, digest and sections of a shared file.
Handle = tuple[int, int, bytes, Mapping[str, tuple[int, str, int]]]


class SharedArrays(Mapping[str, "NDArray[Any]"]):
    """Read-only arrays by name, in one shared file."""

    def __init__(self, file: IO[bytes], sections: Mapping[str, tuple[int, str, int]]) -> None:
        """``sections`` has the offset, the type and the number of elements of each array."""
        self._file = file
        self._sections = dict(sections)
        self._view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __getitem__(self, name: str) -> NDArray[Any]:
        offset, dtype, count = self._sections[name]
        return np.frombuffer(self._view, dtype=np.dtype(dtype), count=count, offset=offset)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)

    @property
    def nbytes(self) -> int:
        """Bytes in memory, however many processes share them."""
        return len(self._view)

    @property
    def digest(self) -> bytes:
        """Tells these arrays from any others."""
        return self._view[-_DIGEST_BYTES:]

    def handle(self) -> Handle:
        """What another process needs for :meth:`attach`; a few hundred bytes."""
        return os.getpid(), self._file.fileno(), self.digest, self._sections

    @classmethod
    def attach(cls, handle: Handle) -> SharedArrays:
        """Maps what a process on this machine has open.

        Raises:
            GoneError: when it has not, or has it no more.
        """
        process, descriptor, digest, sections = handle
        try:
            # Through the process that gave the handle: a parent outlives the workers it starts.
            file = open(f"/proc/{process}/fd/{descriptor}", "rb")  # noqa: SIM115
        except OSError as error:
            raise GoneError(str(error)) from error
        try:
            file.seek(-_DIGEST_BYTES, os.SEEK_END)
            is_it = file.read() == digest
        except (OSError, ValueError) as error:
            file.close()
            raise GoneError(str(error)) from error
        if not is_it:
            file.close()
            raise GoneError("another file has its place")
        return cls(file, sections)


class ArrayWriter:
    """Writes a shared file, one array after the other."""

    def __init__(self) -> None:
        self.file = anonymous_file()
        self._sections: dict[str, tuple[int, str, int]] = {}

    def begin(self) -> int:
        """Fills up to where an array can begin, and returns that place."""
        self.file.write(bytes(-self.file.tell() % _ALIGNMENT))
        return self.file.tell()

    def end(self, name: str, start: int, dtype: str) -> None:
        """Makes what was written to :attr:`file` since ``start`` an array."""
        count = (self.file.tell() - start) // np.dtype(dtype).itemsize
        self._sections[name] = (start, dtype, count)

    def add(self, name: str, content: Any, dtype: str) -> None:
        """Adds an array out of anything that is a buffer."""
        start = self.begin()
        self.file.write(content)
        self.end(name, start, dtype)

    def finish(self) -> SharedArrays:
        # A byte at least, since nothing cannot be mapped.
        self.file.write(b"\0")
        self.file.flush()
        digest = blake2b(digest_size=_DIGEST_BYTES)
        self.file.seek(0)
        # Read, not mapped: pages that nobody needs yet would count as this process' memory.
        while chunk := self.file.read(_CHUNK):
            digest.update(chunk)
        self.file.write(digest.digest())
        self.file.flush()
        return SharedArrays(self.file, self._sections)

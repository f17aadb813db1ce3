"""Arrays in an unnamed file, which several processes map.

An index of a million images takes hundreds of megabytes, and a data loader has many workers. Forked
workers inherit the mapped pages. A spawned worker gets a handle, and maps the same file.
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

#: Arrays begin at multiples of this number of bytes, as Arrow recommends for buffers.
_ALIGNMENT = 64

#: How many bytes to read at a time.
_CHUNK = 1 << 20

#: The size in bytes of the digest at the end of a file, which identifies the file.
_DIGEST_BYTES = 16


class GoneError(Exception):
    """The process that made a shared file has ended, has closed it, or is on another machine."""


def anonymous_file() -> IO[bytes]:
    """Opens an unnamed file, which the system removes once no process has it open."""
    try:
        # In memory, but not in /tmp or /dev/shm, which are often small in containers.
        return os.fdopen(os.memfd_create("machex-index"), "w+b")
    except (AttributeError, OSError):
        return tempfile.TemporaryFile()


#: The process id, file descriptor, digest and sections of a shared file.
Handle = tuple[int, int, bytes, Mapping[str, tuple[int, str, int]]]


class SharedArrays(Mapping[str, "NDArray[Any]"]):
    """Read-only arrays by name, in one shared file."""

    def __init__(self, file: IO[bytes], sections: Mapping[str, tuple[int, str, int]]) -> None:
        """``sections`` has each array's offset in bytes, its type and its number of elements."""
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
        """The size in memory in bytes, which all processes share."""
        return len(self._view)

    @property
    def digest(self) -> bytes:
        """A hash of the file, which identifies these arrays."""
        return self._view[-_DIGEST_BYTES:]

    def handle(self) -> Handle:
        """Returns what another process needs for :meth:`attach`: a few hundred bytes."""
        return os.getpid(), self._file.fileno(), self.digest, self._sections

    @classmethod
    def attach(cls, handle: Handle) -> SharedArrays:
        """Maps a shared file that another process on this machine has open.

        Raises:
            GoneError: when that process does not have the file open, or no longer does.
        """
        process, descriptor, digest, sections = handle
        try:
            # Opens the file of the process that made the handle: a parent outlives its workers.
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
    """Writes arrays to a shared file, one after the other."""

    def __init__(self) -> None:
        self.file = anonymous_file()
        self._sections: dict[str, tuple[int, str, int]] = {}

    def begin(self) -> int:
        """Pads the file to where an array can begin, and returns that offset in bytes."""
        self.file.write(bytes(-self.file.tell() % _ALIGNMENT))
        return self.file.tell()

    def end(self, name: str, start: int, dtype: str) -> None:
        """Records the bytes written to :attr:`file` since ``start`` as an array."""
        count = (self.file.tell() - start) // np.dtype(dtype).itemsize
        self._sections[name] = (start, dtype, count)

    def add(self, name: str, content: Any, dtype: str) -> None:
        """Adds an array with the content of any object that is a buffer."""
        start = self.begin()
        self.file.write(content)
        self.end(name, start, dtype)

    def finish(self) -> SharedArrays:
        # At least one byte, since an empty file cannot be mapped.
        self.file.write(b"\0")
        self.file.flush()
        digest = blake2b(digest_size=_DIGEST_BYTES)
        self.file.seek(0)
        # Read, not mapped: all mapped pages would count as memory of this process at once.
        while chunk := self.file.read(_CHUNK):
            digest.update(chunk)
        self.file.write(digest.digest())
        self.file.flush()
        return SharedArrays(self.file, self._sections)

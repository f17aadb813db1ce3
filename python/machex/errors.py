"""The exceptions of this package, one class for each kind of problem.

Each takes a single message, because a data loader creates the exception of a worker process again
from its message.
"""

from __future__ import annotations

import errno
from pathlib import Path


class MachexError(Exception):
    """The base class of the exceptions of machex."""


class TreeError(MachexError):
    """A folder is not a MaCheX tree, or its ``index.json`` cannot be used."""


class ImageError(MachexError, OSError):
    """An image cannot be read.

    This is also an ``OSError``, with the ``errno`` of its cause. In an error from a data loader's
    worker, ``errno`` is ``None``, because PyTorch passes on only the message.
    """


class ProgramError(MachexError):
    """The program ``machex`` ended with an error. The message is the program's own."""


class AlreadyMountedError(ProgramError):
    """A mount has the cache or the mount point that another one would need.

    The message says where that mount is, how to end it, and how to use it.
    """

    #: The mount point of the mount that exists.
    mountpoint: Path | None = None


def is_mount_gone(error: OSError) -> bool:
    """Whether an error means that the process of a mount ended, before an access or during it."""
    return error.errno in (errno.ENOTCONN, errno.ECONNABORTED)

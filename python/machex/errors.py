"""The exceptions of this package, one class for each kind of problem.

Each takes a single message, because a data loader creates the exception of a worker process again
from its message.
"""

from __future__ import annotations

import errno


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


def is_mount_gone(error: OSError) -> bool:
    """Whether an error means that the process of a mount ended, before an access or during it."""
    return error.errno in (errno.ENOTCONN, errno.ECONNABORTED)

"""What can go wrong, one class for each kind.

All take one message, since that is how data loaders carry an exception out of a worker process.
"""

from __future__ import annotations

import errno


class MachexError(Exception):
    """Anything that machex itself has to say."""


class TreeError(MachexError):
    """A folder is no MaCheX tree, or its ``index.json`` cannot be used."""


class ImageError(MachexError, OSError):
    """An image cannot be read. Also an ``OSError``, with the ``errno`` of its cause; when it comes
    out of a data loader's worker, PyTorch has kept the message alone."""


class ProgramError(MachexError):
    """The program ``machex`` ended with an error; the message is its own."""


def is_mount_gone(error: OSError) -> bool:
    """Whether an error says that the process of a mount has ended: at an access, or during one."""
    return error.errno in (errno.ENOTCONN, errno.ECONNABORTED)

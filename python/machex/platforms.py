"""What works on which operating system."""

from __future__ import annotations

import sys
import warnings

from machex.errors import MachexError

_NAMES = {"darwin": "macOS", "win32": "Windows"}


def has_program() -> bool:
    """Whether the program ``machex`` runs on this operating system."""
    return sys.platform == "linux"


def no_program() -> MachexError:
    """Returns the error for everything that needs the program where it does not run."""
    return MachexError(
        f"the program machex runs on Linux only, not on {_system()}: mount or materialize the tree "
        "there, and read it here over a network share, or from a copy of the materialized tree"
    )


def warn_of_platform() -> None:
    """Warns once for each session on an operating system where only reading works."""
    if not has_program() and not _is_worker():
        warnings.warn(
            f"on {_system()}, machex can only read trees (load_index and the datasets): mounting "
            "and splits by patient need the program machex, which runs on Linux only",
            stacklevel=3,
        )


def _system() -> str:
    return _NAMES.get(sys.platform, sys.platform)


def _is_worker() -> bool:
    """Whether this is a worker of a data loader, which would repeat the warning."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and multiprocessing.parent_process() is not None

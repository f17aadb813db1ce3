"""Explains that a mount is in the way of another one, and checks whether it can serve instead."""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from machex.errors import AlreadyMountedError, ProgramError

#: What the program says if another mount has the cache. `test_mount.py` compares.
_HAS_CACHE = re.compile(r"is in use by the mount at (/.+?) \((process \d+ on \S+?)[,)]", re.DOTALL)

#: What the program says if another mount has the mount point.
_HAS_POINT = re.compile(r"(/.+?) is a machex mount already", re.DOTALL)

#: How many seconds a file system may set the time of a new file too late.
_SLACK = 2


def explained(error: ProgramError, own: Mapping[Path, object]) -> ProgramError:
    """Returns the error for a mount that failed: one of its own type if another is in the way.

    ``own`` has the mount points of this process.
    """
    text = str(error)
    cache, point = _HAS_CACHE.search(text), _HAS_POINT.search(text)
    if cache is not None:
        root = Path(cache[1])
        problem = (
            f"the mount at {root} ({cache[2]}) has the cache, which serves one mount at a time"
        )
        other = "mount a second tree with a cache of its own, cache_path=..."
    elif point is not None:
        root = Path(point[1])
        problem = f"{root} is a machex mount already"
        other = "end it first, with replace=True"
    else:
        return error
    whose = "tree.close(), if tree is what machex.mount returned"
    end = f"{whose}, or " if root in own else ""
    return _already_mounted(
        root,
        f"{problem}. Use the mount that is there: machex.mount(..., reuse=True). Or end it: "
        f"{end}python -m machex unmount {root}. Or {other}",
    )


def check_reuse(
    status: Mapping[str, Any],
    root: Path,
    config: str | os.PathLike[str],
    mountpoint: str | os.PathLike[str] | None,
) -> None:
    """Checks by its status that the mount at ``root`` is the one that the caller wants.

    Raises:
        AlreadyMountedError: when it has another config, or is not at ``mountpoint``.
    """
    end = f"end that mount: python -m machex unmount {root}"
    if os.path.realpath(status["config"]) != os.path.realpath(config):
        raise _already_mounted(
            root,
            f"the mount at {root} cannot be reused: it has another config, {status['config']}. "
            f"Give this one a cache of its own, cache_path=..., or {end}",
        )
    if mountpoint is not None and os.path.realpath(mountpoint) != str(root):
        raise _already_mounted(
            root,
            f"the mount of this config is at {root}, not at {mountpoint}. Leave out the mount "
            f"point to reuse it, or {end}",
        )
    if os.path.getmtime(config) > time.time() - status["uptime_seconds"] + _SLACK:
        warnings.warn(
            f"{os.fspath(config)} has changed since it was mounted at {root}: the mount does not "
            f"show the change until you {end}, and mount again",
            stacklevel=4,
        )


def _already_mounted(root: Path, message: str) -> AlreadyMountedError:
    error = AlreadyMountedError(message)
    error.mountpoint = root
    return error

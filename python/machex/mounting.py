"""Mounts a tree, for the duration of a ``with`` block or until you close it."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from machex.errors import AlreadyMountedError, ProgramError
from machex.existing import check_reuse, explained
from machex.platforms import has_program, no_program
from machex.program import run
from machex.signals import signals_held_back

#: The mounts that this process made and has not closed, by their mount points.
_own: dict[Path, Mount] = {}


class Mount:
    """A mounted tree. Call :func:`mount` to get one.

    You can pass it wherever a path is expected. The mount ends when you call :meth:`close`, and
    when this process ends, even if a signal ends it. If all processes of a job are killed at once,
    the mount point stays behind.

    A mount that you reuse, and that another process made, ends when that process says so: closing
    it here does not unmount it.
    """

    def __init__(self, root: Path, is_temporary: bool, is_own: bool = True) -> None:
        #: The root of the tree, which is the mount point.
        self.root = root
        self._is_temporary = is_temporary
        self._is_own = is_own
        self._process = os.getpid()
        self._is_open = True
        if is_own:
            _own[_real(root)] = self
            atexit.register(self.close)

    def __enter__(self) -> Path:
        return self.root

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except ProgramError:
            # An error in the block matters more than one in unmounting.
            if error is None:
                raise

    def __fspath__(self) -> str:
        return str(self.root)

    def __repr__(self) -> str:
        whose = "" if self._is_own else " of another process"
        return f"<machex.Mount {self.root}{whose}{'' if self._is_open else ', closed'}>"

    def status(self) -> dict[str, Any]:
        """Returns what ``machex status --json`` prints.

        Raises:
            ProgramError: when the tree is no longer mounted.
        """
        document: dict[str, Any] = json.loads(run(["status", "--json", self.root]))
        return document

    def close(self) -> None:
        """Unmounts the tree, if this process mounted it.

        Files that are still open stay readable until they are closed.

        Raises:
            ProgramError: when the tree cannot be unmounted.
        """
        # Only the process that mounted may unmount, not a forked worker that ends.
        if not self._is_open or os.getpid() != self._process:
            return
        if self._is_own:
            if _is_mounted(self.root):
                _unmount(self.root)
            if self._is_temporary:
                _remove(self.root)
        self._is_open = False
        if self._is_own:
            _own.pop(_real(self.root), None)
            atexit.unregister(self.close)


def mount(
    config: str | os.PathLike[str],
    mountpoint: str | os.PathLike[str] | None = None,
    *,
    warm: bool = False,
    threads: int | None = None,
    cache_path: str | os.PathLike[str] | None = None,
    cache_size: str | int | None = None,
    allow_other: bool = False,
    replace: bool = False,
    reuse: bool = False,
    log_file: str | os.PathLike[str] | None = None,
) -> Mount:
    """Mounts the tree of a config. A ``with`` block gets its root, and unmounts it at the end.

    Args:
        config: the config file.
        mountpoint: an existing empty folder; a temporary one by default.
        warm: render images ahead while nothing reads.
        threads: the number of threads that render; overrides ``NUM_WORKERS``.
        cache_path: the folder of the cache; overrides ``CACHE_PATH``. A cache serves one mount at a
            time.
        cache_size: the size of the cache, in bytes or as in ``"50GiB"``; overrides ``CACHE_SIZE``.
        allow_other: let other users read the tree.
        replace: first remove the mount that is already at the mount point.
        reuse: if this config is mounted already, return that mount instead of an error, as when you
            run a cell of a notebook again. It keeps the mount point and the options that it was
            mounted with. If this process mounted it, you get the same object, and closing it
            unmounts; otherwise it ends with the process that mounted it.
        log_file: the path of the log; ``mount.log`` in the cache by default.

    Raises:
        AlreadyMountedError: when another mount has the cache or the mount point.
        ProgramError: with the program's own message, when the tree cannot be mounted.
        MachexError: when the program is not found, as on macOS and Windows, where it does not run.
    """
    if not has_program():
        raise no_program()
    if reuse and replace:
        raise ValueError("reuse and replace exclude each other")
    options = {
        "--threads": threads,
        "--cache-path": None if cache_path is None else os.path.abspath(cache_path),
        "--cache-size": cache_size,
        "--log-file": None if log_file is None else os.path.abspath(log_file),
    }
    switches = {"--warm": warm, "--allow-other": allow_other, "--replace": replace}
    arguments = [f"{name}={value}" for name, value in options.items() if value is not None]
    arguments += [name for name, is_on in switches.items() if is_on]
    mounted = None
    try:
        with signals_held_back():
            mounted = _mount(mountpoint, [*arguments, "--", config])
        return mounted
    except AlreadyMountedError as error:
        if not reuse or error.mountpoint is None:
            raise
        return _reused(error.mountpoint, config, mountpoint)
    except BaseException:
        # The handler of a held-back signal raised, so the caller never gets this mount.
        if mounted is not None:
            mounted.close()
        raise


def _mount(
    mountpoint: str | os.PathLike[str] | None, arguments: list[str | os.PathLike[str]]
) -> Mount:
    is_temporary = mountpoint is None
    root = Path(tempfile.mkdtemp(prefix="machex-") if mountpoint is None else mountpoint)
    root = Path(os.path.abspath(root))
    try:
        # With `--while`, the mount ends with this process, even if a signal ends it before it can
        # unmount.
        run(["mount", f"--while={os.getpid()}", *arguments, root])
    except BaseException as error:
        if is_temporary:
            _remove(root)
        if isinstance(error, ProgramError):
            raise explained(error, _own) from None
        raise
    return Mount(root, is_temporary)


def _reused(
    root: Path, config: str | os.PathLike[str], mountpoint: str | os.PathLike[str] | None
) -> Mount:
    """Returns the mount at ``root``, if it is the one that the caller wants."""
    own = _own.get(root)
    found = Mount(root, is_temporary=False, is_own=False) if own is None else own
    check_reuse(found.status(), root, config, mountpoint)
    return found


def _real(root: Path) -> Path:
    """The path of a mount point without links, as in the table of mounts."""
    # Does not use stat on the mount itself, which would wait for one that does not answer.
    return os.path.realpath(root.parent) / Path(root.name)


def _is_mounted(root: Path) -> bool:
    real = os.fsencode(_real(root))
    with open("/proc/self/mountinfo", "rb") as table:
        return any(_unescaped(line.split(b" ")[4]) == real for line in table)


def _unescaped(field: bytes) -> bytes:
    """Decodes a path of mountinfo, which writes blanks as a backslash and three octal digits."""
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field)


def _unmount(root: Path) -> None:
    try:
        run(["unmount", "--timeout=2", "--", root])
    except ProgramError:
        # The mount is in use: by workers of a data loader, or by an image that is still open.
        run(["unmount", "--lazy", "--", root])


def _remove(root: Path) -> None:
    # Keeps a folder that is not empty or still a mount, so that no file is lost.
    with contextlib.suppress(OSError):
        root.rmdir()

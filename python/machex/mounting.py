"""A mount for the time of a ``with`` block."""

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

from machex.errors import ProgramError
from machex.program import run
from machex.signals import signals_held_back


class Mount:
    """A tree that is mounted; made by :func:`mount`.

    Usable where a path is wanted. :meth:`close` ends it, and so does the end of this process, even
    by a signal. Where all processes of a job are killed at once, the mount point stays behind.
    """

    def __init__(self, root: Path, is_temporary: bool) -> None:
        #: The tree.
        self.root = root
        self._is_temporary = is_temporary
        self._process = os.getpid()
        self._is_open = True
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
            # What went wrong in the block counts more.
            if error is None:
                raise

    def __fspath__(self) -> str:
        return str(self.root)

    def __repr__(self) -> str:
        return f"<machex.Mount {self.root}{'' if self._is_open else ', closed'}>"

    def status(self) -> dict[str, Any]:
        """What ``machex status --json`` shows.

        Raises:
            ProgramError: when it is not mounted any more.
        """
        document: dict[str, Any] = json.loads(run(["status", "--json", self.root]))
        return document

    def close(self) -> None:
        """Unmounts. Files that are still open stay readable until they are closed.

        Raises:
            ProgramError: when it cannot be unmounted.
        """
        # A forked worker that ends is not who mounted.
        if not self._is_open or os.getpid() != self._process:
            return
        if _is_mounted(self.root):
            _unmount(self.root)
        if self._is_temporary:
            _remove(self.root)
        self._is_open = False
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
    log_file: str | os.PathLike[str] | None = None,
) -> Mount:
    """Mounts the tree of a config; in a ``with`` block, yields its root and unmounts at the end.

    Args:
        config: the config file.
        mountpoint: an existing empty folder; a temporary one by default.
        warm: render what is not there yet while nobody reads.
        threads: threads that render, instead of ``NUM_WORKERS``.
        cache_path: instead of ``CACHE_PATH``. A cache serves one mount at a time.
        cache_size: instead of ``CACHE_SIZE``, such as ``"50GiB"``, or in bytes.
        allow_other: let other users read it.
        replace: take away a mount that is there already.
        log_file: instead of ``mount.log`` in the cache.

    Raises:
        ProgramError: with the program's own message, when it cannot be mounted.
    """
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
    except BaseException:
        # A signal was held back: nobody else knows of the mount.
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
        # A signal may end this process without another word, and nothing be left to unmount.
        run(["mount", f"--while={os.getpid()}", *arguments, root])
    except BaseException:
        if is_temporary:
            _remove(root)
        raise
    return Mount(root, is_temporary)


def _is_mounted(root: Path) -> bool:
    # Not by stat, which waits for a mount whose process does not answer.
    real = os.fsencode(os.path.realpath(root.parent) / Path(root.name))
    with open("/proc/self/mountinfo", "rb") as table:
        return any(_unescaped(line.split(b" ")[4]) == real for line in table)


def _unescaped(field: bytes) -> bytes:
    """A path as mountinfo has it: blanks and the like are a backslash and three octal digits."""
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field)


def _unmount(root: Path) -> None:
    try:
        run(["unmount", "--timeout=2", "--", root])
    except ProgramError:
        # Workers of a data loader, or an image that nobody has closed yet.
        run(["unmount", "--lazy", "--", root])


def _remove(root: Path) -> None:
    # A folder that is not empty, or still a mount, is left: nothing may be lost by this.
    with contextlib.suppress(OSError):
        root.rmdir()

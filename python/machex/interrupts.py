"""Ctrl-C, while something is under way that must be known whole, or undone."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """A block that no Ctrl-C ends in the middle: one that comes is raised when the block is over.

    An interrupt can be raised between any two steps of the interpreter, so that what a ``try``
    undoes is never quite all: a folder may be there that no variable knows of yet.
    """
    handler: Any = signal.getsignal(signal.SIGINT)
    held: list[FrameType | None] = []

    def hold(_: int, frame: FrameType | None) -> None:
        held.append(frame)

    # Without a handler in Python, none can raise anything.
    if not callable(handler):
        yield
        return
    try:
        signal.signal(signal.SIGINT, hold)
    except ValueError:
        # Not the main thread, which is the only one that an interrupt comes to.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if held:
            handler(signal.SIGINT, held[0])

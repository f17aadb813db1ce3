"""Ctrl-C and other signals, while something is under way that must be known whole, or undone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def signals_held_back() -> Iterator[None]:
    """A block in whose middle no handler raises: what comes is handled when the block is over.

    An interrupt can be raised between any two steps of the interpreter, so that what a ``try``
    undoes is never quite all: a folder may be there that no variable knows of yet. A second signal
    of the same number is handled at once, so that nobody has to wait for what hangs.
    """
    # Handlers run in the main thread alone.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    everything = {number: signal.getsignal(number) for number in signal.valid_signals()}
    handlers: dict[int, Any] = {
        number: handler for number, handler in everything.items() if callable(handler)
    }
    held: dict[int, FrameType | None] = {}

    def hold(number: int, frame: FrameType | None) -> None:
        if number in held:
            handlers[number](number, frame)
        else:
            held[number] = frame

    try:
        for number in handlers:
            signal.signal(number, hold)
        yield
    finally:
        try:
            _put_back(handlers)
        finally:
            for number, frame in held.items():
                handlers[number](number, frame)


def _put_back(handlers: dict[int, Any]) -> None:
    """All of them, though one that is back already may be called and raise."""
    left = dict(handlers)
    raised = None
    while left:
        try:
            for number, handler in list(left.items()):
                signal.signal(number, handler)
                del left[number]
        except BaseException as error:
            raised = error
    if raised is not None:
        raise raised

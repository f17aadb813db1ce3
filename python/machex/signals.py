"""Holds back Ctrl-C and other signals during work that must be completed or undone as a whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Holds back signals during the block: their handlers run when the block has ended.

    A handler can raise between any two steps of the interpreter, so that a ``try`` statement cannot
    undo everything: a folder may exist before any variable holds its name. A second signal of the
    same number is handled at once, so that Ctrl-C can still interrupt a block that hangs.
    """
    # Python runs handlers only in the main thread.
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
    """Restores all handlers, even if one that is already restored runs and raises meanwhile."""
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

"""A deadline for code that people wrote and that runs between two requests: an alarm raises in the midst of it.

Signals reach the main thread alone, in which the event loop runs; elsewhere, and where somebody else uses the alarm,
there is no deadline. What never comes back to the interpreter, as a call into a C library may, is not interrupted.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

T = TypeVar("T")
_AGAIN = 0.1
"""Seconds after which code that has caught what was raised is interrupted again."""


class Overdue(BaseException):
    """Raised in code that took too long; not an `Exception`, so that it is not caught with those."""


class _Alarm:
    """The process's one alarm, and whether something runs that it may interrupt."""

    armed = False


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what `call` returns. Raises what it raises, and `Overdue` once it has taken so long."""
    if not _ours():
        return call()
    try:
        try:
            _Alarm.armed = True
            signal.setitimer(signal.ITIMER_REAL, seconds)
            return call()
        finally:
            _disarm()
    except Overdue:
        _disarm()  # what was raised may have come in the midst of it
        raise


def _disarm() -> None:
    _Alarm.armed = False
    signal.setitimer(signal.ITIMER_REAL, 0)


def _ours() -> bool:
    """Return whether the alarm can be set: it is ours or nobody's, no other call is timed, this is the main thread."""
    if threading.current_thread() is not threading.main_thread() or _Alarm.armed:
        return False
    handler = signal.getsignal(signal.SIGALRM)
    if handler is signal.SIG_DFL:
        signal.signal(signal.SIGALRM, _interrupt)
        return True
    return handler is _interrupt


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    if _Alarm.armed:
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        raise Overdue

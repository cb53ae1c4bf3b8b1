"""The Rust kernel: the accelerator. The extension is optional; `unavailable` says why it is not there."""

from __future__ import annotations

import importlib
from typing import Any, cast

from ..contract import Kernel

_native: Any = None
try:
    _native = importlib.import_module("._native", __package__)
except ImportError as error:  # not built on this machine
    _reason: str | None = f"not built ({error})"
else:
    _reason = None


def unavailable() -> str | None:
    """Return why the extension cannot be used, None when it can."""
    return _reason


def kernel() -> Kernel:
    """Return the kernel; only when `unavailable()` is None."""
    return cast("Kernel", _native.RustKernel())

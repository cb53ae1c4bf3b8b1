"""The Rust kernel: the accelerator. The extension is optional; `unavailable` says why it is not there."""

from __future__ import annotations

from ..contract import Kernel

try:
    from . import _native
except ImportError as error:  # not built on this machine
    _reason: str | None = f"not built ({error})"
else:
    _reason = None


def unavailable() -> str | None:
    """Return why the extension cannot be used, None when it can."""
    return _reason


def kernel() -> Kernel:
    """Return the kernel; only when `unavailable()` is None."""
    return _native.RustKernel()

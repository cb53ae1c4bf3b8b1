"""The kernel: Python decides, the kernel touches bytes. `load` chooses the implementation.

`TAILGATE_KERNEL=reference|rust` chooses; without it the Rust kernel is used where it was built.
`TAILGATE_REQUIRE_KERNEL=rust` turns its absence into an error.
"""

from __future__ import annotations

import os

from .contract import BadProgram, Kernel, Malformed, OverLimit

__all__ = ["BadProgram", "Kernel", "KernelUnavailable", "Malformed", "OverLimit", "load", "why_not_rust"]


class KernelUnavailable(RuntimeError):
    """The kernel that was asked for is not there; the message says why."""


def why_not_rust() -> str | None:
    """Return why the Rust kernel cannot be used, None when it can."""
    try:
        from . import rust
    except ImportError as error:
        return f"not built ({error})"
    return rust.unavailable()


def load(name: str | None = None) -> Kernel:
    """Return the kernel called `name` (default: TAILGATE_KERNEL, else the fastest there is)."""
    required = os.environ.get("TAILGATE_REQUIRE_KERNEL")
    wanted = name or os.environ.get("TAILGATE_KERNEL") or required
    if wanted not in (None, "", "reference", "rust"):
        raise KernelUnavailable(f"unknown kernel {wanted!r}: expected reference or rust")
    if required and wanted != required and name is None:
        raise KernelUnavailable(f"TAILGATE_REQUIRE_KERNEL={required}, but TAILGATE_KERNEL={wanted}")
    reason = why_not_rust() if wanted != "reference" else "not asked for"
    if reason is None:
        from .rust import kernel

        return kernel()
    if wanted == "rust":
        raise KernelUnavailable(f"the Rust kernel is required, but {reason}")
    from .reference import ReferenceKernel

    return ReferenceKernel()

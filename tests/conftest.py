"""The two kernels: a test that takes `kernel` or `kernel_name` runs on both."""

from __future__ import annotations

import os

import pytest
from tailgate.kernel import load, why_not_rust
from tailgate.kernel.contract import Kernel


def _there(name: str) -> str:
    missing = why_not_rust() if name == "rust" else None
    if missing is not None and os.environ.get("TAILGATE_REQUIRE_KERNEL") != "rust":
        pytest.skip(missing)
    return name


@pytest.fixture(scope="session", params=["reference", "rust"])
def kernel_name(request: pytest.FixtureRequest) -> str:
    """What each kernel is called; the Rust one is skipped where it is not built, unless it is required."""
    return _there(request.param)


@pytest.fixture(scope="session")
def kernel(kernel_name: str) -> Kernel:
    """Each of the two kernels."""
    return load(kernel_name)


@pytest.fixture(scope="session")
def reference() -> Kernel:
    """The specification."""
    return load("reference")


@pytest.fixture(scope="session")
def rust() -> Kernel:
    """The accelerator."""
    return load(_there("rust"))

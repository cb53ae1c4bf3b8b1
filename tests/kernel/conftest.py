"""The fixture `kernel`: every test that takes it runs on both kernels."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tailgate.kernel import KernelUnavailable, load
from tailgate.kernel.contract import Kernel

sys.path.insert(0, str(Path(__file__).parent))  # for kernel_helpers; tests are no packages


def _load(name: str) -> Kernel:
    try:
        return load(name)
    except KernelUnavailable as error:
        if os.environ.get("TAILGATE_REQUIRE_KERNEL") == name:
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def reference() -> Kernel:
    """The specification."""
    return _load("reference")


@pytest.fixture(scope="session")
def rust() -> Kernel:
    """The accelerator; the test is skipped where it is not built, unless TAILGATE_REQUIRE_KERNEL=rust."""
    return _load("rust")


@pytest.fixture(scope="session", params=["reference", "rust"])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    """Each of the two kernels."""
    return _load(request.param)

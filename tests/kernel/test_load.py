"""`load` chooses the kernel: by argument, by environment, and what happens where Rust is not built."""

from __future__ import annotations

import pytest
import tailgate.kernel
from tailgate.kernel import KernelUnavailable, load, why_not_rust


class Rust:
    """Stands for the accelerator where it may not be built."""

    name = "rust"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Start without either variable."""
    monkeypatch.delenv("TAILGATE_KERNEL", raising=False)
    monkeypatch.delenv("TAILGATE_REQUIRE_KERNEL", raising=False)


@pytest.fixture
def built(monkeypatch):
    """As if the accelerator were built."""
    monkeypatch.setattr("tailgate.kernel.rust.kernel", Rust)
    monkeypatch.setattr(tailgate.kernel, "why_not_rust", lambda: None)


@pytest.fixture
def missing(monkeypatch):
    """As if it were not."""
    monkeypatch.setattr(tailgate.kernel, "why_not_rust", lambda: "not built (no cargo)")


@pytest.mark.usefixtures("built")
class TestBuilt:
    """The accelerator is there."""

    def test_the_fastest_is_the_default(self):
        """Without any wish Rust runs."""
        assert load().name == "rust"

    def test_the_environment_chooses(self, monkeypatch):
        """TAILGATE_KERNEL names one of the two; empty is no wish."""
        for value, name in (("reference", "reference"), ("rust", "rust"), ("", "rust")):
            monkeypatch.setenv("TAILGATE_KERNEL", value)
            assert load().name == name

    def test_the_argument_wins(self, monkeypatch):
        """A caller that names a kernel gets it, whatever the environment says."""
        monkeypatch.setenv("TAILGATE_KERNEL", "rust")
        monkeypatch.setenv("TAILGATE_REQUIRE_KERNEL", "rust")
        assert load("reference").name == "reference"

    def test_required(self, monkeypatch):
        """The required kernel runs without a further wish, and a wish against it is an error."""
        monkeypatch.setenv("TAILGATE_REQUIRE_KERNEL", "rust")
        assert load().name == "rust"
        monkeypatch.setenv("TAILGATE_KERNEL", "reference")
        with pytest.raises(KernelUnavailable, match="TAILGATE_REQUIRE_KERNEL=rust"):
            load()


@pytest.mark.usefixtures("missing")
class TestMissing:
    """The accelerator is not there."""

    def test_the_reference_runs(self, monkeypatch):
        """By default and when asked for."""
        assert load().name == "reference"
        monkeypatch.setenv("TAILGATE_KERNEL", "reference")
        assert load().name == "reference"

    @pytest.mark.parametrize("variable", ["TAILGATE_KERNEL", "TAILGATE_REQUIRE_KERNEL"])
    def test_asking_for_rust_is_an_error(self, monkeypatch, variable):
        """The message says why it is not there."""
        monkeypatch.setenv(variable, "rust")
        with pytest.raises(KernelUnavailable, match=r"not built \(no cargo\)"):
            load()

    def test_the_argument_too(self):
        """A caller that names it gets the same error."""
        with pytest.raises(KernelUnavailable, match="no cargo"):
            load("rust")


def test_unknown_names(monkeypatch):
    """A name that is none says what was expected, from either place."""
    with pytest.raises(KernelUnavailable, match="expected reference or rust"):
        load("go")
    for variable in ("TAILGATE_KERNEL", "TAILGATE_REQUIRE_KERNEL"):
        monkeypatch.setenv(variable, "Rust")
        with pytest.raises(KernelUnavailable, match="'Rust'"):
            load()
        monkeypatch.delenv(variable)


def test_the_reason_says_what_is_missing(monkeypatch):
    """Where the extension cannot be imported the reason is one sentence with the import's error."""
    monkeypatch.setattr("tailgate.kernel.rust._reason", "not built (No module named '_native')")
    assert why_not_rust() == "not built (No module named '_native')"


def test_the_reference_needs_upb(monkeypatch):
    """Without upb nobody decides what is malformed: the reference kernel does not start."""
    monkeypatch.setattr("google.protobuf.internal.api_implementation.Type", lambda: "python")
    with pytest.raises(RuntimeError, match="python"):
        load("reference")

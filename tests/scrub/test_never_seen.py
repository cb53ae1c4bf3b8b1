"""No planted secret leaves, whatever the signal and the position; no key of ours is told by an error."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from measure import Scrubber
from planted_secrets import PLACES, SIGNALS, secrets, seen
from planting import planted
from tailgate.cli.tables import TABLES
from tailgate.config.loader import ConfigErrors, load
from tailgate.kernel import KernelUnavailable
from tailgate.kernel import load as load_kernel


@pytest.fixture(scope="module", params=["reference", "rust"])
def scrubbers(request: pytest.FixtureRequest) -> dict[str, Scrubber]:
    """The shipped scrubbing of each signal on a kernel."""
    try:
        kernel = load_kernel(request.param)
    except (KernelUnavailable, AttributeError) as error:
        pytest.skip(str(error))
    return {signal: Scrubber(kernel, signal=signal) for signal in SIGNALS}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=PLACES, secret=secrets())
def test_nothing_leaves(scrubbers: dict[str, Scrubber], place: tuple[str, str], secret: tuple[str, str]) -> None:
    """Guarantees: whatever the signal and the position, no secret is in the bytes behind the scrubber."""
    signal, position = place
    out, fired = scrubbers[signal].run(planted(position, secret[0], signal=signal).SerializeToString())
    assert fired
    assert not seen([secret[1]], out)


@settings(max_examples=40, deadline=None)
@given(secret=secrets(), where=st.integers(0, 5))
def test_configuration_errors_are_silent_about_keys(secret: tuple[str, str], where: int) -> None:
    """Guarantees: a key of HMAC is not told by an error, wherever the mistake is."""
    key = secret[1].replace("\n", " ").replace("\\", " ") + "k" * 32
    wrong = ["length: 900", "id: 5", "key_file: /none", "previous: x", "algorithm: md5", "lenght: 4"][where]
    rules = f"{{hmac: {{key: {json.dumps(key)}, {wrong}}}, detectors: [{{name: email, action: hmac}}]}}"
    text = f"processors: {{scrub: {rules}}}\n"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tailgate.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            said: Any = repr(load([file], TABLES, {}))
        except ConfigErrors as error:
            said = str(error)
    assert key[:24] not in said

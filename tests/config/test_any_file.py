"""Whatever a file holds, it loads or is refused with located problems: never another exception."""

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tailgate.config.errors import ConfigErrors
from tailgate.config.loader import load

from .conftest import TABLES, WHOLE

ENV = {"NAME": "value", "NUMBER": "7", "LIST": "[a, b]", "MAP": "{rules: x}", "REFERENCE": "${env:NAME}", "OPEN": "${"}
WORDS = [
    "otlp",
    "scrub",
    "tail_sampling",
    "enrich",
    "retention",
    "debug",
    "packs",
    "pii",
    "detectors",
    "pattern",
    "rules",
]
WORDS += ["policies", "type", "latency", "span_count", "name", "threshold", "default", "ttl", "wait", "10s", "service"]
WORDS += [
    "pipelines",
    "traces",
    "receivers",
    "processors",
    "exporters",
    "extensions",
    "telemetry",
    "metrics",
    "readers",
]
WORDS += [
    "address",
    ":8888",
    "health_check",
    "hmac_key",
    "c.yaml",
    ".",
    "<<",
    "${env:NAME}",
    "${env:UNSET}",
    "${NUMBER}",
]
WORDS += [
    "${env:LIST}",
    "${env:MAP}",
    "${env:REFERENCE}",
    "${env:OPEN}",
    "x${env:NAME:-y}$$",
    "${",
    "${file:x}",
    "pull",
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(WORDS),
)
keys = st.sampled_from(WORDS) | st.text(max_size=4)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
quick = settings(
    max_examples=150, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


SIGNS = list("ab:-[]{}&*!|>'\"%@`#,?<$ \n\t\\\x85\ufeff\u2028~=01.")


def check(folder: Path, text: str) -> bool:
    """Load the text; every problem has a place that exists."""
    file = folder / "c.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    problems = []
    with contextlib.chdir(folder):
        try:
            problems.extend(load(["c.yaml"], TABLES, ENV).warnings)
        except ConfigErrors as errors:
            problems.extend(errors.problems)
            assert "error" in {problem.severity for problem in problems}
    lines = text.count("\n") + len(text.splitlines()) + 1
    for problem in problems:
        assert problem.message
        assert "\n" not in str(problem)
        assert problem.file != "c.yaml" or problem.line == 0 or 1 <= problem.line <= lines
        assert problem.column >= min(problem.line, 1)
    return not any(problem.severity == "error" for problem in problems)


@quick
@given(data=st.dictionaries(keys, values, max_size=5))
def test_any_mapping(tmp_path, data):
    """Mappings of known and unknown keys, nested at random."""
    check(tmp_path, yaml.safe_dump(data, allow_unicode=True))


def _replaced(data, path, value):
    if not path:
        return value
    copy = dict(data) if isinstance(data, dict) else {}
    copy[path[0]] = _replaced(copy.get(path[0]), path[1:], value)
    return copy


PLACES = [
    ("receivers",), ("receivers", "otlp"), ("receivers", "otlp", "protocols"), ("processors",), ("processors", "scrub"),
    ("processors", "scrub", "rules"), ("processors", "scrub", "detectors"), ("processors", "tail_sampling", "policies"),
    ("processors", "enrich", "actions"), ("exporters",), ("exporters", "otlp"), ("connectors",), ("extensions",),
    ("extensions", "health_check"), ("service",), ("service", "pipelines"), ("service", "pipelines", "traces"),
    ("service", "pipelines", "traces", "processors"), ("service", "extensions"), ("service", "telemetry"),
    ("service", "telemetry", "metrics"), ("service", "telemetry", "metrics", "readers"),
    ("service", "telemetry", "logs"),
]  # fmt: skip


@quick
@given(place=st.sampled_from(PLACES), value=values)
def test_any_value_at_any_place(tmp_path, place, value):
    """A good configuration in which one part is anything at all."""
    check(tmp_path, yaml.safe_dump(_replaced(yaml.safe_load(WHOLE), place, value), allow_unicode=True))


@quick
@given(
    text=st.text(alphabet=st.sampled_from(list("ab:-[]{}&*!|>'\"%@`#,?<$ \n\t\\\x85\ufeff\u2028~=01.")), max_size=40)
)
def test_any_text(tmp_path, text):
    """Rows of the characters that mean something in YAML."""
    check(tmp_path, text)


@quick
@given(start=st.integers(0, len(WHOLE)), length=st.integers(0, 30), text=st.text(max_size=5))
def test_any_damage(tmp_path, start, length, text):
    """A good configuration with a piece cut out and something put in its place."""
    check(tmp_path, WHOLE[:start] + text + WHOLE[start + length :])


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"\x00", b"\xef\xbb\xbf", b"%YAML 9.9\n---\na", b"--- >\n", b"? a\n"]
)
def test_odd_bytes(tmp_path, data):
    """Files that are empty, binary, or begin oddly."""
    file = tmp_path / "c.yaml"
    file.write_bytes(data)
    with pytest.raises(ConfigErrors):
        load([file], TABLES, {})


def test_the_check_can_fail(tmp_path):
    """What the properties rest on tells a good file from a bad one."""
    assert check(tmp_path, WHOLE)
    assert not check(tmp_path, WHOLE.replace("scrub: {}", "scrub: {a: 1}"))

"""docs/collector.md: a line for every option of the collector, each with a case that uses it and shows what is said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from conformance import FOLDER, cases
from peer_compare import DIFFERENCES

from .test_cases import not_yet

PAGE = Path(__file__).parents[2] / "docs" / "collector.md"
TEXT = PAGE.read_text(encoding="utf-8")
FLAT = " ".join(TEXT.replace("`", "").split()).lower()
CASES = {case.id: case for case in cases()}
HERE = {"yes", "no effect", "differs", "error", "not yet"}


class Line(NamedTuple):
    component: str
    options: list[str]
    here: str
    shown_by: list[str]


def lines() -> Iterator[Line]:
    component = ""
    for text in TEXT.splitlines():
        if heading := re.fullmatch(r"## `(\w+)`", text):
            component = heading[1]
        elif text.startswith("| `"):
            cells = [cell.strip() for cell in text.strip("|").split("|")]
            options, shown = (re.findall(r"`([^`]+)`", cell) for cell in (cells[0], cells[3]))
            yield Line(component, options, cells[1], shown)


LINES = list(lines())


def uses(config: Any, option: str) -> bool:
    """Whether an option stands somewhere in a case's configuration."""
    if isinstance(config, dict):
        return option in config or any(uses(value, option) for value in config.values())
    return isinstance(config, list) and any(uses(item, option) for item in config)


def test_every_option_has_a_line() -> None:
    """Guarantees: no option of the collector is left out, none stands twice, none is invented."""
    listed = yaml.safe_load((FOLDER / "options.yaml").read_text(encoding="utf-8"))
    written = [(line.component, option) for line in LINES for option in line.options]
    assert len(set(written)) == len(written)
    assert set(written) == {(component, option) for component, options in listed.items() for option in options}


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.component}-{line.options[0]}")
def test_a_line_is_shown_by_cases(line: Line) -> None:
    """Guarantees: the cases exist, use the option, and are of the kind that the line says."""
    assert line.here in HERE
    assert line.shown_by
    shown = [CASES[name] for name in line.shown_by]
    for option in line.options:
        last = option.split(".")[-1].partition("[")[0]
        used = any(uses(case.words["processors"], last) for case in shown)
        types = any(uses_type(case.words["processors"], option) for case in shown)
        assert used or types or option == "an extension's type" or line.here == "error", f"no case uses {option}"
    waiting = [case for case in shown if not_yet(case)]
    assert bool(waiting) is (line.here == "not yet"), (
        "`not yet` is for what the list of failing cases has, and only that"
    )
    if line.here == "differs":
        assert any("differs" in case.words for case in shown)
    if line.here == "error":
        assert any("error" in case.words["expect"] for case in shown)


def uses_type(config: Any, name: str) -> bool:
    """Whether a policy of this type stands somewhere."""
    if isinstance(config, dict):
        return config.get("type") == name or any(uses_type(value, name) for value in config.values())
    return isinstance(config, list) and any(uses_type(item, name) for item in config)


@pytest.mark.parametrize("sentence", sorted({c.words["differs"] for c in CASES.values() if "differs" in c.words}))
def test_every_difference_of_a_case_is_written_down(sentence: str) -> None:
    """Guarantees: who reads the page knows of every deliberate difference that a case shows."""
    assert sentence.lower().replace("`", "") in FLAT


@pytest.mark.parametrize("name", DIFFERENCES)
def test_every_difference_of_the_comparison_is_written_down(name: str) -> None:
    """Guarantees: the comparison with a collector excuses nothing that the page does not name."""
    assert DIFFERENCES[name].lower() in FLAT


def test_an_unused_option_is_noticed() -> None:
    """Guarantees: the search for an option can fail, and finds it at any depth."""
    config = {"tail_sampling": {"policies": [{"type": "latency", "latency": {"threshold_ms": 1}}]}}
    assert uses(config, "threshold_ms")
    assert not uses(config, "upper_threshold_ms")
    assert uses_type(config, "latency")
    assert not uses_type(config, "and")

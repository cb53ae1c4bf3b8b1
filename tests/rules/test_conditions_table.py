"""The tables of docs/conditions.md, row by row, through the kernels: the page cannot say what is not so."""

import json
import re
from pathlib import Path

import pytest
from tailgate.rules.conditions import ConditionError, trace_condition
from tailgate.rules.durations import parse_duration
from tailgate.rules.facts import FactsBuilder

PAGE = Path(__file__).parents[2] / "docs" / "conditions.md"
ROW = re.compile(r"\| (?P<left>``? ?.+? ?`?`) \| (?P<middle>.+?) \|(?: (?P<right>yes|no) \|)?")
KINDS = {"unspecified": 0, "internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
STATUSES = {"unset": 0, "ok": 1, "error": 2}
WORD = re.compile(r'(?:[^\s"\[\]]|"[^"]*"|\[[^\]]*\])+')


def rows(heading):
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        found = ROW.fullmatch(line)
        if found:
            yield tuple(_unticked(cell) for cell in found.groups())


def _unticked(cell):
    if cell is None:
        return None
    cell = cell.replace("\\|", "|")
    ticks = re.fullmatch(r"(`+) ?(.*?) ?\1", cell)
    return ticks[2] if ticks else cell


def parse_trace(text):
    return [parse_span(span) for span in re.findall(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]", text)]


def parse_span(text):
    span = {"attributes": {}, "resource": {}}
    for word in WORD.findall(text):
        key, equals, value = word.partition("=")
        if not equals:
            span |= {"root": True} if word == "root" else _time(word)
        elif key in {"kind", "status"}:
            span[key] = (KINDS if key == "kind" else STATUSES)[value]
        elif key in {"name", "message", "scope"}:
            span[key] = json.loads(value)
        elif key == "service" or key.startswith("resource:"):
            span["resource"][key.removeprefix("resource:") if ":" in key else "service.name"] = json.loads(value)
        else:
            span["attributes"][key] = json.loads(value)
    return span


def _time(word):
    return {"start" if word[0] == "+" else "duration": parse_duration(word.removeprefix("+"))}


EXAMPLES = list(rows("By example"))
ERRORS = list(rows("When it cannot be understood"))


def test_the_page_has_its_tables():
    """Guards the reading of the page: every line of the tables is a row, none is skipped for its looks."""
    lines = PAGE.read_text(encoding="utf-8").split("\n## By example\n")[1].splitlines()
    assert len(EXAMPLES) + len(ERRORS) == sum(line.startswith("| `") for line in lines)
    assert len(EXAMPLES) >= 30
    assert all(result in {"yes", "no"} for _, _, result in EXAMPLES)


@pytest.mark.parametrize(("condition", "trace", "result"), EXAMPLES)
def test_example(judge, condition, trace, result):
    """Each documented condition has its documented result on its documented trace."""
    assert judge(condition, parse_trace(trace)) == (result == "yes")


@pytest.mark.parametrize(("condition", "message", "_"), ERRORS)
def test_error(condition, message, _):
    """Each documented mistake is refused with the documented message."""
    with pytest.raises(ConditionError) as caught:
        trace_condition(condition, FactsBuilder())
    assert str(caught.value) == message


def test_the_notation_reads_what_it_says():
    """The test's own reader of traces: fields, times, resource and attributes end up where they belong."""
    assert parse_trace(
        '[root 300ms kind=server tags=["x","y"]] [+1s service="s" resource:k=1 message="a b" c.d=2]'
    ) == [
        {"root": True, "duration": 300_000_000, "kind": 2, "attributes": {"tags": ["x", "y"]}, "resource": {}},
        {"start": 10**9, "message": "a b", "attributes": {"c.d": 2}, "resource": {"service.name": "s", "k": 1}},
    ]

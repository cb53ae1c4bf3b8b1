"""The table of docs/ottl.md as conformance cases, so that a real collector can be asked what it says of every row."""

from __future__ import annotations

import re
from pathlib import Path

from conformance import Case, Result
from otlp_words import Words

PAGE = Path(__file__).parents[2] / "docs" / "ottl.md"
ATTRIBUTES: Words = {
    "s": "checkout",
    "n": 42,
    "d": 2.5,
    "t": True,
    "tags": ["a", "b"],
    "m": {"k": {"deep": 7}},
    "b": b"\xc0\xff\xee",
    "url": "https://x.example/a/b",
    "num": "17",
    "zero": 0,
}
INPUT: Words = {
    "resource": {"service.name": "shop", "n": 7},
    "scope": {"name": "lib", "version": "1.2", "attributes": {"lib": True}},
    "spans": [
        {
            "trace": "74" * 16,
            "name": "GET /cart",
            "kind": "SERVER",
            "status": {"code": "ERROR", "message": "timed out"},
            "duration": "2s",
            "state": "ot=th:8,x=y",
            "attributes": ATTRIBUTES,
            "events": [{"name": "exception", "start": "1ms", "attributes": {"type": "Timeout", "retry": 3}}],
        }
    ],
}
"""The span that the page describes."""


OTTL_DIFFERENCES = {'IsMatch(attributes["m"], "")', 'parent_span_id.string == ""'}
"""Rows that the page names under "What differs from the collector"."""


def table() -> list[tuple[str, str]]:
    """Return the conditions of the page, each with yes, no or fails; none where there is no such page."""
    if not PAGE.exists():
        return []
    section = PAGE.read_text(encoding="utf-8").split("\n## By example\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `(.+)` \| (yes|no|fails) \|$", section, re.MULTILINE)
    return [(condition.replace("\\|", "|"), answer) for condition, answer in found]


def asked(number: int, condition: str) -> Case:
    """Return the case that sets one attribute where the condition holds, and another where it does not."""
    context = "spanevent" if "spanevent." in condition else "span"
    text = re.sub(r"(?<![.\w])attributes\[", "span.attributes[", condition).replace("$", "$$")
    statements = [
        f'set({context}.attributes["hit"], true) where {text}',
        f'set({context}.attributes["miss"], true) where not ({text})',
    ]
    transform = {"error_mode": "ignore", "trace_statements": [{"context": context, "statements": statements}]}
    return Case(f"ottl/{number}/{condition}", {"processors": {"transform": transform}, "expect": {}, **INPUT})


def answer(result: Result) -> str:
    """Return what was said: yes, no, fails (neither holds), or refused."""
    if result.error:
        return "refused"
    (span,) = result.spans()
    set_ = {key for where in (span, *span["events"]) for key, _ in where["attributes"]}
    return {(True, False): "yes", (False, True): "no", (False, False): "fails"}["hit" in set_, "miss" in set_]

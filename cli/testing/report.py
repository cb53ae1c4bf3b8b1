"""How results look: for people, as JSON, and as the JUnit XML that build servers read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ...config.errors import Problem
from ...processors.base import Judgement
from ..terminal import Paint, columns, count
from .runner import Result

Ran = tuple[str, list[Result]]
"""A suite's title and its results."""


def text(ran: Sequence[Ran], paint: Paint, *, verbose: bool = False) -> str:
    """Return the report for people: every test by name, and of those that failed what differs and why."""
    lines: list[str] = []
    for title, results in ran:
        lines.append(paint("bold", title))
        for result in results:
            lines += _result(result, paint, verbose)
    return "\n".join([*lines, totals(ran, paint)])


def totals(ran: Sequence[Ran], paint: Paint) -> str:
    """Return the last line."""
    results = [result for _, listed in ran for result in listed]
    failed = sum(not result.ok for result in results)
    said = f"{count(len(results), 'test')}: {len(results) - failed} ok, {failed} failed"
    return paint("red" if failed else "green", said)


def _result(result: Result, paint: Paint, verbose: bool) -> list[str]:
    if result.ok:
        return [f"  {paint('green', 'ok')}    {result.case.name}"]
    place = f"{result.place.file}:{result.place.line}"
    lines = [f"  {paint('red', 'FAIL')}  {result.case.name}  {paint('dim', f'({place})')}"]
    if result.error:
        return [*lines, f"        {result.error}"]
    for one in result.mismatches:
        lines.append(f"        {one.what}  {paint('dim', f'({one.place.file}:{one.place.line}:{one.place.column})')}")
        lines.append(f"          {paint('red', '- expected')}  {one.expected}")
        lines.append(f"          {paint('green', '+ got')}       {one.got}")
    return [*lines, *("        " + line for line in why(result.judgement))]


def why(judgement: Judgement | None) -> list[str]:
    """Return what the policies that were asked have said, and what their conditions are made of."""
    asked = [answer for answer in judgement.answers if answer.asked] if judgement is not None else []
    if not asked:
        return []
    rows = []
    for answer in asked:
        parts = [f"{text}: {'yes' if holds else 'no'}" for text, holds in answer.parts if holds is not None]
        said = f"{answer.says}{' (shadow)' if answer.shadow else ''}"
        rows.append((answer.policy, said, answer.why + (f" ({', '.join(parts)})" if parts else "")))
    return ["the policies said:", *columns(rows, "  ")]


def as_json(ran: Sequence[Ran], problems: Sequence[Problem] = ()) -> str:
    """Return the report as one JSON object."""
    tests = [_entry(title, result) for title, results in ran for result in results]
    failed = sum(not test["ok"] for test in tests)
    body = {
        "ok": not failed and not problems,
        "tests": len(tests),
        "failed": failed,
        "problems": [str(problem) for problem in problems],
        "results": tests,
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def _entry(title: str, result: Result) -> dict[str, Any]:
    judgement = result.judgement
    return {
        "suite": title,
        "name": result.case.name,
        "file": result.place.file,
        "line": result.place.line,
        "ok": result.ok,
        "error": result.error or None,
        "differences": [
            {"what": one.what, "expected": one.expected, "got": one.got, "line": one.place.line}
            for one in result.mismatches
        ],
        "verdict": None if judgement is None else "keep" if judgement.kept else "drop",
        "policy": None if judgement is None else judgement.policy,
        "probability": None if judgement is None else judgement.probability,
    }


def as_junit(ran: Sequence[Ran]) -> str:
    """Return the report as JUnit XML."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    for title, results in ran:
        failed = sum(not result.ok for result in results)
        lines.append(f'  <testsuite name={quoteattr(title)} tests="{len(results)}" failures="{failed}">')
        for result in results:
            head = f"    <testcase classname={quoteattr(title)} name={quoteattr(result.case.name)}"
            if result.ok:
                lines.append(f"{head}/>")
                continue
            said = result.error or "; ".join(
                f"{one.what}: expected {one.expected}, got {one.got}" for one in result.mismatches
            )
            body = "\n".join([f"{result.place.file}:{result.place.line}", *why(result.judgement)])
            lines += [
                f"{head}>",
                f"      <failure message={quoteattr(said)}>{escape(body)}</failure>",
                "    </testcase>",
            ]
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>"]) + "\n"

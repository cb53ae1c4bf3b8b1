"""Mistakes in OTTL inside a configuration: each is reported at the line and column of its condition or statement."""

from __future__ import annotations

from pathlib import Path

import pytest
from tailgate.cli.tables import TABLES
from tailgate.config.errors import ConfigErrors
from tailgate.config.loader import load

FILE = """\
receivers: {otlp: {protocols: {grpc: }}}
processors:
  filter:
    traces:
      span: ['true', 'nmae == 1']
  filter/groups:
    trace_conditions:
      - 'name == "x"'
      - context: span
        conditions: ['true', 'kind == SPAN_KIND_SERVR']
  transform:
    trace_statements:
      - context: span
        statements:
          - set(name, "x")
          - sett(name, "x")
      - set(span.name, Foo(1))
exporters: {debug: }
service: {pipelines: {traces: {receivers: [otlp], processors: [filter, filter/groups, transform], exporters: [debug]}}}
"""
ERRORS = [
    "c.yaml:5:22 processors.filter.traces.span[1]: column 1: the path nmae of a span is not supported",
    "c.yaml:8:9 processors.filter/groups.trace_conditions[0]: column 1: name names no context",
    "c.yaml:10:30 processors.filter/groups.trace_conditions[1].conditions[1]: column 9: SPAN_KIND_SERVR is not known",
    "c.yaml:16:13 processors.transform.trace_statements[0].statements[1]: column 1: the function sett is not supported",
    "c.yaml:17:9 processors.transform.trace_statements[1]: column 16: the function Foo is not supported",
]


def test_every_mistake_has_its_place(tmp_path: Path) -> None:
    """Guarantees: all are reported at once, each where it stands, in the order of the file."""
    file = tmp_path / "c.yaml"
    file.write_text(FILE, encoding="utf-8")
    with pytest.raises(ConfigErrors) as raised:
        load([file], TABLES, {})
    lines = str(raised.value).replace(f"{tmp_path}/", "").splitlines()
    assert len(lines) == len(ERRORS)
    for line, expected in zip(lines, ERRORS, strict=True):
        assert line.startswith(expected)

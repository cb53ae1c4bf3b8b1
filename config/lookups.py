"""Reads the tables that processors look up in: YAML or CSV files, or mappings in the configuration itself."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import Problem
from .tree import Node, Place, parse, plain

MAX_BYTES = 1 << 20
"""Of one file; a ConfigMap holds no more."""
MAX_ROWS = 20_000

Scalar = str | int | float | bool
Rows = dict[str, dict[str, Scalar]]
"""Columns by the text that a row is found by; one that ends in `*` is for all texts that begin so."""


class TableErrors(ValueError):
    """Everything that is wrong with a table, a problem a line."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))


def read_rows(path: str) -> Rows:
    """Return the rows of a file: CSV where its name ends so, else YAML. Raises `TableErrors` and OSError."""
    problems: list[Problem] = []
    with Path(path).open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    place = Place(path)
    rows: Rows = {}
    try:
        if len(content) > MAX_BYTES:
            problems.append(place.problem(f"the table is larger than {MAX_BYTES} bytes"))
        elif path.lower().endswith(".csv"):
            rows = _csv(content.decode("utf-8-sig"), path, problems)
        elif (node := parse(content.decode("utf-8-sig"), path, problems)) is not None:
            rows = _yaml(node, problems)
    except UnicodeDecodeError as error:
        problems.append(place.problem(f"this is no UTF-8: {error.reason} at byte {error.start}"))
    if len(rows) > MAX_ROWS:
        problems.append(place.problem(f"the table has {len(rows)} rows, expected at most {MAX_ROWS}"))
    if problems:
        raise TableErrors(problems)
    return rows


def _yaml(node: Node, problems: list[Problem]) -> Rows:
    if not isinstance(node.value, dict):
        problems.append(node.head.problem("expected a mapping of rows"))
        return {}
    rows: Rows = {}
    for text, row in node.entries.items():
        if not isinstance(row.value, dict):
            problems.append(row.head.problem("expected a mapping of columns"))
            continue
        odd = [one for one in row.entries.values() if not isinstance(one.value, (str, int, float, bool))]
        problems.extend(one.head.problem("expected a text, a number, true or false") for one in odd)
        rows[text] = plain(row)
    return rows


def _csv(text: str, path: str, problems: list[Problem]) -> Rows:
    """Return the rows by their first column; the first line has the names. Empty cells are not there."""
    reader = csv.reader(io.StringIO(text), strict=True)
    rows: Rows = {}
    try:
        names = [name.strip() for name in next(reader, [])]
        if len(names) < 2 or len(set(names)) < len(names) or not all(names):
            problems.append(Place(path).problem("expected the names of at least two columns, each once"))
        for cells in reader:
            place = Place(path, reader.line_num)
            if not cells:
                continue
            if len(cells) != len(names):
                problems.append(place.problem(f"expected {len(names)} cells, found {len(cells)}"))
            elif cells[0] in rows:
                problems.append(place.problem(f"the row {cells[0]!r} stands twice"))
            else:
                rows[cells[0]] = {name: cell for name, cell in zip(names[1:], cells[1:], strict=True) if cell}
    except csv.Error as error:
        problems.append(Place(path, max(1, reader.line_num)).problem(f"this is no CSV: {error}"))
    return rows


def split_prefixes(rows: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the rows of whole texts, and those of prefixes without their `*`."""
    exact = {text: row for text, row in rows.items() if not text.endswith("*")}
    return exact, {text[:-1]: row for text, row in rows.items() if text.endswith("*")}

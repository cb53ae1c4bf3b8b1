"""The table of every value, in the README of the chart."""

from __future__ import annotations

import json

from values import CHART, Value, read

BEGIN, END = "<!-- values -->\n", "<!-- end of values -->"
README = CHART / "README.md"


def _default(value: Value) -> str:
    if value.default is None:
        return "`null`"
    return f"`{json.dumps(value.default, ensure_ascii=False)}`"


def _rows() -> list[str]:
    every = list(read())
    parents = {value.path[:-1] for value in every}
    said: dict[tuple[str, ...], str] = {value.path: value.description for value in every}
    rows = []
    for value in every:
        whole = value.path in parents
        if whole and not value.description:
            continue
        meaning = said[value.path] or value.path[-1]
        default = "see below" if whole else _default(value)
        rows.append(f"| `{'.'.join(value.path)}` | {default} | {meaning.replace('|', chr(92) + '|')} |")
    return rows


def text() -> str:
    """Return the README with the table as values.yaml says it."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    table = ["| value | default | meaning |", "|---|---|---|", *_rows()]
    return f"{before}{BEGIN}" + "\n".join(table) + f"\n{END}" + rest.partition(END)[2]

"""`lookup`: attributes from a table, such as a service's team, cost centre and tier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..config.beside import FileBeside
from ..config.lookups import Rows, Scalar, read_rows, split_prefixes
from ..kernel.contract import Row
from ..rules.conditions import SpanCondition, span_condition
from ..rules.values import any_value
from .base import BuildContext, Fused, ProcessorSpec


class LookupConfig(BaseModel):
    """`lookup`: the row of a table is written as attributes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    table_file: FileBeside | None = None
    """A YAML file (rows by their key, each a mapping of columns) or a CSV file (the first line names the columns, the
    first column is the key). At most 1 MiB; a change is taken over as that of a rule file."""
    table: dict[str, dict[str, Scalar]] | None = None
    """The table itself, instead of a file. A key that ends in `*` is for all values that begin so."""
    on: Literal["resource", "scope", "span"] = "resource"
    """Whose attributes are written."""
    key: str | None = Field(None, min_length=1)
    """The attribute whose value finds the row; on a span the span's, else its resource's."""
    from_context: str | None = Field(None, min_length=1)
    """A request value that finds the row instead: `metadata.<header>` or `client.address`."""
    columns: dict[str, str] | list[str] | None = None
    """Which columns are written: names, or names with the attributes that they become. Default: all, as they are."""
    write: Literal["insert", "upsert", "fill"] = "insert"
    """What stands, stands (`insert`); is replaced (`upsert`); is replaced where it is empty (`fill`)."""
    when: SpanCondition | None = None
    """A condition over the span; with `on: resource` or `scope` over that only."""

    @model_validator(mode="after")
    def _check(self) -> LookupConfig:
        if (self.table_file is None) == (self.table is None):
            raise ValueError("expected exactly one of table_file and table")
        if (self.key is None) == (self.from_context is None):
            raise ValueError("expected exactly one of key and from_context")
        context = self.from_context
        if context is not None and not (context == "client.address" or context.startswith("metadata.")):
            raise ValueError(f"from_context: {context!r} is not known: expected metadata.<header> or client.address")
        if self.when is not None:
            span_condition(self.when, self.on)
        return self

    @property
    def names(self) -> dict[str, str] | None:
        """The attribute of each column that is written; None: all under their own names."""
        return dict(zip(self.columns, self.columns, strict=True)) if isinstance(self.columns, list) else self.columns


def attributes(row: dict[str, Scalar], names: dict[str, str] | None) -> Row:
    """Return a row as the kernel takes it."""
    named = row.items() if names is None else [(names[name], row[name]) for name in names if name in row]
    return [(name, any_value(value).SerializeToString()) for name, value in named]


def _checked_columns(rows: Rows, names: dict[str, str] | None) -> None:
    known = {column for row in rows.values() for column in row}
    unknown = sorted(set(names or ()) - known)
    if rows and unknown:
        raise ValueError(f"no row of the table has {', '.join(unknown)}, expected some of {', '.join(sorted(known))}")


def build(config: LookupConfig, context: BuildContext) -> Fused:
    """Return the stage that looks up. Raises ValueError and OSError when the table cannot be read."""
    if not config.enabled:
        return Fused([])
    rows: Rows = read_rows(config.table_file) if config.table_file is not None else dict(config.table or {})
    _checked_columns(rows, config.names)
    lookup = context.kernel.lookup()
    exact, prefixes = split_prefixes({text: attributes(row, config.names) for text, row in rows.items()})
    lookup.fill(exact, prefixes)
    index = context.lookup_index(lookup, Path(config.table_file).name if config.table_file else "table")
    action = {"do": "lookup", "in": index, "by": [[_source(config, context)]], "write": config.write}
    when = None if config.when is None else span_condition(config.when, config.on)
    return Fused([{"kind": "edit", "on": config.on, "if": when, "actions": [action]}])


def _source(config: LookupConfig, context: BuildContext) -> dict[str, Any]:
    if config.from_context is not None:
        header = config.from_context
        return {"context": context.context_index(header.lower() if header.startswith("metadata.") else header)}
    return {"of": ["attr", "any" if config.on == "span" else config.on, config.key]}


def plan(config: LookupConfig) -> Iterator[str]:
    """Yield what is looked up, in a sentence."""
    by = f"attribute {config.key}" if config.key else config.from_context
    where = f", where {config.when}" if config.when else ""
    table = config.table_file or f"a table of {len(config.table or ())} rows"
    names = config.names
    what = "its columns" if names is None else ", ".join(names.values())
    yield f"looks {by} up in {table} and writes {what} on the {config.on} ({config.write}){where}"


SPEC = ProcessorSpec("lookup", LookupConfig, build, plan=plan)

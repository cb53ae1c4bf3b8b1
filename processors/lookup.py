"""`lookup`: attributes from a table, such as a service's team, cost centre and tier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..config.beside import FileBeside
from ..config.lookups import Rows, Scalar, read_rows, split_prefixes
from ..kernel.contract import Row, Signal
from ..rules.conditions import ConditionError, RecordCondition
from ..rules.levels import Written, check_condition, condition_in, does_nothing, level_in
from ..rules.values import any_value
from .base import ALL_SIGNALS, BuildContext, Fused, ProcessorSpec


class LookupConfig(BaseModel):
    """`lookup`: the row of a table is written as attributes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    table_file: FileBeside | None = None
    """A YAML file (rows by their key, each a mapping of columns) or a CSV file (the first line names the columns, the
    first column is the key). At most 1 MiB; a change is taken over as that of a rule file."""
    table: dict[str, dict[str, Scalar]] | None = None
    """The table itself, instead of a file. A key that ends in `*` is for all values that begin so."""
    on: Written = "resource"
    """Whose attributes are written. `record`: those of the span or log record, as the pipeline has; not of data points.
    `span` and `log`: only in pipelines of that."""
    key: str | None = Field(None, min_length=1)
    """The attribute whose value finds the row; on a span or log record its own, else its resource's."""
    from_context: str | None = Field(None, min_length=1)
    """A request value that finds the row instead: `metadata.<header>` or `client.address`."""
    columns: dict[str, str] | list[str] | None = None
    """Which columns are written: names, or names with the attributes that they become. Default: all, as they are."""
    write: Literal["insert", "upsert", "fill"] = "insert"
    """What stands, stands (`insert`); is replaced (`upsert`); is replaced where it is empty (`fill`)."""
    when: RecordCondition | None = None
    """A condition over the record; with `on: resource` or `scope` over that only."""

    @model_validator(mode="after")
    def _check(self) -> LookupConfig:
        if (self.table_file is None) == (self.table is None):
            raise ValueError("expected exactly one of table_file and table")
        if (self.key is None) == (self.from_context is None):
            raise ValueError("expected exactly one of key and from_context")
        context = self.from_context
        if context is not None and not (context == "client.address" or context.startswith("metadata.")):
            raise ValueError(f"from_context: {context!r} is not known: expected metadata.<header> or client.address")
        if self.on == "datapoint":
            raise ValueError("rows are not written on data points: expected on: resource or scope")
        if self.when is not None:
            check_condition(self.when, self.on)
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
    level = level_in(context.signal, config.on)
    if not config.enabled or level is None:
        return Fused([])
    rows: Rows = read_rows(config.table_file) if config.table_file is not None else dict(config.table or {})
    _checked_columns(rows, config.names)
    lookup = context.kernel.lookup()
    exact, prefixes = split_prefixes({text: attributes(row, config.names) for text, row in rows.items()})
    lookup.fill(exact, prefixes)
    index = context.lookup_index(lookup, Path(config.table_file).name if config.table_file else "table")
    action = {"do": "lookup", "in": index, "by": [[_source(config, context)]], "write": config.write}
    when = condition_in(context.signal, config.when, config.on)
    return Fused([{"kind": "edit", "on": level, "if": when, "actions": [action]}])


def unfit(config: LookupConfig, signal: Signal) -> str | None:
    """Say why a table cannot be looked up in on a signal."""
    level = level_in(signal, config.on)
    if level is None or level == "datapoint":
        where = "data points take no rows" if level else f"it is on a {config.on}"
        return does_nothing(signal, f"{where}; expected on: resource or scope")
    try:
        condition_in(signal, config.when, config.on)
    except ConditionError as error:
        return f"cannot be used on {signal}: when: {error}"
    return None


def _source(config: LookupConfig, context: BuildContext) -> dict[str, Any]:
    if config.from_context is not None:
        header = config.from_context
        return {"context": context.context_index(header.lower() if header.startswith("metadata.") else header)}
    return {"of": ["attr", config.on if config.on in ("resource", "scope") else "any", config.key]}


def plan(config: LookupConfig) -> Iterator[str]:
    """Yield what is looked up, in a sentence."""
    by = f"attribute {config.key}" if config.key else config.from_context
    where = f", where {config.when}" if config.when else ""
    table = config.table_file or f"a table of {len(config.table or ())} rows"
    names = config.names
    what = "its columns" if names is None else ", ".join(names.values())
    yield f"looks {by} up in {table} and writes {what} on the {config.on} ({config.write}){where}"


SPEC = ProcessorSpec("lookup", LookupConfig, build, signals=ALL_SIGNALS, unfit=unfit, plan=plan)

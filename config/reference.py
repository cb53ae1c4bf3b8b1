"""The reference page: every key with its type, default and meaning, made of the JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .model import Tables
from .schema import WHOLE, json_schemas

_HEAD = """\
# Reference

Every key that is accepted. This page is generated from the schema that checks configurations (`make docs`);
[configuration](configuration.md), [sampling](sampling.md) and [scrubbing](scrubbing.md) explain.

`tailgate schema` prints the same as JSON Schema, for editors; the shipped rule files name theirs in the first line. Any
value may be a substitution, `${env:NAME}`.
"""
_INTRO = {
    WHOLE: "## A whole configuration",
    "sampling": "## Rule file: sampling",
    "scrubbing": "## Rule file: scrubbing",
    "enrichment": "## Rule file: enrichment",
    "retention": "## Rule file: retention",
    "sampling_rules": "## Dialect: sampling_rules",
    "tracing": "## Dialect: tracing",
    "preservation_rules": "## Dialect: preservation_rules",
}
_SECTIONS = ("receivers", "processors", "exporters", "connectors", "extensions")
_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true, false", "null": ""}
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}
_BESIDE = {"sampling": "tail_sampling", "scrubbing": "scrub", "enrichment": "enrich", "retention": "retention"}
"""Rule files that say the same as their processor's block."""

Schema = Mapping[str, Any]
Row = tuple[str, str, str, str]


def page(tables: Tables) -> str:
    """Return the page as Markdown."""
    schemas = json_schemas(tables)
    parts = [_HEAD, *_configuration(schemas[WHOLE])]
    for kind, schema in schemas.items():
        if kind in _BESIDE:
            own = f"The keys of the processor `{_BESIDE[kind]}`, at the top of the file.\n"
            parts += [f"{_INTRO[kind]}\n", own, *_dialect(kind, schema)]
        elif kind != WHOLE:
            parts += [f"{_INTRO.get(kind, '## ' + kind)}\n", *_Page(schema).tables(schema)]
    return "\n".join(part for part in parts if part)


def _dialect(kind: str, schema: Schema) -> list[str]:
    """Return the tables of the other words for the same, where a kind has some."""
    writer = _Page(schema)
    forms = [form for form in schema.get("anyOf", []) if kind in writer.resolved(form).get("properties", {})]
    return [part for form in forms for part in ("In other words ([dialects](dialects.md)):\n", *writer.tables(form))]


def _configuration(schema: Schema) -> Iterator[str]:
    writer = _Page(schema)
    yield f"{_INTRO[WHOLE]}\n"
    whole = {**schema, "properties": {k: v for k, v in schema["properties"].items() if k not in _SECTIONS}}
    yield from writer.tables(whole)
    for section in _SECTIONS:
        for pattern, options in schema["properties"][section].get("patternProperties", {}).items():
            types = pattern.removeprefix("^(").partition(")")[0].split("|")
            names = ", ".join(f"`{name}`" for name in types)
            yield f"### {section.removesuffix('s').capitalize()} {names}\n"
            (form,) = [form for form in options["anyOf"] if "$ref" in form]
            yield from writer.tables(form)


class _Page:
    """Writes tables out of one schema."""

    def __init__(self, schema: Schema) -> None:
        self._definitions: Schema = schema.get("$defs", {})

    def resolved(self, schema: Schema) -> Schema:
        """Return what a reference refers to, with what is said beside it."""
        if "$ref" not in schema:
            return schema
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**self._definitions[schema["$ref"].rpartition("/")[2]], **beside}

    def tables(self, schema: Schema) -> Iterator[str]:
        """Yield a table for the mapping, or one for each of its forms."""
        found = self.resolved(schema)
        forms = [self.resolved(form) for form in found.get("anyOf", [found])]
        for form in forms:
            if len(forms) > 1:
                yield f"{form.get('description', '')}\n"
            rows = list(self._rows(form, "", ()))
            if rows:
                lines = [f"| {' | '.join(row)} |" for row in (("key", "type", "default", "meaning"), *rows)]
                yield "\n".join([lines[0], "|---|---|---|---|", *lines[1:]]) + "\n"
            else:
                yield "No keys.\n"

    def _rows(self, schema: Schema, prefix: str, above: tuple[str, ...]) -> Iterator[Row]:
        required = schema.get("required", ())
        for name, entry in schema.get("properties", {}).items():
            path = f"{prefix}{name}"
            said = self.resolved(entry)
            default = (
                "required"
                if name in required
                else _code(said["default"])
                if said.get("default") not in ([], None)
                else ""
            )
            text = str(entry.get("description") or (said.get("description", "") if "$ref" not in entry else ""))
            yield f"`{path}`", self._type(entry), default, _cell(text)
            yield from self._inner(entry, path, above)

    def _inner(self, schema: Schema, path: str, above: tuple[str, ...]) -> Iterator[Row]:
        """Yield the rows of a mapping, of the mappings in a list, or of those under any name."""
        reference = str(schema.get("$ref", ""))
        if reference and reference in above:
            return
        found, inside = self.resolved(schema), (*above, reference) if reference else above
        if "properties" in found:
            yield from self._rows(found, f"{path}.", inside)
        elif isinstance(found.get("items"), dict):
            yield from self._inner(found["items"], f"{path}[]", inside)
        elif isinstance(found.get("additionalProperties"), dict):
            yield from self._inner(found["additionalProperties"], f"{path}.*", inside)
        else:
            for form in found.get("anyOf", []):
                yield from self._inner(form, path, inside)

    def _type(self, schema: Schema) -> str:
        title = schema.get("title")
        if title:
            return str(title)
        if schema.get("$ref") == "#/$defs/substitution":
            return ""
        found = self.resolved(schema)
        if "title" in found:
            return str(found["title"])
        if "anyOf" in found:
            return ", or ".join(dict.fromkeys(word for form in found["anyOf"] if (word := self._type(form))))
        if "enum" in found or "const" in found:
            return ", ".join(_code(value) for value in found.get("enum", [found.get("const")]))
        return self._plain(found)

    def _plain(self, schema: Schema) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            return " or ".join(_TYPES.get(str(word), str(word)) for word in kind if word != "null")
        if kind == "array":
            inner = self._type(schema["items"]) if schema.get("items") else ""
            return f"list of {inner}" if inner and inner != "mapping" else "list"
        if kind == "object":
            return "mapping"
        bounds = [f"{word} {schema[key]}" for key, word in _BOUNDS.items() if key in schema]
        word = _TYPES.get(str(kind), "any value")
        return f"{word}, {' and '.join(bounds)}" if bounds else word


def _code(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value)
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\\\|").replace("<", "&lt;") if "`" not in text else text.replace("|", "\\\\|")

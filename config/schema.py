"""One JSON Schema for a whole configuration, for editors; generated from the models that do the checking."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .model import Spec, Tables
from .shape import Document, HealthCheck

_REFERENCE = {"type": "string", "pattern": r"\$\{[^}]+\}"}
"""A substitution, which may stand for any value."""

Names = list[tuple[tuple[str, ...], type[BaseModel]]]


def json_schema(tables: Tables) -> dict[str, Any]:
    """Return the schema (draft 2020-12) of a configuration with these components."""
    sections: dict[str, Names] = {
        "receivers": _names(tables.receivers),
        "processors": _names(tables.processors),
        "exporters": _names(tables.exporters),
        "extensions": [(("health_check",), HealthCheck)],
        "connectors": [],
    }
    models: list[type[BaseModel]] = [Document, *(model for names in sections.values() for _, model in names)]
    wanted = list(dict.fromkeys(models))
    references, definitions = models_json_schema(
        [(model, "validation") for model in wanted], ref_template="#/$defs/{model}"
    )
    document: dict[str, Any] = dict(definitions["$defs"].pop("Document"))
    document["properties"] = dict(document["properties"])
    for section, names in sections.items():
        refs = [(types, references[(model, "validation")]) for types, model in names]
        document["properties"][section] = _section(refs, rules=section == "processors")
    for _, model in sections["processors"]:
        _add_switch(references[(model, "validation")], definitions["$defs"])
    schema = _with_references({**document, "$defs": definitions["$defs"]})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Tailgate configuration", **schema}


def _add_switch(schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Allow `enabled` in a processor's block, whatever forms it has."""
    if "$ref" in schema:
        _add_switch(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for form in schema.get("anyOf", ()):
        _add_switch(form, definitions)
    if "properties" in schema:
        schema["properties"].setdefault("enabled", {"type": "boolean", "default": True})


def _names(specs: Iterable[Spec]) -> Names:
    return [((spec.name, *getattr(spec, "aliases", ())), spec.config) for spec in specs]


def _section(refs: list[tuple[tuple[str, ...], Any]], rules: bool) -> dict[str, Any]:
    """Return a mapping from `type` or `type/name` to that type's configuration, which may be left empty."""
    by_file = {"type": "object", "required": ["rules"], "properties": {"rules": {"type": "string"}}}
    options = [by_file] if rules else []
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "patternProperties": {
            f"^({'|'.join(types)})(/.+)?$": {"anyOf": [*options, ref, {"type": "null"}]} for types, ref in refs
        },
    }


def _with_references(schema: Any) -> Any:
    """Allow `${env:NAME}` where the schema wants a number or a boolean, or one of a few words."""
    if isinstance(schema, list):
        return [_with_references(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") in ("integer", "number", "boolean") or (
        "enum" in schema and isinstance(schema["enum"], list)
    ):
        return {"anyOf": [schema, _REFERENCE]}
    return {
        key: value if key in ("enum", "const", "default", "examples", "required") else _with_references(value)
        for key, value in schema.items()
    }

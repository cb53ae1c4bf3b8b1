"""JSON Schemas of a whole configuration and of each kind of rule file, for editors.

They are generated from the models that do the checking, so they say the same as far as a schema can.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from ..rules.durations import format_duration
from .docstrings import field_texts
from .model import Spec, Tables
from .rulefiles import RULE_FILES
from .shape import Document, HealthCheck

DRAFT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parent / "schemas"
"""Where they are kept, for the first line of a rule file to name them."""
WHOLE = "tailgate"
"""The kind that is a whole configuration."""

KINDS = (WHOLE, *sorted({kind.name.removesuffix(".yaml") for kind in RULE_FILES}))
"""What there are schemas of."""

_SUBSTITUTION = {"type": "string", "pattern": r"\$\{[^}]+\}", "description": "Of an environment variable."}
_REFERENCE = {"$ref": "#/$defs/substitution"}
"""A substitution, which may stand for any value."""
_AROUND = ("title", "description", "default")
"""What is said of a value as a whole, whichever of several forms it has."""
_DATA = ("enum", "const", "default", "examples", "required", "if")
"""Keys of a schema whose values are no schemas."""
_ENABLED = {"type": "boolean", "default": True, "description": "false: the processor is left out of its pipelines"}

Names = list[tuple[tuple[str, ...], type[BaseModel]]]


def json_schemas(tables: Tables) -> dict[str, dict[str, Any]]:
    """Return the schema of a whole configuration and of every kind of rule file, by kind."""
    configs = {spec.name: spec.config for spec in tables.processors}
    kinds: dict[str, list[type[BaseModel]]] = {}
    for kind in RULE_FILES:
        model = kind.model or configs.get(kind.processor)
        if model is not None:
            kinds.setdefault(kind.name.removesuffix(".yaml"), []).append(model)
    return {WHOLE: json_schema(tables)} | {kind: _file_schema(kind, models) for kind, models in kinds.items()}


def json_schema(tables: Tables) -> dict[str, Any]:
    """Return the schema (draft 2020-12) of a configuration with these components."""
    sections: dict[str, Names] = {
        "receivers": _names(tables.receivers),
        "processors": _names(tables.processors),
        "exporters": _names(tables.exporters),
        "extensions": [(("health_check",), HealthCheck)],
        "connectors": _names(tables.connectors),
    }
    references, definitions = _generate([Document, *(model for names in sections.values() for _, model in names)])
    document = dict(definitions.pop("Document"))
    document["properties"] = dict(document["properties"])
    for section, names in sections.items():
        refs = [(types, references[model]) for types, model in names]
        if section == "processors":
            definitions = _with_enabled(refs, definitions)
        described = {"description": document["properties"][section].get("description", "")}
        document["properties"][section] = {**described, **_section(refs, rules=section == "processors")}
    for part in (document, definitions["Pipeline"], definitions["Service"]):
        part.pop("required", None)  # an overlay says only what differs
    return _finished("Tailgate configuration", document, definitions)


def texts(tables: Tables) -> dict[str, str]:
    """Return the schemas as they are kept, by the name of their file."""
    return {
        f"{kind}.schema.json": json.dumps(schema, indent=1, sort_keys=True) + "\n"
        for kind, schema in json_schemas(tables).items()
    }


def _file_schema(kind: str, models: list[type[BaseModel]]) -> dict[str, Any]:
    references, definitions = _generate(models)
    refs = [references[model] for model in models]
    return _finished(f"Tailgate {kind}", refs[0] if len(refs) == 1 else {"anyOf": refs}, definitions)


def _generate(models: Iterable[type[BaseModel]]) -> tuple[dict[type[BaseModel], Any], dict[str, Any]]:
    wanted = list(dict.fromkeys(models))
    references, found = models_json_schema(
        [(model, "validation") for model in wanted], ref_template="#/$defs/{model}", schema_generator=_Generator
    )
    return {model: references[(model, "validation")] for model in wanted}, dict(found.get("$defs", {}))


def _finished(title: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    named = {value.get("x-name"): f"#/$defs/{key}" for key, value in definitions.items()}
    whole = _with_references(_linked({**schema, "$defs": dict(definitions)}, named))
    whole["$defs"]["substitution"] = _SUBSTITUTION
    return {"$schema": DRAFT, **whole, "title": title}


class _Generator(GenerateJsonSchema):
    """Describes fields by what the source says under them, and durations as they are written."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """No titles that only repeat the name."""
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        """Return a model's schema with the text under each field."""
        found = super().model_schema(schema)
        found.pop("title", None)
        model: type[BaseModel] = schema["cls"]
        said = field_texts(model)
        for name, field in model.model_fields.items():
            entry = found.get("properties", {}).get(field.alias or name)
            if entry is not None and name in said:
                entry.setdefault("description", said[name])
        return found

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        """Return a schema whose default is what one would write."""
        found = super().default_schema(schema)
        default = found.get("default")
        if found.get("title") == "duration" and isinstance(default, int):
            found["default"] = format_duration(default)
        if found.get("title") == "address" and isinstance(default, (list, tuple)):
            found["default"] = ":".join(str(part) for part in default)
        if isinstance(default, dict) or default is None:
            found.pop("default", None)
        return found


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


def _with_enabled(refs: list[tuple[tuple[str, ...], Any]], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Allow `enabled` in every processor."""
    wanted = {ref["$ref"].rpartition("/")[2] for _, ref in refs if "$ref" in ref}
    return {name: _switchable(schema) if name in wanted else schema for name, schema in definitions.items()}


def _switchable(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        return {**schema, "anyOf": [_switchable(form) for form in schema["anyOf"]]}
    return {**schema, "properties": {"enabled": _ENABLED, **schema.get("properties", {})}}


def _linked(schema: Any, named: Mapping[str | None, str]) -> Any:
    """Put references in the place of `x-same-as`."""
    if isinstance(schema, list):
        return [_linked(item, named) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "x-same-as" in schema:
        return {"$ref": named[schema["x-same-as"]]}
    return {key: _linked(value, named) for key, value in schema.items() if key != "x-name"}


def _with_references(schema: Any) -> Any:
    """Allow `${env:NAME}` wherever the schema wants more of a value than that it is text."""
    if isinstance(schema, list):
        return [_with_references(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    forms = schema.get("anyOf", [schema])
    around = {key: value for key, value in schema.items() if key in _AROUND}
    if any(_is_narrow(form) for form in forms):
        bare = [{key: value for key, value in form.items() if key not in around} for form in forms]
        return {**around, "anyOf": [*(form if _is_narrow(form) else _inside(form) for form in bare), _REFERENCE]}
    return _inside(schema)


def _inside(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Go on inside; the keys of `properties` are names, and no keywords."""
    found = {}
    for key, value in schema.items():
        if key in ("properties", "$defs", "patternProperties"):
            found[key] = {name: _with_references(child) for name, child in value.items()}
        else:
            found[key] = value if key in _DATA else _with_references(value)
    required = schema.get("required", ())
    if "properties" in found:
        found["properties"] = {
            name: child if name in required else _perhaps_empty(child) for name, child in found["properties"].items()
        }
    return found


def _perhaps_empty(schema: dict[str, Any]) -> dict[str, Any]:
    """Allow a list or a mapping to be left empty, which is written as nothing at all."""
    if "$ref" not in schema and schema.get("type") not in ("array", "object"):
        return schema
    inner = {key: value for key, value in schema.items() if key not in _AROUND}
    around = {key: value for key, value in schema.items() if key in _AROUND}
    return {**around, "anyOf": [inner, {"type": "null"}]}


def _is_narrow(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    if kind in ("integer", "number", "boolean") or "enum" in schema or "const" in schema:
        return True
    return kind == "string" and "pattern" in schema

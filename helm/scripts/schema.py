"""values.schema.json: the types of values.yaml, and of `config` and `rules` what Tailgate's own schemas say."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from values import Value, read

SCHEMAS = Path(__file__).resolve().parents[2] / "config" / "schemas"
RULES = ("enrichment", "retention", "sampling", "scrubbing")
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
PARTIAL = (
    "OtlpGrpcSettings",
    "OtlpReceiverConfig",
    "Pipeline",
    "Service",
    "TailSampling",
)  # the chart has the rest

Schema = dict[str, Any]


def _rename(node: Any, prefix: str) -> Any:
    if isinstance(node, dict):
        renamed = {key: _rename(value, prefix) for key, value in node.items()}
        if isinstance(target := node.get("$ref"), str):
            renamed["$ref"] = target.replace("#/$defs/", f"#/$defs/{prefix}.")
        return renamed
    return [_rename(item, prefix) for item in node] if isinstance(node, list) else node


def embedded(kind: str) -> dict[str, Schema]:
    """Return the definitions of one of Tailgate's schemas, itself under its kind, the others under `kind.Name`."""
    document = json.loads((SCHEMAS / f"{kind}.schema.json").read_text(encoding="utf-8"))
    document.pop("$schema", None)
    definitions = {f"{kind}.{name}": value for name, value in document.pop("$defs", {}).items()}
    return {name: _rename(value, kind) for name, value in {kind: document, **definitions}.items()}


def _partial(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _partial(value) for key, value in node.items() if key != "required" or value == ["rules"]}
    return [_partial(item) for item in node] if isinstance(node, list) else node


def definitions() -> dict[str, Schema]:
    """Return all of them; what `config` is merged over may leave out what the chart says, or drop a pipeline."""
    found: dict[str, Schema] = {}
    for kind in ("tailgate", *RULES):
        found |= embedded(kind)
    for name in ("tailgate", *(f"tailgate.{name}" for name in PARTIAL)):
        found[name] = _partial(found[name])
    pipelines = next(form for form in found["tailgate.Service"]["properties"]["pipelines"]["anyOf"] if "type" in form)
    pipelines["additionalProperties"] = {"anyOf": [pipelines["additionalProperties"], {"type": "null"}]}
    return found


def _rules() -> Schema:
    named = {f"{kind}.yaml": {"anyOf": [{"type": ["string", "null"]}, {"$ref": f"#/$defs/{kind}"}]} for kind in RULES}
    other = {"^[A-Za-z0-9._-]+$": {"type": ["string", "object", "null"]}}
    return {"type": "object", "properties": named, "patternProperties": other, "additionalProperties": False}


def _own(value: Value) -> Schema:
    own = copy.deepcopy(value.schema)
    if own.pop("config", False):
        return {"anyOf": [{"$ref": "#/$defs/tailgate"}, {"type": "object", "maxProperties": 0}]}
    if own.pop("rules", False):
        return _rules()
    return ({"type": TYPES[type(value.default)]} if value.default is not None else {}) | own


def build() -> Schema:
    """Return the schema of the chart's values; keys that are not in values.yaml are refused."""
    root: Schema = {"type": "object", "properties": {}, "additionalProperties": False}
    places: dict[tuple[str, ...], Schema] = {(): root}
    for value in read():
        own = _own(value) | ({"description": value.description} if value.description else {})
        parent = places[value.path[:-1]]
        if value.path[:-1] and "properties" not in parent:
            parent.setdefault("additionalProperties", False)
            parent["properties"] = {}
        parent["properties"].setdefault(value.path[-1], own)
        places[value.path] = own
    root["properties"]["global"] = {"type": "object", "description": "Helm's own, of a parent chart"}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Values of the chart tailgate"}
    return head | root | {"$defs": definitions()}


def text() -> str:
    """Return it as it is written to values.schema.json."""
    return json.dumps(build(), indent=1, ensure_ascii=False) + "\n"

"""Validate manifests strictly against the schemas of Kubernetes: DEFINITIONS VERSIONS FILE...

Runs in the environment of the tools (kubernetes-validate brings the schemas of every version with it). Objects of the
Prometheus operator are validated against its CustomResourceDefinitions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

OPERATOR_KINDS = ("podmonitors", "prometheusrules", "servicemonitors")


def strict(schema: Any) -> Any:
    """Return a definition's schema that refuses unknown keys, as the API server's strict validation does."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


def definitions(folder: Path) -> dict[tuple[str, str], Any]:
    """Return the schemas of the operator's kinds by (apiVersion, kind)."""
    found = {}
    for kind in OPERATOR_KINDS:
        path = folder / f"monitoring.coreos.com_{kind}.yaml"
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        for version in spec["versions"]:
            schema = dict(version["schema"]["openAPIV3Schema"])
            schema["properties"] = {**schema["properties"], "metadata": {}}
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = strict(schema)
    return found


def wrong(document: Any, versions: list[str], custom: dict[tuple[str, str], Any]) -> Iterator[str]:
    """Yield what is wrong with one object."""
    kind = (document["apiVersion"], document["kind"])
    if kind in custom:
        for error in jsonschema.Draft7Validator(custom[kind]).iter_errors(document):
            yield f"{error.json_path}: {error.message}"
        return
    for version in versions:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{version}: {'.'.join(map(str, error.path))}: {error.message}"
        except kubernetes_validate.InvalidSchemaError as error:
            yield f"{version}: {kind}: {error.message}"


def main() -> int:
    """Validate all files; print what is wrong, or how much was looked at."""
    folder, versions, *files = sys.argv[1:]
    custom = definitions(Path(folder))
    objects = failures = 0
    for file in files:
        for document in yaml.safe_load_all(Path(file).read_text(encoding="utf-8")):
            if document is None:
                continue
            objects += 1
            for line in wrong(document, versions.split(","), custom):
                failures += 1
                sys.stdout.write(f"{file}: {document['kind']} {document['metadata']['name']}: {line}\n")
    sys.stdout.write(f"  {objects} objects of {len(files)} files, Kubernetes {versions.replace(',', ', ')}\n")
    return 1 if failures or not objects else 0


if __name__ == "__main__":
    raise SystemExit(main())

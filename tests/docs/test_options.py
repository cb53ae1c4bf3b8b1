"""The tables of options are those of the models that check a configuration: keys and defaults, both ways."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from tailgate.cli.tables import TABLES
from tailgate.config.shape import Document, HealthCheck
from tailgate.processors.tail_sampling.policies import POLICIES, Policy

from .doc_pages import PAGES, cells, names, tables, text

MARK = re.compile(r"<!-- options of ([\w.]+):(\w+) -->\n((?:\|.*\n)+)")


def documented() -> dict[type[BaseModel], list[list[str]]]:
    """The models that have a table of their own, with its rows."""
    found = {}
    for page in PAGES:
        for module, name, block in MARK.findall(text(page)):
            model = getattr(importlib.import_module(f"tailgate.{module}"), name)
            assert model not in found, f"{name} has two tables"
            found[model] = [cells(row) for row in block.splitlines()[2:]]
    return found


PAGE_TABLES = documented()


def nested(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model in an annotation, and whether it stands in a list or a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for argument in get_args(annotation):
        model, many = nested(argument)
        if model is not None:
            return model, many or get_origin(annotation) in (list, dict)
    return None, False


def has_table(model: type[BaseModel]) -> bool:
    """Whether a model, or one that adds keys to it, has a table, or one that it adds none to; policies: see below."""
    named = model.model_fields.keys()
    same = (issubclass(model, other) and named == other.model_fields.keys() for other in PAGE_TABLES)
    return model is Policy or any(issubclass(other, model) for other in PAGE_TABLES) or any(same)


def options(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every option as it is written, with its field; models without a table of their own are taken apart."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner, many = nested(field.annotation)
        whole = many or not (field.is_required() or isinstance(default(field), BaseModel))
        if inner is None or has_table(inner):
            yield path, field
            continue
        if whole:
            yield path, field
        yield from options(inner, f"{path}[]." if many else f"{path}.")


def default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True)


def says(cell: str, field: FieldInfo) -> bool:
    """Whether a cell says the default of a field."""
    if field.is_required():
        return cell == "required"
    value = default(field)
    if value is None or isinstance(value, BaseModel):
        return cell == ("none" if value is None else "")
    (written,) = names(cell)
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation  # type: ignore
    return bool(TypeAdapter(kind).validate_python(yaml.safe_load(written)) == value)


@pytest.mark.parametrize("model", PAGE_TABLES, ids=lambda model: model.__name__)
def test_a_table_has_the_keys_and_defaults_of_its_model(model: type[BaseModel]) -> None:
    """Guarantees: no option is left out, none is invented, and every default is the one in effect."""
    written = [(name, row[1]) for row in PAGE_TABLES[model] for name in names(row[0])]
    assert len(dict(written)) == len(written), "a key stands twice"
    fields = dict(options(model))
    assert {name for name, _ in written} == set(fields)
    for name, cell in written:
        assert says(cell, fields[name]), f"{name}: the page says {cell!r}, it is {default(fields[name])!r}"


def reachable(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        inner, _ = nested(field.annotation)
        if inner is not None:
            yield from reachable(inner)


def test_every_component_has_a_table() -> None:
    """Guarantees: a new component, and a new section of one, cannot be left out of the pages."""
    specs = (*TABLES.receivers, *TABLES.processors, *TABLES.exporters, *TABLES.connectors)
    apart = {inner for model in PAGE_TABLES for inner in reachable(model)}
    for model in (Document, HealthCheck, *(spec.config for spec in specs)):
        for part in reachable(model):
            only_models = all(nested(field.annotation)[0] for field in part.model_fields.values())
            assert has_table(part) or part in apart or only_models, f"{part.__name__} is not documented"


def test_every_component_is_named_with_its_aliases() -> None:
    """Guarantees: each type, and each other name that it goes by, stands in a heading."""
    headings = " ".join(re.findall(r"^#+ .*$", text("docs/configuration.md"), re.MULTILINE))
    for spec in (*TABLES.receivers, *TABLES.processors, *TABLES.exporters, *TABLES.connectors):
        for name in (spec.name, *getattr(spec, "aliases", ())):
            assert f"`{name}`" in headings or name == "memory_limiter", name


OPTION = re.compile(r"`(\w+)(?:: ([^`]+))?`")
TYPES = {names(row[0])[0]: row[1] for row in tables("docs/sampling.md", "| type | options |")}


def test_every_policy_type_is_listed() -> None:
    """Guarantees: the table of policy types has those that are accepted, and no other."""
    assert set(TYPES) == set(POLICIES)


@pytest.mark.parametrize("name", TYPES)
def test_the_options_of_a_policy_type(name: str) -> None:
    """Guarantees: each type's options and defaults are those of its model."""
    fields = POLICIES[name].options.model_fields
    written = dict(OPTION.findall(TYPES[name]))
    assert set(written) == set(fields)
    for key, value in written.items():
        assert fields[key].is_required() is (value == ""), key
        assert not value or yaml.safe_load(value) == default(fields[key]), key


def test_a_wrong_default_is_noticed() -> None:
    """Guarantees: the comparison can fail, for numbers, durations and what has no default."""
    fields = dict(options(TABLES.exporters[0].config))
    assert says("`5s`", fields["timeout"])
    assert not says("`6s`", fields["timeout"])
    assert not says("none", fields["endpoint"])
    assert not says("required", fields["authority"])

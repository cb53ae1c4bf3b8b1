"""What a type of policy of the collector's block is, and how an entry of the list is read."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from ....rules.facts import FactsBuilder
from ..decoding import decode
from ..votes import Vote

CONTAINERS = frozenset({"and", "not", "drop", "composite"})
"""Types that hold policies of other types."""


class Options(BaseModel):
    """Base of the options of a policy type: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _decoded(cls, data: Any) -> Any:
        found = decode(cls, data)
        for key, value in found.items() if isinstance(found, dict) else ():
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise located((key,), f"{value} does not fit 64 bits", value)
        return found


class NoOptions(Options):
    """For types that have none."""


def _stateless(options: Any) -> str | None:
    return None


@dataclass(frozen=True)
class PolicyType:
    """One entry of the table of policy types."""

    name: str
    options: type[Options]
    vote: Callable[[Any, FactsBuilder], Vote]
    """(options, facts) -> what it votes."""
    optional: bool = False
    """The block of options may be left out."""
    inside: frozenset[str] = CONTAINERS
    """The containers in whose lists it may stand."""
    waits: Callable[[Any], str | None] = _stateless
    """Options -> why a trace cannot be judged by it before all of its spans have come; None: it can."""


_describing: ContextVar[bool] = ContextVar("describing", default=False)
"""Whether a policy's options are being described, in which policies may stand again."""


def _described(options: type[Options]) -> dict[str, Any]:
    """Return the JSON Schema of a type's options, in one piece; policies inside are `{"x-same-as": "policy"}`."""
    token = _describing.set(True)
    try:
        schema = options.model_json_schema()
    finally:
        _describing.reset(token)
    definitions = schema.pop("$defs", {})

    def inlined(part: Any) -> Any:
        if isinstance(part, list):
            return [inlined(item) for item in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return inlined(definitions[part["$ref"].rpartition("/")[2]])
        return {key: inlined(value) for key, value in part.items()}

    found: dict[str, Any] = inlined(schema)
    return found


class Policy(BaseModel):
    """An entry of a list of policies: a name, a type, and the options under the type's own key."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    name: str
    type: str
    options: Options
    enabled: bool = True
    """`false`: as if it were not written."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Describe the entry as it is written: every type has its options under its own key."""
        handler(core_schema)
        if _describing.get():
            return {"x-same-as": "policy"}
        options = {name: {"anyOf": [_described(kind.options), {"type": "null"}]} for name, kind in _types().items()}
        needed = [name for name, kind in _types().items() if not kind.optional]
        return {
            "x-name": "policy",
            "type": "object",
            "required": ["name", "type"],
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "type": {"enum": sorted(_types())},
                "enabled": {"type": "boolean", "default": True},
                **options,
            },
            "additionalProperties": False,
            "allOf": [
                {"if": {"properties": {"type": {"const": name}}}, "then": {"required": [name]}} for name in needed
            ],
        }

    @classmethod
    def written_forms(cls) -> list[Any]:
        """Return a model of what is written for each type, for the keys that an error message names."""
        return [_entry_model(name) for name in _types()]

    def vote(self, facts: FactsBuilder) -> Vote:
        """Return what the policy votes; its conditions are added to `facts`."""
        return _types()[self.type].vote(self.options, facts)

    def waits(self) -> str | None:
        """Return why a trace cannot be judged by it before all of its spans have come; None: it can."""
        return _types()[self.type].waits(self.options)


def first_that_waits(policies: Iterable[Policy]) -> str | None:
    """Return why one of these cannot judge before all spans have come; None: all can."""
    return next((why for policy in policies if (why := policy.waits()) is not None), None)


def _types() -> Mapping[str, PolicyType]:
    from . import POLICIES

    return POLICIES


@cache
def _entry_model(name: str) -> type[BaseModel]:
    kind = _types()[name]
    default = kind.options() if kind.optional else ...
    fields: dict[str, Any] = {
        "name": (str, Field(min_length=1)),
        "type": (str, ...),
        "options": (kind.options, Field(default, alias=name)),
        "enabled": (bool, True),
    }
    return create_model(f"Policy_{name}", __config__=ConfigDict(extra="forbid", strict=True), **fields)


def located(loc: tuple[str | int, ...], message: str, value: Any) -> ValidationError:
    """Return an error that stands at a place below the model that is being validated."""
    kind = PydanticCustomError("tail_sampling", "{message}", {"message": message})
    return ValidationError.from_exception_data("tail_sampling", [InitErrorDetails(type=kind, loc=loc, input=value)])


def _kind(value: dict[str, Any], inside: str | None) -> PolicyType:
    allowed = {name: kind for name, kind in _types().items() if inside is None or inside in kind.inside}
    written = value.get("type")
    if "type" not in value:
        raise located(("type",), f"missing: expected one of {', '.join(sorted(allowed))}", value)
    if isinstance(written, str) and written in allowed:
        return allowed[written]
    if isinstance(written, str) and written in _types():
        raise located(
            ("type",), f"{written} cannot stand inside {inside}: expected one of {', '.join(sorted(allowed))}", written
        )
    near = difflib.get_close_matches(str(written), allowed, 1)
    hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(sorted(allowed))}"
    raise located(("type",), f"unknown policy type {written!r}: {hint}", written)


def read_policy(value: Any, inside: str | None = None) -> Any:
    """Return the `Policy` that a mapping describes; anything else comes back as it is, for pydantic to refuse.

    `inside` is the container in whose list it stands. The blocks of other types are passed over, as the collector
    does. Raises ValidationError with the places of all that is wrong.
    """
    if not isinstance(value, dict):
        return value
    kind = _kind(value, inside)
    own = {key: item for key, item in value.items() if key == kind.name or key not in _types()}
    if own.get(kind.name, ...) is None:
        own[kind.name] = {}
    entry: Any = _entry_model(kind.name).model_validate(own)
    return Policy.model_construct(name=entry.name, type=kind.name, options=entry.options, enabled=entry.enabled)


def some_enabled(policies: list[Policy]) -> list[Policy]:
    """Return those of a container's policies that are enabled. Raises ValueError when there is none."""
    enabled = [policy for policy in policies if policy.enabled]
    if not enabled:
        raise ValueError("none of these policies is enabled: expected one, or `enabled: false` on what contains them")
    return enabled

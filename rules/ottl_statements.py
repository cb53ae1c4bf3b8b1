"""OTTL statements as `transform` takes them, compiled to actions of the kernel's stage `edit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..kernel.contract import Expr, Signal
from . import ottl_tree as tree
from .condition_tree import ConditionError, PlacedError
from .ottl import Compiler, check_depth
from .ottl_functions import Arguments
from .ottl_parser import parse_condition, parse_statement
from .ottl_paths import LOWEST_FIRST, RECORD, VISIBLE, Context, Place, attribute, locate, lowest
from .ottl_templates import glob_pattern, literal, template
from .suggest import did_you_mean

__all__ = ["Step", "can_fail", "compile_step", "infer_context"]

_SETTABLE = {
    ("span", "name"): "name",
    ("span", "kind"): "kind",
    ("span", "status.code"): "status.code",
    ("span", "status.message"): "status.message",
    ("span", "trace_state"): "trace_state",
    ("scope", "name"): "scope.name",
    ("scope", "version"): "scope.version",
    ("spanevent", "name"): "event.name",
    **{("log", field): field for field in ("body", "severity_text", "severity_number", "event_name")},
    **{("metric", field): f"metric.{field}" for field in ("name", "description", "unit")},
}
_NUMBERS = ("kind", "status.code", "severity_number")


@dataclass(frozen=True)
class Step:
    """One statement."""

    context: Context
    """What it changes: that of its target, which may stand above the context that it was written in."""
    actions: list[dict[str, Any]]
    where: Expr | None
    """Its own condition, as a tree of the kernel's `ottl`."""
    value: Expr | None
    """What it computes; where that fails, it does nothing."""

    @property
    def fails(self) -> Expr | None:
        """When it cannot be carried out, as a tree that fails then; None: that cannot be."""
        parts = [part for part in (self.where, self.value and ["defined", self.value]) if part and can_fail(part)]
        if self.where and parts and parts[0] is not self.where:
            parts.insert(0, self.where)
        return ["and", *parts] if parts else None


def compile_step(text: str, context: Context) -> Step:
    """Return what a statement does. Raises ConditionError."""
    try:
        statement = parse_statement(text)
        for node in (*(argument.value for argument in statement.arguments), statement.where):
            if node is not None:
                check_depth(node)
        return _Statement(statement, context).step()
    except PlacedError as error:
        raise ConditionError(text, error.position, error.reason) from None


def infer_context(statements: list[str], conditions: list[str], signal: Signal = "traces") -> Context:
    """Return the lowest context that their paths name; each must name one. Raises ConditionError."""
    found: set[Context] = set()
    for text, parse in (
        *((one, _statement_nodes) for one in statements),
        *((one, _condition_nodes) for one in conditions),
    ):
        try:
            found |= set(_contexts(parse(text), RECORD[signal]))
        except PlacedError as error:
            raise ConditionError(text, error.position, error.reason) from None
    foreign = sorted(found - set(LOWEST_FIRST[signal]))
    if foreign:
        text = (statements or conditions)[0]
        raise ConditionError(text, 0, f"there is no {foreign[0]} in {signal}")
    return next((context for context in LOWEST_FIRST[signal] if context in found), RECORD[signal])


def _statement_nodes(text: str) -> list[tree.Node]:
    statement = parse_statement(text)
    return [*(argument.value for argument in statement.arguments), *([statement.where] if statement.where else [])]


def _condition_nodes(text: str) -> list[tree.Node]:
    return [parse_condition(text)]


def _contexts(nodes: list[tree.Node], record: Context) -> Iterator[Context]:
    for node in nodes:
        if isinstance(node, tree.Path):
            named = lowest(node)
            if named is None:
                reason = (
                    f"{node.text} names no context: expected {record}.{node.text}, or a context for the whole group"
                )
                raise PlacedError(node.position, reason)
            yield named
        elif isinstance(node, tree.Call) and node.name == "IsRootSpan":
            yield "span"
        yield from _contexts(list(tree.children(node)), record)


def can_fail(part: Any) -> bool:
    """Return whether a condition or value of the kernel's `ottl` may fail."""
    if not isinstance(part, list) or not part:
        return False
    head, *rest = part
    if head in ("attr", "field", "lit", "hex", "leaf", "try"):
        return False
    if head == "call":
        return rest[0] not in _SAFE or any(can_fail(one) for one in rest[1:])
    if head == "truth":
        return rest[0][:1] != ["call"] or rest[0][1] not in _BOOLEAN or can_fail(rest[0])
    return head in ("at", "+", "-", "*", "/") or any(can_fail(one) for one in rest)


_SAFE = {"id", "pick", "scalar", "is_a"}
_BOOLEAN = {"is_match", "has_prefix", "has_suffix", "is_a"}


class _Statement:
    """Compiles one statement."""

    def __init__(self, statement: tree.Statement, context: Context) -> None:
        self.statement, self.context, self.compiler = statement, context, Compiler(context)
        self.value: Expr | None = None
        self.target: Place | None = None

    def step(self) -> Step:
        """Return what it does. Raises PlacedError."""
        editor = _EDITORS.get(self.statement.editor)
        if editor is None:
            name = self.statement.editor
            expected = f"expected one of {', '.join(sorted(_EDITORS))}{did_you_mean(name, _EDITORS)}"
            raise PlacedError(self.statement.position, f"the function {name} is not supported: {expected}")
        names, build = editor
        call = tree.Call(self.statement.position, self.statement.editor, self.statement.arguments)
        actions = build(self, Arguments(call, names, self.compiler.value))
        where = None if self.statement.where is None else self.compiler.condition(self.statement.where)
        assert self.target is not None  # noqa: S101 - every editor has one
        self._check_level(self.target)
        return Step(self.target.context, actions, where, self.value)

    def attributes(self, given: Arguments) -> Place:
        """Return the target, which must be all attributes of a level. Raises PlacedError."""
        place = self._locate(given)
        if place.field != "attributes" or place.keys:
            raise PlacedError(place.position, f"{self.statement.editor} takes attributes as a whole")
        return place

    def attribute(self, given: Arguments) -> Place:
        """Return the target, which must be one attribute or one field. Raises PlacedError."""
        place = self._locate(given)
        if place.field == "attributes":
            if not place.keys:
                raise PlacedError(
                    place.position, f'{place.text} as a whole cannot be set: expected {place.text}["key"]'
                )
            attribute(place)
            if len(place.keys) > 1:
                raise PlacedError(place.position, "what stands inside an attribute cannot be set")
        elif place.keys or (place.context, place.field) not in _SETTABLE:
            settable = ", ".join(field for owner, field in _SETTABLE if owner == place.context)
            raise PlacedError(place.position, f'{place.text} cannot be set: expected attributes["key"], {settable}')
        return place

    def _locate(self, given: Arguments) -> Place:
        node = given.node("target")
        if not isinstance(node, tree.Path):
            raise PlacedError(node.position, f"{self.statement.editor} changes a path such as attributes")
        self.target = locate(node, self.context)
        return self.target

    def _check_level(self, target: Place) -> None:
        """Refuse a change of something above by what stands below it: many spans share a resource."""
        if target.context == self.context:
            return
        for node in _paths(self.statement):
            found = locate(node, self.context).context
            if found not in VISIBLE[target.context]:
                reason = f"a {target.context} cannot be changed by what a {found} is: many of them share it"
                raise PlacedError(node.position, reason)


def _paths(statement: tree.Statement) -> Iterator[tree.Path]:
    level: list[tree.Node] = [*(argument.value for argument in statement.arguments)]
    level += [statement.where] if statement.where else []
    while level:
        node = level.pop()
        if isinstance(node, tree.Path):
            yield node
        level.extend(tree.children(node))


Build = Callable[[_Statement, Arguments], list[dict[str, Any]]]


def _set(statement: _Statement, given: Arguments) -> list[dict[str, Any]]:
    place = statement.attribute(given)
    statement.value = given.value("value")
    if place.field == "attributes":
        return [{"do": "upsert", "key": place.keys[0], "of": statement.value}]
    return [{"do": "set", "field": _SETTABLE[place.context, place.field], "of": statement.value}]


def _texts(given: Arguments, name: str) -> list[str]:
    out = []
    for node in given.items(name):
        if not isinstance(node, tree.Constant) or not isinstance(node.value, str):
            raise PlacedError(node.position, f"{name}: expected texts")
        out.append(node.value)
    return out


def _delete_key(statement: _Statement, given: Arguments) -> list[dict[str, Any]]:
    statement.attributes(given)
    return [{"do": "delete", "key": given.constant("key", str)}]


def _delete_keys(statement: _Statement, given: Arguments) -> list[dict[str, Any]]:
    statement.attributes(given)
    return [{"do": "delete", "key": key} for key in _texts(given, "keys")]


def _by_pattern(do: str) -> Build:
    def build(statement: _Statement, given: Arguments) -> list[dict[str, Any]]:
        statement.attributes(given)
        return [{"do": do, "pattern": given.pattern("pattern")}]

    return build


def _keep_keys(statement: _Statement, given: Arguments) -> list[dict[str, Any]]:
    statement.attributes(given)
    return [{"do": "keep", "keys": _texts(given, "keys")}]


def _truncate(statement: _Statement, given: Arguments) -> list[dict[str, Any]]:
    statement.attributes(given)
    limit: int = given.constant("limit", int)
    if limit < 0:
        raise PlacedError(statement.statement.position, "truncate_all: limit is at least 0")
    return [{"do": "truncate", "limit": limit}]


def _limit(statement: _Statement, given: Arguments) -> list[dict[str, Any]]:
    statement.attributes(given)
    count, keys = given.constant("limit", int), _texts(given, "priority_keys")
    if count < 0 or len(set(keys)) > count:
        raise PlacedError(statement.statement.position, "limit: at least 0, and at least as many as priority_keys")
    return [{"do": "limit", "count": count, "keys": keys}]


def _replacement(given: Arguments, where: dict[str, Any], glob: bool, do: str = "replace") -> list[dict[str, Any]]:
    wanted: str = given.constant("replacement", str)
    if glob:
        return [{"do": "replace", "pattern": glob_pattern(given, "pattern"), "with": literal(wanted), **where}]
    pattern = given.pattern("pattern")
    return [{"do": do, "pattern": pattern, "with": template(wanted, pattern), **where}]


def _replace(glob: bool) -> Build:
    def build(statement: _Statement, given: Arguments) -> list[dict[str, Any]]:
        place = statement.attribute(given)
        if place.field == "attributes":
            return _replacement(given, {"key": place.keys[0]}, glob)
        if place.field in _NUMBERS:
            raise PlacedError(place.position, f"{place.text} is no text")
        return _replacement(given, {"field": _SETTABLE[place.context, place.field]}, glob)

    return build


def _replace_all_patterns(statement: _Statement, given: Arguments) -> list[dict[str, Any]]:
    statement.attributes(given)
    mode: str = given.constant("mode", str)
    if mode not in ("key", "value"):
        raise PlacedError(statement.statement.position, 'replace_all_patterns: the mode is "key" or "value"')
    return _replacement(given, {}, glob=False, do="rename" if mode == "key" else "replace")


def _replace_all_matches(statement: _Statement, given: Arguments) -> list[dict[str, Any]]:
    statement.attributes(given)
    return _replacement(given, {}, glob=True)


_EDITORS: dict[str, tuple[tuple[str, ...], Build]] = {
    "set": (("target", "value"), _set),
    "delete_key": (("target", "key"), _delete_key),
    "delete_keys": (("target", "keys"), _delete_keys),
    "delete_matching_keys": (("target", "pattern"), _by_pattern("delete")),
    "keep_keys": (("target", "keys"), _keep_keys),
    "keep_matching_keys": (("target", "pattern"), _by_pattern("keep")),
    "limit": (("target", "limit", "priority_keys"), _limit),
    "truncate_all": (("target", "limit"), _truncate),
    "replace_pattern": (("target", "pattern", "replacement"), _replace(glob=False)),
    "replace_match": (("target", "pattern", "replacement"), _replace(glob=True)),
    "replace_all_patterns": (("target", "mode", "pattern", "replacement"), _replace_all_patterns),
    "replace_all_matches": (("target", "pattern", "replacement"), _replace_all_matches),
}

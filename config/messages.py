"""What pydantic finds, in plain English: what is wrong, what was found, what was expected."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from .errors import did_you_mean, one_of
from .tree import Node

WANTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_sub_type": "text",
    "bytes_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "none_required": "nothing",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
}
"""What was expected, by pydantic's type of error."""

SHAPES = frozenset(name for name in WANTED if name.endswith(("_type", "_parsing", "_from_float", "none_required")))
"""Errors that say: this is another kind of value."""

MAX_QUOTED = 48
"""Longer values are described, not quoted."""


def found(node: Node, secret: bool) -> str:
    """Describe a value; only short scalars that are written in the file and no secrets are quoted."""
    value = node.value
    if value is None:
        kind = "nothing"
    elif isinstance(value, dict):
        kind = "a mapping"
    elif isinstance(value, list):
        kind = "a list"
    elif isinstance(value, bool):
        kind = "true" if value else "false"
    else:
        kind = "text" if isinstance(value, str) else "a number"
        if not secret and node.source is None and len(str(value)) <= MAX_QUOTED:
            kind = repr(value)
    if node.source is not None:
        return f"{kind} from {node.source}" if len(node.source) <= MAX_QUOTED else f"{kind} from the environment"
    return kind


def describe(error: dict[str, Any], node: Node, known: Collection[str], secret: bool, about: str = "") -> str:
    """Return the message for one of pydantic's errors; `node` is the value it is about.

    `known` are the keys that may stand there; `about` says what a missing key means.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(error["loc"][-1])
        expected = f", expected {one_of(known)}" if known and len(known) <= 16 else ""
        return f"unknown key {name!r}{expected}{did_you_mean(name, known)}"
    if kind == "missing":
        return f"the key {str(error['loc'][-1])!r} is missing{about}"
    if kind in ("literal_error", "enum"):
        return _choice(node, re.findall(r"'([^']*)'", context["expected"]) or [str(context["expected"])], secret)
    if kind == "union_tag_invalid":
        return _choice(node, re.findall(r"'([^']*)'", context["expected_tags"]), secret)
    if kind == "union_tag_not_found":
        return f"the key {context['discriminator']} is missing, which says what kind of entry this is"
    if kind in WANTED:
        wanted = WANTED[kind].format(**{key: _number(value) for key, value in context.items()})
        return f"expected {wanted}{_how(wanted, node, known)}, found {found(node, secret)}"
    return _said(str(context["error"]) if "error" in context else str(error["msg"]), node, secret)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _how(wanted: str, node: Node, known: Collection[str]) -> str:
    """Return how a list or a mapping is written, to somebody who wrote something else."""
    if wanted == "a list":
        return " (each entry begins with '- ')" if isinstance(node.value, dict) else ""
    if wanted != "a mapping":
        return ""
    keys = f" with the keys {one_of(known)}" if 0 < len(known) <= 12 else ""
    return f"{keys} (no '- ' before them)" if isinstance(node.value, list) else keys


def _choice(node: Node, options: list[str], secret: bool) -> str:
    close = did_you_mean(node.value, options) if isinstance(node.value, str) and node.source is None else ""
    return f"expected {one_of(options)}, found {found(node, secret)}{'' if secret else close}"


def _said(message: str, node: Node, secret: bool) -> str:
    """Return a validator's own message on one line, without the value when that must not be shown."""
    message = " ".join(message.split()) or "this value is not accepted"
    if not secret and node.source is None and not _holds_environment(node):
        return message
    for hidden in sorted(_texts(node), key=len, reverse=True):
        message = message.replace(repr(hidden), "the value")
        if len(hidden) > 3 and hidden in message:
            message = message.replace(hidden, "...")
    return message


def _holds_environment(node: Node) -> bool:
    return node.source is not None or any(_holds_environment(child) for child in _children(node))


def _texts(node: Node) -> set[str]:
    texts = {text for child in _children(node) for text in _texts(child)}
    if isinstance(node.value, (str, int, float)) and not isinstance(node.value, bool):
        texts.add(str(node.value))
    return {text for text in texts if text}


def _children(node: Node) -> list[Node]:
    return [*node.entries.values(), *node.items]

"""What an unquoted YAML scalar means: the rules of the collector's YAML reader, which are nearly those of YAML 1.2.

Only `true` and `false` (and `True`, `TRUE`, ...) are booleans: `yes`, `no`, `on` and `off` are text. Dates are text.
Whole numbers may be written `0x1f`, `0o17`, `0b11` or `1_000`; one that starts with `0` is octal (`0644` is 420), and
text when it is no octal number (`0899`).
"""

from __future__ import annotations

import re

Scalar = None | bool | int | float | str

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"([-+]?)(?:0x([0-9a-fA-F]+)|0o?([0-7]+)|0b([01]+)|(0|[1-9][0-9]*))", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAX_DIGITS = 400
"""Longer rows of digits are text: nothing counts that far, and Python refuses to read them."""


def plain_scalar(text: str) -> Scalar:
    """Return the value of an unquoted scalar without a tag."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if not text[0].isascii() or text[0] not in "0123456789+-." or len(text) > _MAX_DIGITS:
        return text
    number = _number(text.replace("_", "") if text[0] != "_" else text)
    return text if number is None else number


def tagged_scalar(tag: str, text: str) -> Scalar:
    """Return the value of a scalar with an explicit tag such as `!!str`. Raises ValueError with the reason."""
    kind = tag.removeprefix("tag:yaml.org,2002:")
    if kind in ("str", "!"):
        return text
    value = plain_scalar(text)
    if kind == "null" and value is None:
        return None
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind == "float" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if kind in ("null", "bool", "int", "float"):
        raise ValueError(f"the value does not have the type that its tag '!!{kind}' says")
    raise ValueError(f"the tag {tag!r} is not supported; expected !!str, !!int, !!float, !!bool or !!null")


def _number(text: str) -> int | float | None:
    whole = _INT.fullmatch(text)
    if whole:
        sign = -1 if whole[1] == "-" else 1
        for group, base in ((2, 16), (3, 8), (4, 2), (5, 10)):
            if whole[group]:
                return sign * int(whole[group], base)
    if _FLOAT.fullmatch(text) and not re.fullmatch(r"[-+]?0[0-9]+", text):
        return float(text)
    special = _SPECIAL.fullmatch(text)
    if special:
        return float("nan") if text.lower().endswith("nan") else float(f"{special[1]}inf")
    return None

"""Probabilities as 56-bit rejection thresholds, after OpenTelemetry's "Probability sampling in TraceState"."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

FULL = 1 << 56
"""How many values a trace's randomness can take."""
ALWAYS, NEVER = 0, FULL
"""A trace is kept where its randomness is at least the threshold: 0 keeps all, `FULL` none."""

EXPECTED = "a rate such as 50%, 0.5, keep or drop"


def threshold(probability: Fraction) -> int:
    """Return the threshold that keeps this share of traces; a share above zero never becomes `NEVER`."""
    if probability <= 0:
        return NEVER
    return min(FULL - 1, round(FULL * (1 - min(probability, Fraction(1)))))


def probability(rejection: int) -> float:
    """Return the share of traces that a threshold keeps."""
    return (FULL - rejection) / FULL


def parse_rate(value: Any) -> Fraction:
    """Return the share of `50%`, `0.5`, `1`, `keep` or `drop`. Raises ValueError for anything else."""
    words = {"keep": Fraction(1), "drop": Fraction(0)}
    if isinstance(value, str) and value in words:
        return words[value]
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"expected {EXPECTED}")  # noqa: TRY004 - pydantic wants ValueError
    text = str(value).strip()
    try:
        share = Fraction(text[:-1].strip()) / 100 if text.endswith("%") else Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is no rate: expected {EXPECTED}") from None
    if not 0 <= share <= 1:
        raise ValueError(f"{text} is not between 0 and 1 (0% and 100%): expected {EXPECTED}")
    return share


_PATTERN = r"^\s*(keep|drop|[0-9.eE+/-]+\s*%?)\s*$"
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}


def _rate(value: Any) -> int:
    return threshold(parse_rate(value))


Rate = Annotated[
    int,
    BeforeValidator(_rate),
    WithJsonSchema(
        {"title": "rate", "anyOf": [{"type": "string", "pattern": _PATTERN, "examples": ["50%", "drop"]}, _SHARE]}
    ),
]
"""A configuration field that holds a threshold and is written as a rate."""


def fnv_threshold(percentage: float) -> int:
    """Return the highest FNV-1a hash that the collector's `probabilistic` policy samples."""
    if percentage <= 0:
        return 0
    most = (1 << 64) - 1
    return min(most, int(most * Fraction(percentage / 100)))

"""The limits of a program, checked before any stage runs."""

from __future__ import annotations

from typing import Any

from ..contract import OverLimit
from .levels import Level
from .operands import BODY, EVENTS, LINKS
from .points import EXEMPLAR_ATTRIBUTES, EXEMPLARS, points_of
from .spec import natural, only
from .values import ARRAY, KVLIST
from .wire import Field, is_len, split


class Limits:
    """Bounds of one request. Raises `BadProgram` when made, `OverLimit` afterwards."""

    def __init__(self, spec: Any) -> None:
        given = only(spec, {"max_bytes", "max_spans", "max_attributes", "max_depth"}, "limits")
        self._bytes = natural(given.get("max_bytes"), "max_bytes")
        self._spans = natural(given.get("max_spans"), "max_spans")
        self._attributes = natural(given.get("max_attributes"), "max_attributes")
        self._depth = natural(given.get("max_depth"), "max_depth")

    def check_bytes(self, size: int) -> None:
        """Refuse a request of more than `max_bytes`."""
        if size > self._bytes:
            raise OverLimit(f"the request has {size} bytes, over max_bytes = {self._bytes}")

    def check_spans(self, spans: int) -> None:
        """Refuse a request of more than `max_spans` spans, log records or data points."""
        if spans > self._spans:
            raise OverLimit(f"the request has more records than max_spans = {self._spans}")

    def check_level(self, level: Level) -> None:
        """Refuse a level (and what stands in it, children apart) with too many or too deep attributes."""
        self._check_attributes(level.merged, level.shape.attributes, level.shape.name)
        if level.shape.name == "span":
            for one in level.fields:
                if is_len(one, EVENTS):
                    self._check_attributes(split(one.payload), 3, "event")
                elif is_len(one, LINKS):
                    self._check_attributes(split(one.payload), 4, "link")

        if level.shape.name == "log":
            for one in level.fields:
                if is_len(one, BODY) and _value_depth(one.payload) > self._depth:
                    raise OverLimit(f"a body is nested deeper than max_depth = {self._depth}")
        if level.shape.name == "metric":
            for point in points_of(level):
                self._check_point(point)

    def _check_point(self, point: Level) -> None:
        self._check_attributes(point.fields, point.shape.attributes, "data point")
        exemplars = EXEMPLARS.get(point.shape.data)
        for one in point.fields if exemplars else ():
            if is_len(one, exemplars or 0):
                self._check_attributes(split(one.payload), EXEMPLAR_ATTRIBUTES, "exemplar")

    def _check_attributes(self, fields: Any, number: int, what: str) -> None:
        pairs = [one.payload for one in fields if is_len(one, number)]
        if len(pairs) > self._attributes:
            raise OverLimit(f"a {what} has {len(pairs)} attributes, over max_attributes = {self._attributes}")
        for pair in pairs:
            if len(pair) > 4 * self._depth and self._depth_of(pair) > self._depth:  # a level takes four bytes
                raise OverLimit(f"an attribute of a {what} is nested deeper than max_depth = {self._depth}")

    def _depth_of(self, pair: bytes) -> int:
        """Return how many arrays and maps stand inside one another in the values of a `KeyValue`."""
        return max((_value_depth(one.payload) for one in split(pair) if is_len(one, 2)), default=0)


def _value_depth(payload: bytes) -> int:
    return max((_member_depth(one) for one in split(payload)), default=0)


def _member_depth(member: Field) -> int:
    if is_len(member, ARRAY):
        inner = [one.payload for one in split(member.payload) if is_len(one, 1)]
    elif is_len(member, KVLIST):
        pairs = [one.payload for one in split(member.payload) if is_len(one, 1)]
        inner = [one.payload for pair in pairs for one in split(pair) if is_len(one, 2)]
    else:
        return 0
    return 1 + max((_value_depth(payload) for payload in inner), default=0)

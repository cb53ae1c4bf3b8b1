"""What a scrub stage looks at in log records and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .levels import Level, change_attributes
from .marks import DEPTH
from .operands import BODY, EVENT_NAME, SEVERITY_TEXT
from .points import EXEMPLAR_ATTRIBUTES, EXEMPLARS, on_points
from .tally import Tally
from .values import KVLIST, Map, decode, is_nested, of_string
from .wire import Field, is_len, join, replaced, split

_METRIC_TEXTS = {1: "metric_name", 2: "metric_description", 3: "metric_unit"}
_LOG_TEXTS = {SEVERITY_TEXT: "severity_text", EVENT_NAME: "event_name"}


class Others:
    """The part of a stage's walk that log records and metrics have to themselves."""

    _scrub: Any
    """The stage, a `Scrub`."""
    _at: str
    _depth: int
    _text: Callable[..., Field]
    _part: Callable[..., Field]
    _fail: Callable[[int], None]
    _member: Callable[[Field], bytes | None]
    _any_type: Callable[[bytes], bytes | None]
    _any_value: Callable[[bytes], bytes | None]
    _attribute: Callable[[bytes, bytes, Tally, str], bytes | None]
    _attributes: Callable[[Level], Level]

    def _log(self, log: Level, system: str) -> Level:
        return log.with_fields([self._log_field(one, system) for one in log.fields])

    def _log_field(self, one: Field, system: str) -> Field:
        if is_len(one, BODY) and "body" in self._scrub.positions:
            self._at = "body"
            return replaced(one, self._body(one.payload, system))
        return self._named_text(one, _LOG_TEXTS)

    def _named_text(self, one: Field, texts: dict[int, str]) -> Field:
        position = texts.get(one.number)
        return self._text(one, position, one.number) if position in self._scrub.positions else one

    def _body(self, payload: bytes, system: str) -> bytes:
        """Return a body after the rules: the entries of a map as attributes, else as an attribute's value."""
        scrub, value = self._scrub, decode(payload)
        if not isinstance(value, Map):
            if scrub.keep is not None and scrub.keep.search(scrub.text(payload).encode()):
                return payload
            return (self._any_type(payload) if scrub.types == "all" else self._any_value(payload)) or b""
        if scrub.limits is not None and scrub.limits.depth == 0 and any(map(is_nested, split(payload))):
            self._fail(DEPTH)
            return of_string(scrub.limits.text)
        out = []
        for one in split(payload):
            new = self._entries(one, system) if is_len(one, KVLIST) else self._member(one)
            if new is None:
                return b""
            out.append(replaced(one, new))
        return join(out)

    def _entries(self, one: Field, system: str) -> bytes | None:
        tally = Tally()  # the summary is one of attributes
        self._depth += 1
        fields = change_attributes(split(one.payload), 1, lambda key, pair: self._attribute(key, pair, tally, system))
        self._depth -= 1
        return join(fields)

    def _metric(self, metric: Level) -> Level:
        metric = metric.with_fields([self._named_text(one, _METRIC_TEXTS) for one in metric.fields])
        return on_points(metric, self._point) or metric

    def _point(self, point: Level) -> Level:
        """Scrub a data point's attributes and those of its exemplars."""
        if "datapoint" in self._scrub.positions:
            point = self._attributes(point)
        exemplars = EXEMPLARS.get(point.shape.data)
        if exemplars is None or "exemplar" not in self._scrub.positions:
            return point
        fields = [
            self._part(one, "exemplar", EXEMPLAR_ATTRIBUTES, "", 0) if is_len(one, exemplars) else one
            for one in point.fields
        ]
        return point.with_fields(fields)

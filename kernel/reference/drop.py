"""Stages that let records go: `filter` by a condition, `sample` by probability. `filter` lets go of events, too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .expressions import compile_condition
from .levels import DATAPOINT, EVENT, LEVELS, METRIC, SHAPES, SPAN, Level, View
from .operands import EVENTS, TRACE_ID, TRACE_STATE
from .points import on_points
from .spec import choice, natural, need, only
from .tracestate import Sampling, sampling_of, with_sampling
from .values import convert, decode
from .wire import field, is_len, last_payload, replaced, split

_NEVER = 1 << 56
_PRIORITY = b"sampling.priority"
Apply = Callable[[View, Level], Level | None]


class Filter:
    """A compiled filter. Raises `BadProgram`."""

    rules = 0

    def __init__(self, stage: Any, signal: str = "traces") -> None:
        only(stage, {"kind", "on", "if"}, "filter")
        inner = [shape.name for shape in LEVELS[signal][2:]]
        self._shape = SHAPES[choice(stage.get("on"), inner, "filter: on")]
        self._holds = compile_condition(stage.get("if"), self._shape)
        self.drops = self._shape is not EVENT

    def bind(self, context: Sequence[str | None], counters: list[int], first: int) -> Apply:
        """Return the stage for one request: None for a span, log record or metric that goes."""

        def apply(view: View, level: Level) -> Level | None:
            if level.shape is self._shape:
                return None if self._holds(view) else level
            if self._shape is EVENT and level.shape is SPAN:
                return level.with_fields([one for one in level.fields if not self._goes(view, one)])
            if self._shape is DATAPOINT and level.shape is METRIC:
                return on_points(level, lambda point: None if self._holds(view.on(point)) else point)
            return level

        return apply

    def _goes(self, view: View, one: Any) -> bool:
        return is_len(one, EVENTS) and self._holds(view._replace(event=Level(EVENT, split(one.payload))))


class Sample:
    """A compiled sampler. Raises `BadProgram`."""

    rules = 0
    drops = True

    def __init__(self, stage: Any) -> None:
        only(stage, {"kind", "mode", "seed", "buckets", "ratio", "precision", "fail_closed"}, "sample")
        self._mode = choice(stage.get("mode"), ("hash_seed", "proportional", "equalizing"), "sample: mode")
        self._seed = natural(stage.get("seed"), "sample: seed")
        need(self._seed < 1 << 32, "sample: seed is over 32 bits")
        self._buckets = natural(stage.get("buckets"), "sample: buckets")
        need(self._buckets <= 16384, "sample: buckets is over 16384")
        ratio = stage.get("ratio")
        number = isinstance(ratio, (int, float)) and not isinstance(ratio, bool)
        need(number and 0 <= ratio <= 1, f"sample: ratio {ratio!r} is not between 0 and 1")
        self._ratio = float(ratio)
        self._precision = natural(stage.get("precision"), "sample: precision")
        need(1 <= self._precision <= 14, "sample: precision is not between 1 and 14")
        need(isinstance(stage.get("fail_closed"), bool), "sample: fail_closed is no boolean")
        self._fail_closed = stage["fail_closed"]

    def bind(self, context: Sequence[str | None], counters: list[int], first: int) -> Apply:
        """Return the stage for one request: None for a span that goes."""
        return lambda view, level: self._sampled(level) if level.shape is SPAN else level

    def _sampled(self, span: Level) -> Level | None:
        priority = _priority(span)
        if priority == 0:
            return None
        trace_id = (last_payload(span.fields, TRACE_ID) or b"")[:16].ljust(16, b"\0")
        state = sampling_of((last_payload(span.fields, TRACE_STATE) or b"").decode())
        randomness, known = self._randomness(trace_id, state)
        consistent = known and (state.threshold is None or randomness >= state.threshold)
        if priority:
            threshold = 0
        elif not consistent:
            threshold = _NEVER if self._fail_closed else 0
        else:
            threshold = self._threshold(state)
        if threshold == _NEVER or (consistent and randomness < threshold):
            return None
        if not state.valid:
            return span
        rv = randomness if self._hashes and known else None
        return _written(span, rv, None if known and not consistent else threshold)

    @property
    def _hashes(self) -> bool:
        return self._mode == "hash_seed" and self._buckets > 0

    def _randomness(self, trace_id: bytes, state: Sampling) -> tuple[int, bool]:
        """Return the randomness of a trace, and whether it may be relied upon."""
        if self._hashes:
            return _hashed(trace_id, self._seed), state.valid and state.rv is None and state.threshold is None
        if not state.valid or (state.rv is None and not any(trace_id)):
            return 0, False
        return (int.from_bytes(trace_id[9:], "big") if state.rv is None else state.rv), True

    def _threshold(self, state: Sampling) -> int:
        if self._mode == "hash_seed":
            return 16384 - self._buckets << 42
        if self._ratio == 0:
            return _NEVER
        before = 0 if self._mode == "equalizing" or state.threshold is None else state.threshold
        return threshold_of((_NEVER - before) / _NEVER * self._ratio, self._precision)


def _priority(span: Level) -> int | None:
    """Return what `sampling.priority` says: 0 to let go, 1 to keep, None: nothing."""
    payload = span.attributes.get(_PRIORITY)
    if payload is None:
        return None
    value = decode(payload)
    if isinstance(value, str):
        value = decode(convert(payload, "double"))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return 1 if value > 0 else 0 if value == 0 else None


def _hashed(trace_id: bytes, seed: int) -> int:
    """Return 56 bits of which the first 14 decide as the collector's hash does, and the others make it random."""
    state = 0x811C9DC5
    for byte in seed.to_bytes(4, "little") + trace_id:
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    bucket, rest = state & 0x3FFF, state >> 18
    return (0x3FFF - bucket) << 42 | (rest ^ rest << 10) << 14 | bucket


def threshold_of(probability: float, precision: int) -> int:
    """Return the 56-bit threshold of a probability in so many hex digits, more where it is near 0 or 1."""
    if probability < 2.0**-56:
        return _NEVER
    if probability >= 1:
        return 0
    digits = precision
    for part in (probability, 1 - probability):
        digits = max(digits, precision + -math.frexp(part)[1] // 4)
    scaled = probability * _NEVER
    whole = int(scaled)
    threshold = _NEVER - (whole + (scaled - whole >= 0.5))
    shift = 4 * (14 - min(14, digits))
    return threshold + (1 << shift >> 1) >> shift << shift


def _written(span: Level, rv: int | None, threshold: int | None) -> Level:
    """Return the span with what was decided in every trace state, or in a new one."""
    fields = []
    for one in span.fields:
        if is_len(one, TRACE_STATE):
            one = replaced(one, with_sampling(one.payload.decode(), rv, threshold).encode())
        fields.append(one)
    if threshold is not None and not any(is_len(one, TRACE_STATE) for one in fields):
        fields.append(field(TRACE_STATE, with_sampling("", rv, threshold).encode()))
    return span.with_fields(fields)

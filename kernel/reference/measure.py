"""Stage `measure`: what a walk notes of each span for a meter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..contract import BadProgram
from .facts import billionths
from .levels import SPAN, Level, View
from .meter import Candidate, Half, Noted, ReferenceMeter
from .operands import PARENT_SPAN_ID, SPAN_ID, TRACE_ID, compile_operand
from .spec import natural, only
from .wire import last_payload

_INTERNAL, _SERVER, _CLIENT, _PRODUCER, _CONSUMER = range(1, 6)
_ERROR = 2


class Measure:
    """A compiled stage. Raises `BadProgram`."""

    rules = 0
    drops = False

    def __init__(self, stage: Any, meters: Sequence[ReferenceMeter]) -> None:
        only(stage, {"kind", "in", "count", "exemplars"}, "measure")
        index = natural(stage.get("in"), "meter")
        if index >= len(meters):
            raise BadProgram(f"meter {index}: the program has {len(meters)}")
        self.meter = meters[index]
        self._count, self._exemplars = (_flag(stage.get(name), name) for name in ("count", "exemplars"))
        self._kind, self._status, self._duration = (
            compile_operand(["field", name], SPAN) for name in ("kind", "status.code", "duration")
        )

    def noting(self, noted: Noted) -> Callable[[View, Level], Level]:
        """Return the stage for one request: it changes nothing."""
        note = self._spans if self.meter.pairing is None else self._edges

        def apply(view: View, level: Level) -> Level:
            if level.shape is SPAN:
                note(view, level, noted)
            return level

        return apply

    def _spans(self, view: View, span: Level, noted: Noted) -> None:
        of = self.meter.value
        value = _integer(self._duration(view)) if of is None else billionths(of(view))
        if value is None:
            return
        key = tuple(part(view) for part in self.meter.by)
        known = noted.knows(key)
        if self._count:
            noted.counts.append((not known, key, value))
        trace_id = _id(span, TRACE_ID, 16)
        if self._exemplars and known and any(trace_id):
            noted.exemplars.append(Candidate(key, value, trace_id, _id(span, SPAN_ID, 8)))

    def _edges(self, view: View, span: Level, noted: Noted) -> None:
        kind, pairing = self._kind(view), self.meter.pairing
        if not self._count or pairing is None or kind not in (_SERVER, _CLIENT, _PRODUCER, _CONSUMER):
            return
        client = kind in (_CLIENT, _PRODUCER)
        service, by = pairing.service(view), tuple(part(view) for part in self.meter.by)
        peer, database = pairing.peer(view), pairing.database(view)
        known = [noted.knows(texts) for texts in ((service, *by), (peer,), (database,))]
        if not all(known):
            noted.dropped += 1
            return
        noted.halves.append(
            Half(
                client,
                (_id(span, TRACE_ID, 16), _id(span, SPAN_ID if client else PARENT_SPAN_ID, 8)),
                service,
                by,
                peer,
                database if client else None,
                _integer(self._duration(view)),
                self._status(view) == _ERROR,
                kind in (_PRODUCER, _CONSUMER),
            )
        )


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise BadProgram(f"measure: {name} is no boolean")
    return value


def _integer(value: Any) -> int:
    return int(value)


def _id(span: Level, number: int, size: int) -> bytes:
    return (last_payload(span.fields, number) or b"")[:size].ljust(size, b"\0")

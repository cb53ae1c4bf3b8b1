"""Meters: what the spans of a pipeline are counted in. A walk only notes; it is counted when a request is accepted."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..contract import BadProgram
from ..meters import MeterExemplar, MeterSeries, MeterStats
from .gotext import go_text
from .levels import SPAN, View
from .operands import compile_operand
from .spec import choice, listed, natural, need, only, text

_MAX_TEXT = 256  # bytes
Text = str | None
Key = tuple[Text, ...]


class Candidate(NamedTuple):
    """A kept span that may become an exemplar."""

    key: Key
    value: int
    trace_id: bytes
    span_id: bytes


class Half(NamedTuple):
    """One side of a request between services."""

    client: bool
    id: tuple[bytes, bytes]
    """Trace and span id of the client's span."""
    service: Text
    by: Key
    peer: Text
    database: Text
    duration: int
    failed: bool
    messaging: bool


class Noted:
    """What one stage has noted of a request."""

    def __init__(self, meter: ReferenceMeter) -> None:
        self.meter = meter
        self._keys: set[Key] = set()
        self.counts: list[tuple[bool, Key, int]] = []
        """Whether there was no room for the key, which is its first text then; the key; the duration."""
        self.dropped = 0
        """Sides whose texts were too many."""
        self.exemplars: list[Candidate] = []
        self.halves: list[Half] = []

    def knows(self, key: Key) -> bool:
        """Return whether there is room for a key: it is not the first, or there are not too many others."""
        if key not in self._keys and len(self._keys) < self.meter.keys:
            self._keys.add(key)
        return key in self._keys


@dataclass
class _Row:
    sums: list[int]
    buckets: list[list[int]]
    count: int = 0
    updated: int = 0
    exemplars: list[MeterExemplar] = field(default_factory=list)


class _Series:
    """Counts, sums and distributions by key (with whether it is an overflow's), no more of them than agreed."""

    def __init__(self, spec: Mapping[str, Any], values: int) -> None:
        self.bounds = [natural(one, "meter: bounds") for one in listed(spec.get("bounds"), "meter: bounds")]
        need(self.bounds == sorted(set(self.bounds)), "meter: bounds are not ascending")
        self._limit = natural(spec.get("series"), "meter: series")
        self._groups = natural(spec.get("groups"), "meter: groups")
        self._exemplars = natural(spec.get("exemplars", 0), "meter: exemplars")
        self._values = values
        self.rows: dict[tuple[bool, Key], _Row] = {}
        self.overflowed = 0

    def count(self, key: Key, values: Sequence[int | None], now: int, beyond: bool = False) -> None:
        """Count once, with those values that there are; `beyond`: not in a series of its own."""
        overflow, row = self._row(key, beyond)
        for index, value in enumerate(values):
            if value is not None:
                row.sums[index] += value
                row.buckets[index][bisect_left(self.bounds, value)] += 1
        row.count += 1
        row.updated = now
        self.overflowed += overflow

    def exemplify(self, candidate: Candidate, now: int) -> None:
        """Have an exemplar: at most one a bucket, and the newest ones."""
        row, bucket = self.rows.get((False, candidate.key)), bisect_left(self.bounds, candidate.value)
        if row is None or not self._exemplars:
            return
        others = [one for one in row.exemplars if one.bucket != bucket]
        others = others[1:] if len(others) >= self._exemplars else others
        new = MeterExemplar(0, bucket, candidate.trace_id, candidate.span_id, candidate.value, now)
        row.exemplars = [*others, new]

    def forget(self, before: int) -> int:
        """Let go of rows that were last counted before then."""
        held = len(self.rows)
        self.rows = {key: row for key, row in self.rows.items() if row.updated >= before}
        return held - len(self.rows)

    def _row(self, key: Key, beyond: bool) -> tuple[bool, _Row]:
        plain = sum(not overflow for overflow, _ in self.rows)
        groups = sum(overflow and bool(texts) for overflow, texts in self.rows)
        if not beyond and ((False, key) in self.rows or plain < self._limit):
            found: tuple[bool, Key] = (False, key)
        else:
            found = (True, key[:1] or (None,))
            if found not in self.rows and groups >= self._groups:
                found = (True, ())
        if found not in self.rows:
            buckets = [[0] * (len(self.bounds) + 1) for _ in range(self._values)]
            self.rows[found] = _Row([0] * self._values, buckets)
        return found[0], self.rows[found]


class Pairing:
    """What is known of a meter of edges beside its series."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.service = _part(spec.get("service"))
        self.peer = _part(spec.get("peer"))
        self.database = _part(spec.get("database"))
        self.ttl = natural(spec.get("ttl"), "meter: ttl")
        need(self.ttl < 1 << 63, "meter: ttl is over 63 bits")
        self.items = natural(spec.get("items"), "meter: items")
        self.virtual = choice(spec.get("virtual"), ("none", "plain", "labelled"), "meter: virtual")


@dataclass
class _Edge:
    since: int
    client: Half | None = None
    server: Half | None = None
    failed: bool = False
    messaging: bool = False


_SPANS = {"kind", "by", "value", "bounds", "keys", "series", "groups", "exemplars"}
_EDGES = {"kind", "service", "by", "peer", "database", "ttl", "items", "virtual", "bounds", "keys", "series", "groups"}


class ReferenceMeter:
    """See `contract.Meter`. Raises `BadProgram`."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        kind = spec.get("kind") if isinstance(spec, Mapping) else None
        if kind not in ("spans", "edges"):
            raise BadProgram(f"meter: unknown kind {kind!r}")
        edges = kind == "edges"
        only(spec, _EDGES if edges else _SPANS, "meter")
        self.by = [_part(one) for one in listed(spec.get("by"), "meter: by")]
        self.value = None if spec.get("value") is None else compile_operand(spec["value"], SPAN)
        """What is summed of spans; None: how long they took."""
        self.pairing = Pairing(spec) if edges else None
        self.keys = natural(spec.get("keys"), "meter: keys")
        """How many different keys are noted of one request."""
        self._parts = 5 + 2 * len(self.by) if edges else len(self.by)
        if not edges:
            natural(spec.get("exemplars"), "meter: exemplars")
        self._series = _Series(spec, 2 if edges else 1)
        self._waiting: dict[tuple[bytes, bytes], _Edge] = {}
        self._edges = self._expired = self._dropped = 0
        self._lock = threading.Lock()

    def count(self, noted: Noted, now: int) -> None:
        """Count what a walk has noted. Edges that have waited too long at `now` go first."""
        with self._lock:
            for beyond, key, value in noted.counts:
                self._series.count(key, [value], now, beyond)
            for candidate in noted.exemplars:
                self._series.exemplify(candidate, now)
            if self.pairing is not None:
                self._expire(self.pairing, now)
                self._dropped += noted.dropped
                for half in noted.halves:
                    self._add(self.pairing, half, now)

    def series(self) -> MeterSeries:
        """All series, in the order in which they came."""
        with self._lock:
            rows = list(self._series.rows.items())
            return MeterSeries(
                [(texts + (None,) * self._parts)[: self._parts] for (_, texts), _ in rows],
                [overflow for (overflow, _), _ in rows],
                array("Q", [row.count for _, row in rows]),
                [one for _, row in rows for one in row.sums],
                array("Q", [count for _, row in rows for buckets in row.buckets for count in buckets]),
                [one._replace(row=number) for number, (_, row) in enumerate(rows) for one in row.exemplars],
            )

    def advance(self, now: int) -> None:
        """Let go of requests that have waited too long for their other side."""
        with self._lock:
            if self.pairing is not None:
                self._expire(self.pairing, now)

    def forget(self, before: int) -> int:
        """Let go of series that were last counted before that; return how many."""
        with self._lock:
            return self._series.forget(before)

    def stats(self) -> MeterStats:
        """What was counted beside the series."""
        with self._lock:
            overflowed, waiting = self._series.overflowed, len(self._waiting)
            series = len(self._series.rows)
            return MeterStats(series, overflowed, waiting, self._edges, self._expired, self._dropped)

    def _expire(self, pairing: Pairing, now: int) -> None:
        for id_ in [id_ for id_, edge in self._waiting.items() if edge.since <= now - pairing.ttl]:
            edge = self._waiting.pop(id_)
            self._expired += 1
            if edge.client is not None and pairing.virtual != "none":
                self._counted(edge.client, edge.client.peer, None, "virtual_node", edge.failed, "server", now)

    def _add(self, pairing: Pairing, half: Half, now: int) -> None:
        if half.database is not None:
            self._edges += 1
            server = half._replace(service=half.database, by=(None,) * len(self.by))
            self._counted(half, half.database, server, "database", half.failed, None, now)
        elif not half.client and not any(half.id[1]):
            self._edges += 1
            self._expired += 1
            if pairing.virtual != "none":
                self._counted(None, half.service, half, "virtual_node", half.failed, "client", now)
        elif half.id in self._waiting or len(self._waiting) < pairing.items:
            self._pair(half, now)
        else:
            self._dropped += 1

    def _pair(self, half: Half, now: int) -> None:
        if half.id not in self._waiting:
            self._edges += 1
        edge = self._waiting.setdefault(half.id, _Edge(now))
        edge.failed |= half.failed
        edge.messaging |= half.messaging
        if half.client:
            edge.client = half
        else:
            edge.server = half
        if edge.client is not None and edge.server is not None:
            del self._waiting[half.id]
            connection = "messaging_system" if edge.messaging else ""
            self._counted(edge.client, edge.server.service, edge.server, connection, edge.failed, None, now)

    def _counted(
        self,
        client: Half | None,
        server_name: Text,
        server: Half | None,
        connection: str,
        failed: bool,
        virtual: Text,
        now: int,
    ) -> None:
        labelled = self.pairing is not None and self.pairing.virtual == "labelled"
        absent: Key = (None,) * len(self.by)
        key = (
            "user" if client is None else client.service,
            server_name,
            connection,
            "true" if failed else "false",
            virtual if labelled else None,
            *(absent if client is None else client.by),
            *(absent if server is None else server.by),
        )
        durations = [None if side is None else side.duration for side in (server, client)]
        self._series.count(key, durations, now)


def _part(spec: Any) -> Callable[[View], Text]:
    """Return how to read a text of a series: of the first operand that is there, else the default."""
    only(spec, {"of", "default"}, "meter: part")
    operands = [compile_operand(one, SPAN) for one in listed(spec.get("of"), "meter: of")]
    default = None if spec.get("default") is None else _cut(text(spec["default"], "meter: default"))

    def read(view: View) -> Text:
        found = (value for operand in operands if (value := operand(view)) is not None)
        value = next(found, None)
        return default if value is None else _cut(go_text(value))

    return read


def _cut(found: str) -> str:
    """Return at most 256 bytes of UTF-8, whole characters."""
    return found.encode()[:_MAX_TEXT].decode(errors="ignore")

"""What a connector counts, as OTLP for pipelines of metrics, at each flush.

`Flusher` is given the time and the series and keeps what it has told of each: since when it counts, and for deltas what
was counted by then. What nobody took is told by the next flush, so nothing is lost by a pipeline that refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

from ..kernel.meters import MeterExemplar, MeterSeries
from . import points
from .exponential import Exponential
from .points import Attributes

SLICE = 250
"""Series of a request: encoding it takes a few milliseconds, in which nobody is served."""
_REMEMBERED = 8192
"""Encoded attributes: a series has three (of its resource, and for counters and distributions)."""

Key = tuple[str | None, ...]
Id = tuple[bool, Key]
"""Of a series: whether it stands for those that had no room, and its texts."""


@dataclass(frozen=True)
class Pushed:
    """A metric that is made of series."""

    name: str
    unit: str = ""
    value: int | None = None
    """Which of the durations are distributed; None: a counter."""
    only: Callable[[Key], bool] = lambda _: True
    """The series that it has points of."""


@dataclass(frozen=True)
class Push:
    """How the series of a connector are told."""

    scope: str
    metrics: Sequence[Pushed]
    describe: Callable[[Key, bool], tuple[Attributes, Attributes]]
    """From a key, and whether it stands for many, to the attributes of the resource and those of the point."""
    bounds: Sequence[int]
    """Of the meter, in ns."""
    unit: int
    """ns in which durations are told."""
    interval: int
    """ns between flushes; 0: whenever something has been counted."""
    values: int = 1
    """How many durations a series has."""
    delta: bool = False
    zero_first: bool = False
    """The first point of a cumulative counter is 0, as the collector's: who takes rates sees its first increase."""
    exponential: Exponential | None = None
    offset: int = 0
    """ns by which the points are dated back."""


@dataclass
class _Told:
    """What is known of one series."""

    start: int
    """Since when it counts, or (delta) when it was told last."""
    since: int = 0
    """When it was told last: newer exemplars are new."""
    zero: bool = True
    """Its first point is due."""
    count: int = 0
    sums: list[int] = field(default_factory=list)
    buckets: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A series as it was read."""

    id: Id
    count: int
    sums: list[int]
    buckets: list[int]
    exemplars: Sequence[MeterExemplar] = ()


@dataclass(frozen=True)
class Flush:
    """A request, and the series that it tells of."""

    request: bytes
    rows: Sequence[Row]
    now: int


class Flusher:
    """When to tell what of the series of a connector."""

    def __init__(self, push: Push, now: int) -> None:
        """`now`: nothing was counted before."""
        self.push = push
        self._due = now + push.interval
        self._floor = now
        """What had no series then has counted nothing before."""
        self._told: dict[Id, _Told] = {}
        self._counted = 0
        """How much at the last flush; only where one is due whenever there is more."""
        self._attributes = lru_cache(_REMEMBERED)(self._encoded)

    def due(self, now: int) -> bool:
        """Return whether a flush is due."""
        return now >= self._due

    def later(self, when: int) -> None:
        """Flush not before then."""
        self._due = when

    def settled(self, now: int) -> None:
        """Everything was taken: go on an interval later, in step with the flushes before."""
        if now >= self._due and self.push.interval:
            self._due += self.push.interval * ((now - self._due) // self.push.interval + 1)

    def see(self, now: int, series: MeterSeries) -> None:
        """Note which series there are at `now`; those that are gone begin anew when they come again."""
        told = {}
        for key in zip(series.overflow, series.keys, strict=True):
            told[key] = self._told.get(key) or _Told(self._floor)
        self._told, self._floor = told, now

    def flushes(self, now: int, series: MeterSeries, *, last: bool = False) -> Iterator[Flush]:
        """Yield requests with what is to be told, as they are asked for; `last`: no other will follow."""
        self.see(now, series)
        if not self.push.interval and self._counted == (counted := sum(series.counts)):
            return
        rows = self._rows(series)
        while some := list(islice(rows, SLICE)):
            yield Flush(self._request(now, some, last), some, now)
        if not self.push.interval:
            self._counted = counted

    def taken(self, flush: Flush) -> None:
        """Somebody has taken a flush."""
        for row in flush.rows:
            told = self._told.get(row.id)
            if told is None:
                continue
            told.since, told.zero = flush.now, False
            if self.push.delta:
                told.start = flush.now
                told.count, told.sums, told.buckets = row.count, row.sums, row.buckets

    def _rows(self, series: MeterSeries) -> Iterator[Row]:
        exemplars: dict[int, list[MeterExemplar]] = {}
        for one in series.exemplars:
            exemplars.setdefault(one.row, []).append(one)
        values = self.push.values
        size = (len(self.push.bounds) + 1) * values
        for at, (overflow, key) in enumerate(zip(series.overflow, series.keys, strict=True)):
            sums = series.sums[at * values : (at + 1) * values]
            buckets = series.buckets[at * size : (at + 1) * size].tolist()
            row = Row((overflow, key), series.counts[at], sums, buckets, exemplars.get(at, ()))
            if not self.push.delta or self._new(row):
                yield row

    def _new(self, row: Row) -> bool:
        """Return whether there is something to tell of a series since it was told last."""
        told = self._told[row.id]
        return row.count != told.count or any(one.time > told.since for one in row.exemplars)

    def _request(self, now: int, rows: Iterable[Row], whole: bool) -> bytes:
        """Group by resource, and in each by metric."""
        by_resource: dict[bytes, list[Row]] = {}
        for row in rows:
            by_resource.setdefault(self._attributes(row.id, None), []).append(row)
        resources = {resource: list(self._metrics(now, some, whole)) for resource, some in by_resource.items()}
        return points.request(self.push.scope, {resource: some for resource, some in resources.items() if some})

    def _metrics(self, now: int, rows: Sequence[Row], whole: bool) -> Iterator[bytes]:
        temporality = points.DELTA if self.push.delta else points.CUMULATIVE
        for metric in self.push.metrics:
            kind = self._kind(metric)
            found = [self._point(now, metric, row, whole) for row in rows if metric.only(row.id[1])]
            shown = [point for point in found if point is not None]
            if shown:
                yield points.metric(metric.name, metric.unit, kind, temporality, shown)

    def _kind(self, metric: Pushed) -> int:
        if metric.value is None:
            return points.SUM
        return points.HISTOGRAM if self.push.exponential is None else points.EXPONENTIAL

    def _point(self, now: int, metric: Pushed, row: Row, whole: bool) -> bytes | None:
        told, shared = self._told[row.id], self._attributes(row.id, self._kind(metric))
        start, now = (max(0, moment - self.push.offset) for moment in (told.start, now))
        if metric.value is None:
            first = self.push.zero_first and told.zero and not (whole or self.push.delta)
            return points.number_point(shared, start, now, 0 if first else row.count - told.count)
        counts, total = self._distribution(metric.value, row, told)
        shown = [self._exemplar(one) for one in row.exemplars if one.time > told.since]
        if not any(counts) and not shown:
            return None
        if self.push.exponential is not None:
            return points.exponential_point(shared, start, now, total, self.push.exponential.point(counts), shown)
        bounds = [bound / self.push.unit for bound in self.push.bounds]
        return points.histogram_point(shared, start, now, total, counts, bounds, shown)

    def _distribution(self, value: int, row: Row, told: _Told) -> tuple[list[int], float]:
        """Return what is new of one of the durations of a series (all of it, unless it is told in deltas)."""
        size = len(self.push.bounds) + 1
        counts, total = row.buckets[value * size : (value + 1) * size], row.sums[value]
        if told.buckets:
            before = told.buckets[value * size : (value + 1) * size]
            counts = [new - old for new, old in zip(counts, before, strict=True)]
            total -= told.sums[value]
        return counts, total / self.push.unit

    def _exemplar(self, one: MeterExemplar) -> Mapping[str, Any]:
        value = one.value / self.push.unit
        return {
            "trace_id": one.trace_id,
            "span_id": one.span_id,
            "as_double": value,
            "time_unix_nano": one.time - self.push.offset,
        }

    def _encoded(self, id_: Id, kind: int | None) -> bytes:
        resource, point = self.push.describe(id_[1], id_[0])
        if kind is None:
            return points.attributes(points.RESOURCE_ATTRIBUTES, resource)
        return points.attributes(points.POINT_ATTRIBUTES[kind], point)

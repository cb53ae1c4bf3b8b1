"""`span_metrics`: how many spans there are, how many fail and how long they take, before anything is sampled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ..kernel.contract import Kernel
from ..kernel.meters import MeterSeries
from ..rules.durations import Duration
from ..telemetry.families import Counters, Distribution, Distributions, Family, label_text
from .base import (
    FLUSH_INTERVAL,
    INSTANCE,
    MOST_GROUPS,
    MOST_KEYS,
    MOST_SERIES,
    Connector,
    ConnectorSpec,
    Lint,
    exemplars_by_row,
)
from .exponential import DEFAULT_SIZE, Exponential
from .labels import OVERFLOW, clashes, kind_text, label_name, metric_name, status_text
from .points import Attributes
from .pushing import Push, Pushed

MS = 1_000_000
BUCKETS = tuple(
    bound * MS for bound in (2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000)
)
"""The collector's, in ns."""
OWN = ("service.name", "span.name", "span.kind", "status.code")
_READ: Mapping[str, dict[str, Any]] = {
    "service.name": {"of": [["attr", "resource", "service.name"]], "default": "unknown_service"},
    "span.name": {"of": [["field", "name"]], "default": None},
    "span.kind": {"of": [["field", "kind"]], "default": None},
    "status.code": {"of": [["field", "status.code"]], "default": None},
}
_SHOWN: Mapping[str, Callable[[str | None], str]] = {"span.kind": kind_text, "status.code": status_text}
_UNITS = {"ms": (MS, "milliseconds"), "s": (1000 * MS, "seconds")}
NAMESPACE = "traces.span.metrics"
"""The collector's."""
_INSTANCE = "collector.instance.id"
DELTA, CUMULATIVE = "AGGREGATION_TEMPORALITY_DELTA", "AGGREGATION_TEMPORALITY_CUMULATIVE"


def ascending(bounds: list[int]) -> list[int]:
    """Return bounds of buckets that are in order. Raises ValueError."""
    if bounds != sorted(set(bounds)):
        raise ValueError("expected durations in ascending order, no one twice")
    return bounds


class Part(BaseModel):
    """A mapping in which every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Buckets = Annotated[list[Duration], Field(max_length=200), AfterValidator(ascending)]


class Dimension(Part):
    """One of `dimensions`."""

    name: str = Field(min_length=1)
    """The attribute: the span's, else its resource's."""
    default: str | None = None
    """Where neither has it; none: the label is left out."""


class Explicit(Part):
    """`histogram.explicit`."""

    buckets: Buckets = list(BUCKETS)
    """Upper bounds, ascending."""


class ExponentialOptions(Part):
    """`histogram.exponential`; Prometheus' text formats have no such histograms, pipelines of metrics get them."""

    max_size: int = Field(DEFAULT_SIZE, ge=2, le=4096)
    """The most buckets of a point."""


class HistogramOptions(Part):
    """`histogram`."""

    disable: bool = False
    """Only calls are counted."""
    unit: Literal["ms", "s"] = "ms"
    """In which durations are given."""
    explicit: Explicit | None = None
    exponential: ExponentialOptions | None = None
    """Pipelines of metrics get exponential histograms; what is scraped has the buckets that are the default."""
    dimensions: list[Dimension] = []
    """As `dimensions`: they stand on both metrics."""


class Exemplars(Part):
    """`exemplars`: trace and span ids beside buckets, of traces that were kept."""

    enabled: bool = False
    """Whether there are any; Prometheus asks for them as OpenMetrics (`--enable-feature=exemplar-storage`)."""
    max_per_data_point: int = Field(5, ge=0, le=200)
    """Of a series, at most one a bucket; 0: one for every bucket."""


class Events(Part):
    """`events`; they are not counted."""

    enabled: bool = False
    """Accepted with a warning, without effect."""
    dimensions: list[Dimension] = []
    """Without effect."""


class SpanMetricsConfig(Part):
    """`span_metrics`."""

    names: Literal["tempo", "collector"] | None = None
    """Our own key: `tempo` names them `..._calls_total` and `..._latency`, with labels `service` and `service_name`;
    `collector` `..._calls_total` and `..._duration_milliseconds`. Default: `tempo`, with a `namespace` `collector`."""
    namespace: str | None = None
    """What the names begin with; without one `traces_spanmetrics` (as `collector`: `traces.span.metrics`)."""
    dimensions: list[Dimension] = []
    """Attributes that become labels, beside service, span name, kind and status."""
    calls_dimensions: list[Dimension] = []
    """As `dimensions`: they stand on both metrics."""
    exclude_dimensions: list[
        Literal["service.name", "span.name", "span.kind", "status.code", "collector.instance.id"]
    ] = []
    """Labels that are left out; `collector.instance.id` has only what pipelines of metrics receive."""
    histogram: HistogramOptions = HistogramOptions()
    exemplars: Exemplars = Exemplars()
    metrics_expiration: Duration = 0
    """Series that were not counted for so long go; 0: never."""
    series_expiration: Duration = 0
    """The same."""
    resource_metrics_key_attributes: list[str] = []
    """Attributes of the resource that tell series apart: they become labels."""
    aggregation_cardinality_limit: int = Field(0, ge=0, le=100_000)
    """The most series; 0: 2000. What is beyond is counted in series with `otel_metric_overflow`, one a service."""
    aggregation_temporality: str = CUMULATIVE
    """Of what pipelines of metrics receive: so, or `AGGREGATION_TEMPORALITY_DELTA`; what is scraped is cumulative."""
    metrics_flush_interval: Annotated[Duration, Field(gt=0)] = FLUSH_INTERVAL
    """How often pipelines of metrics receive what was counted."""
    events: Events = Events()
    dimensions_cache_size: int | None = None
    """Without effect, as are those below."""
    resource_metrics_cache_size: int | None = None
    """Without effect."""
    metric_timestamp_cache_size: int | None = None
    """Without effect."""
    include_instrumentation_scope: list[str] | None = None
    """Without effect."""
    include_collector_instance_id: bool | None = None
    """`false`: as `collector.instance.id` among `exclude_dimensions`."""
    add_resource_attributes: bool | None = None
    """Without effect."""
    enable_metrics_sampling_method: bool | None = None
    """Without effect: spans are counted before they are sampled."""

    @model_validator(mode="after")
    def _check(self) -> SpanMetricsConfig:
        histogram = self.histogram
        if histogram.explicit is not None and histogram.exponential is not None:
            raise ValueError("histogram: expected one of explicit and exponential")
        found = clashes(
            [
                *(["service"] if self.tempo else []),
                "le",
                OVERFLOW[0],
                *OWN,
                *(one.name for one in self.extra),
                *self.keys,
            ]
        )
        if found:
            raise ValueError(f"dimensions: several would be the label {', '.join(found)}")
        return self

    @property
    def extra(self) -> list[Dimension]:
        """All dimensions that are configured, each once."""
        listed = (*self.dimensions, *self.calls_dimensions, *self.histogram.dimensions)
        return list({(one.name, one.default): one for one in listed}.values())

    @property
    def keys(self) -> list[str]:
        """The attributes of the resource that tell series apart."""
        named = {"service.name", *(one.name for one in self.extra)}
        return [key for key in dict.fromkeys(self.resource_metrics_key_attributes) if key not in named]

    @property
    def own(self) -> list[str]:
        """The labels that there always are, but for those that are left out."""
        return [name for name in OWN if name not in self.exclude_dimensions]

    @property
    def bounds(self) -> list[int]:
        """Upper bounds of the buckets in ns."""
        explicit = self.histogram.explicit
        return list(BUCKETS if explicit is None or not explicit.buckets else explicit.buckets)

    @property
    def instance(self) -> bool:
        """Whether pipelines of metrics are told which Tailgate has counted."""
        return self.include_collector_instance_id is not False and _INSTANCE not in self.exclude_dimensions

    @property
    def tempo(self) -> bool:
        """Whether the names are Tempo's."""
        return self.names == "tempo" or (self.names is None and self.namespace is None)


def names(config: SpanMetricsConfig) -> tuple[str, str]:
    """Return the names of both metrics, that of the counter without `_total`."""
    default = "traces_spanmetrics" if config.tempo else NAMESPACE
    namespace = default if config.namespace is None else config.namespace
    value = "latency" if config.tempo else f"duration.{_UNITS[config.histogram.unit][1]}"
    return metric_name(namespace, "calls"), metric_name(namespace, value)


def pushed(config: SpanMetricsConfig) -> tuple[Pushed, ...]:
    """Return the metrics that pipelines receive: the collector's names, unless Tempo's are asked for."""
    unit = config.histogram.unit
    if config.names == "tempo":  # without a unit Prometheus' OTLP endpoint makes the names of it that are scraped
        both = Pushed(names(config)[0]), Pushed(names(config)[1], "", 0)
    else:
        begin = NAMESPACE if config.namespace is None else config.namespace
        begin = f"{begin}." if begin else ""
        both = Pushed(f"{begin}calls"), Pushed(f"{begin}duration", unit, 0)
    return both[:1] if config.histogram.disable else both


def exponential(config: SpanMetricsConfig) -> Exponential | None:
    """Return how counts become exponential histograms, if they do."""
    options = config.histogram.exponential
    if options is None or config.histogram.disable:
        return None
    return Exponential(_UNITS[config.histogram.unit][0], options.max_size, config.bounds)


def meter_spec(config: SpanMetricsConfig, bounds: list[int]) -> dict[str, Any]:
    """Return what the kernel counts; `bounds` in ns."""
    dimensions = [{"of": [["attr", "any", one.name]], "default": one.default} for one in config.extra]
    keys = [{"of": [["attr", "resource", key]], "default": None} for key in config.keys]
    most = config.exemplars.max_per_data_point or len(config.bounds) + 1
    return {
        "kind": "spans",
        "by": [*(_READ[name] for name in config.own), *dimensions, *keys],
        "bounds": bounds,
        "keys": max(MOST_KEYS, config.aggregation_cardinality_limit),
        "series": config.aggregation_cardinality_limit or MOST_SERIES,
        "groups": MOST_GROUPS if "service.name" in config.own else 0,
        "exemplars": most if config.exemplars.enabled else 0,
    }


class _Exposition:
    """Writes series as families; the labels of a series are put together once."""

    def __init__(self, config: SpanMetricsConfig, exponential: Exponential | None) -> None:
        self._names, self._histogram = names(config), not config.histogram.disable
        self._exponential = exponential
        self._unit, unit = _UNITS[config.histogram.unit]
        self._help = f"How long spans took, in {unit}, before sampling"
        self._bounds = [bound / self._unit for bound in config.bounds]
        self._labels = [*config.own, *(one.name for one in config.extra), *config.keys]
        self._tempo = config.tempo
        self._text = lru_cache(2 * (config.aggregation_cardinality_limit or MOST_SERIES))(self._label_text)

    def __call__(self, series: MeterSeries) -> Iterator[Family]:
        texts = [self._text(key, over) for key, over in zip(series.keys, series.overflow, strict=True)]
        yield Counters(self._names[0], "Spans, before sampling", list(zip(texts, series.counts, strict=True)))
        if self._histogram:
            bucket = self._exponential.bucket if self._exponential is not None else int
            shown = exemplars_by_row(series, self._unit, bucket)
            rows = [
                Distribution(text, self._counts(series, row), total / self._unit, shown.get(row, {}))
                for row, (text, total) in enumerate(zip(texts, series.sums, strict=True))
            ]
            yield Distributions(self._names[1], self._help, self._bounds, rows)

    def _counts(self, series: MeterSeries, row: int) -> Sequence[int]:
        """Return the buckets of a row by the bounds that are shown."""
        size = len(self._bounds if self._exponential is None else self._exponential.bounds) + 1
        counts = series.buckets[row * size : (row + 1) * size]
        return counts if self._exponential is None else self._exponential.explicit(counts)

    def _label_text(self, key: tuple[str | None, ...], overflow: bool) -> str:
        labels = []
        for name, value in zip(self._labels, key, strict=True):
            if value is None:
                continue
            shown = _SHOWN[name](value) if name in _SHOWN else value
            if name == "service.name" and self._tempo:
                labels.append(("service", shown))
            labels.append((label_name(name), shown))
        return label_text([*labels, OVERFLOW] if overflow else labels)


def build(config: SpanMetricsConfig, id_: str, kernel: Kernel, clock: Callable[[], int]) -> Connector:
    """Return the connector."""
    expiration = max(config.metrics_expiration, config.series_expiration)
    scaled = exponential(config)
    bounds = config.bounds if scaled is None else scaled.bounds
    push = Push(
        "spanmetricsconnector",
        pushed(config),
        _Described(config, INSTANCE),
        bounds,
        _UNITS[config.histogram.unit][0],
        config.metrics_flush_interval,
        delta=config.aggregation_temporality == DELTA,
        zero_first=True,
        exponential=scaled,
    )
    meter, expose, shown = (
        kernel.meter(meter_spec(config, bounds)),
        _Exposition(config, scaled),
        config.exemplars.enabled,
    )
    return Connector(id_, meter, expose, push, clock, exemplars=shown, expiration=expiration)


class _Described:
    """The attributes of a series as the collector has them: the service's on the resource, all on the point."""

    def __init__(self, config: SpanMetricsConfig, instance: str) -> None:
        self._names, self._keys = [*config.own, *(one.name for one in config.extra), *config.keys], set(config.keys)
        self._instance = instance if config.instance else None

    def __call__(self, key: tuple[str | None, ...], overflow: bool) -> tuple[Attributes, Attributes]:
        found = [
            (name, _SHOWN[name](value) if name in _SHOWN else value)
            for name, value in zip(self._names, key, strict=True)
            if value is not None
        ]
        resource = [(name, value) for name, value in found if name == "service.name" or name in self._keys]
        point: list[tuple[str, str | bool]] = [(name, value) for name, value in found if name not in self._keys]
        if self._instance is not None:
            point.append((_INSTANCE, self._instance))
        return resource, [*point, ("otel.metric.overflow", True)] if overflow else point


def lint(config: SpanMetricsConfig) -> Iterator[Lint]:
    """Yield what is accepted and not done."""
    if config.aggregation_temporality not in (CUMULATIVE, DELTA):
        yield ("aggregation_temporality",), f"taken as {CUMULATIVE}: expected that or {DELTA}"
    if config.events.enabled:
        yield ("events", "enabled"), "events of spans are not counted: this has no effect"


def unsent(config: SpanMetricsConfig) -> Iterator[Lint]:
    """Yield what only pipelines of metrics would notice."""
    if config.aggregation_temporality == DELTA:
        yield ("aggregation_temporality",), "what is scraped is cumulative: this has no effect"
    if config.histogram.exponential is not None:
        yield ("histogram", "exponential"), "the series have explicit buckets instead (those of the collector)"


def plan(config: SpanMetricsConfig) -> Iterator[str]:
    """Yield what is counted, in a sentence."""
    calls, latency = names(config)
    labels = [*config.own, *(one.name for one in config.extra), *config.keys]
    histogram = "" if config.histogram.disable else f" and {latency}"
    yield f"counts all spans, before any are sampled, by {', '.join(labels)}: {calls}_total{histogram} on /metrics"


SPEC = ConnectorSpec(
    "span_metrics",
    SpanMetricsConfig,
    build,
    lambda config: names(config)[: 1 if config.histogram.disable else 2],
    aliases=("spanmetrics",),
    lint=lint,
    unsent=unsent,
    plan=plan,
)

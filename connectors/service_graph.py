"""`service_graph`: the requests between services, from the spans of both sides, before anything is sampled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..kernel.contract import Kernel
from ..kernel.meters import MeterSeries
from ..rules.durations import Duration
from ..telemetry.families import Counters, Distribution, Distributions, Family, label_text
from .base import FLUSH_INTERVAL, MOST_GROUPS, MOST_KEYS, MOST_SERIES, Connector, ConnectorSpec, Lint
from .exponential import Exponential
from .labels import OVERFLOW, clashes, label_name
from .points import Attributes
from .pushing import Push, Pushed
from .span_metrics import BUCKETS, Buckets

SECOND = 1_000_000_000
NAME = "traces_service_graph_request"
_OWN = ("client", "server", "connection_type", "failed", "virtual_node")


class Store(BaseModel):
    """`store`: requests that wait for their other side."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ttl: Duration = 2 * SECOND
    """How long they wait."""
    max_items: int = Field(1000, ge=1, le=1_000_000)
    """How many wait at most; what comes beyond is left out and counted."""


class ServiceGraphConfig(BaseModel):
    """`service_graph`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_histogram_buckets: Buckets = list(BUCKETS)
    """Upper bounds, ascending."""
    dimensions: list[str] = []
    """Attributes (the resource's, else the span's) that become labels: `client_...` and `server_...`."""
    store: Store = Store()
    virtual_node_peer_attributes: list[str] = ["peer.service", "db.name", "db.system"]
    """Attributes of a client's span that name who is not traced; an empty list: no such nodes, nor `user`."""
    virtual_node_extra_label: bool = False
    """The label `virtual_node` says which side is not traced."""
    database_name_attributes: list[str] = ["db.name"]
    """Attributes of a client's span (or its resource) that name a database, which has no spans of its own."""
    database_name_attribute: str | None = None
    """The older form of the same."""
    metrics_expiration: Duration = 0
    """Our own key: series that were not counted for so long go; 0: never."""
    aggregation_cardinality_limit: int = Field(0, ge=0, le=100_000)
    """Our own key: the most series; 0: 2000. What is beyond is counted in series with `otel_metric_overflow`."""
    exponential_histogram_max_size: int = Field(0, ge=0, le=4096)
    """Pipelines of metrics get exponential histograms of at most so many buckets; 0: explicit ones."""
    metrics_flush_interval: Duration = FLUSH_INTERVAL
    """How often pipelines of metrics receive what was counted; 0: each second in which something was."""
    metrics_timestamp_offset: Duration = 0
    """By how much what pipelines of metrics receive is dated back."""
    cache_loop: Duration | None = None
    """Without effect: time is looked at as spans come, each second and when metrics are scraped. So are those below."""
    store_expiration_loop: Duration | None = None
    """Without effect."""
    metrics_exporter: str | None = None
    """Without effect, in the collector too."""

    @model_validator(mode="after")
    def _check(self) -> ServiceGraphConfig:
        found = clashes(self.dimensions)
        if found:
            raise ValueError(f"dimensions: several would be the label {', '.join(found)}")
        return self


def exponential(config: ServiceGraphConfig) -> Exponential | None:
    """Return how counts become exponential histograms, if they do."""
    size = config.exponential_histogram_max_size
    return Exponential(SECOND, max(size, 2), config.latency_histogram_buckets or BUCKETS) if size else None


def meter_spec(config: ServiceGraphConfig, bounds: list[int]) -> dict[str, Any]:
    """Return what the kernel counts; `bounds` in ns."""
    databases = config.database_name_attributes
    if config.database_name_attribute is not None:
        databases = [config.database_name_attribute]
    peers = config.virtual_node_peer_attributes
    return {
        "kind": "edges",
        "service": {"of": [["attr", "resource", "service.name"]], "default": "unknown_service"},
        "by": [_part([name]) for name in config.dimensions],
        "peer": {"of": [["attr", "span", name] for name in peers], "default": "unknown"},
        "database": _part(databases),
        "ttl": config.store.ttl,
        "items": config.store.max_items,
        "virtual": "none" if not peers else "labelled" if config.virtual_node_extra_label else "plain",
        "bounds": bounds,
        "keys": max(MOST_KEYS, config.aggregation_cardinality_limit),
        "series": config.aggregation_cardinality_limit or MOST_SERIES,
        "groups": MOST_GROUPS,
    }


def _part(names: list[str]) -> dict[str, Any]:
    of = [["attr", place, name] for name in names for place in ("resource", "span")]
    return {"of": of, "default": None}


class _Exposition:
    """Writes series as families; the labels of a series are put together once."""

    def __init__(self, config: ServiceGraphConfig, exponential: Exponential | None) -> None:
        self._exponential = exponential
        self._bounds = [bound / SECOND for bound in config.latency_histogram_buckets or BUCKETS]
        sides = [label_name(f"{side}_{name}") for side in ("client", "server") for name in config.dimensions]
        self._labels = [*_OWN, *sides]
        self._text = lru_cache(2 * (config.aggregation_cardinality_limit or MOST_SERIES))(self._label_text)

    def __call__(self, series: MeterSeries) -> Iterator[Family]:
        texts = [self._text(key, over) for key, over in zip(series.keys, series.overflow, strict=True)]
        counted = list(zip(texts, series.counts, strict=True))
        yield Counters(NAME, "Requests between services, before sampling", counted)
        failed = [one for one, key in zip(counted, series.keys, strict=True) if key[3] == "true"]
        yield Counters(f"{NAME}_failed", "Those of which a side has an error", failed)
        for index, side in enumerate(("server", "client")):
            text = f"How long requests took, as the {side} saw it"
            yield Distributions(f"{NAME}_{side}_seconds", text, self._bounds, self._rows(series, texts, index))

    def _rows(self, series: MeterSeries, texts: list[str], index: int) -> list[Distribution]:
        size = len(self._bounds if self._exponential is None else self._exponential.bounds) + 1
        rows = []
        for row, text in enumerate(texts):
            begin = (2 * row + index) * size
            counts = series.buckets[begin : begin + size]
            if any(counts):
                shown = counts if self._exponential is None else self._exponential.explicit(counts)
                rows.append(Distribution(text, shown, series.sums[2 * row + index] / SECOND))
        return rows

    def _label_text(self, key: tuple[str | None, ...], overflow: bool) -> str:
        labels = [(name, value) for name, value in zip(self._labels, key, strict=True) if value is not None]
        return label_text([*labels, OVERFLOW] if overflow else labels)


PUSHED = (
    Pushed(f"{NAME}_total"),
    Pushed(f"{NAME}_failed_total", only=lambda key: key[3] == "true"),
    Pushed(f"{NAME}_server", "s", 0),
    Pushed(f"{NAME}_client", "s", 1),
)
"""What pipelines of metrics receive; of a series that stands for many nobody knows whether it failed."""


class _Described:
    """The attributes of a series as the collector has them; its resource has none."""

    def __init__(self, config: ServiceGraphConfig) -> None:
        self._names = [*_OWN, *(f"{side}_{name}" for side in ("client", "server") for name in config.dimensions)]
        self._extra = config.virtual_node_extra_label

    def __call__(self, key: tuple[str | None, ...], overflow: bool) -> tuple[Attributes, Attributes]:
        point: list[tuple[str, str | bool]] = [
            (name, value == "true" if name == "failed" else value)
            for name, value in zip(self._names, key, strict=True)
            if value is not None
        ]
        if self._extra and key[_OWN.index("virtual_node")] is None:
            point.append(("virtual_node", ""))
        return (), [*point, ("otel.metric.overflow", True)] if overflow else point


def build(config: ServiceGraphConfig, id_: str, kernel: Kernel, clock: Callable[[], int]) -> Connector:
    """Return the connector."""
    scaled = exponential(config)
    bounds = list(config.latency_histogram_buckets or BUCKETS) if scaled is None else scaled.bounds
    push = Push(
        "traces_service_graph",
        PUSHED,
        _Described(config),
        bounds,
        SECOND,
        config.metrics_flush_interval,
        values=2,
        exponential=scaled,
        offset=config.metrics_timestamp_offset,
    )
    meter, expose = kernel.meter(meter_spec(config, bounds)), _Exposition(config, scaled)
    return Connector(id_, meter, expose, push, clock, expiration=config.metrics_expiration, graph=True)


def unsent(config: ServiceGraphConfig) -> Iterator[Lint]:
    """Yield what only pipelines of metrics would notice."""
    if config.exponential_histogram_max_size:
        text = "the series have explicit buckets instead (latency_histogram_buckets)"
        yield ("exponential_histogram_max_size",), text


def plan(config: ServiceGraphConfig) -> Iterator[str]:
    """Yield what is counted, in a sentence."""
    yield f"pairs the spans of clients and servers, before any are sampled: {NAME}_total and others on /metrics"


SPEC = ConnectorSpec(
    "service_graph",
    ServiceGraphConfig,
    build,
    lambda _: (NAME, f"{NAME}_failed", f"{NAME}_server_seconds", f"{NAME}_client_seconds"),
    aliases=("servicegraph",),
    unsent=unsent,
    plan=plan,
)

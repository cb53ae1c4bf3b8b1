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
from .base import MOST_GROUPS, MOST_KEYS, MOST_SERIES, Connector, ConnectorSpec, Lint
from .labels import OVERFLOW, clashes, label_name
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
    exponential_histogram_max_size: int = Field(0, ge=0)
    """Accepted with a warning: Prometheus' text formats have no such histograms."""
    cache_loop: Duration | None = None
    """Without effect: time is looked at as spans come, each second and when metrics are scraped. So are those below."""
    store_expiration_loop: Duration | None = None
    """Without effect."""
    metrics_flush_interval: Duration | None = None
    """Without effect."""
    metrics_exporter: str | None = None
    """Without effect, in the collector too."""

    @model_validator(mode="after")
    def _check(self) -> ServiceGraphConfig:
        found = clashes(self.dimensions)
        if found:
            raise ValueError(f"dimensions: several would be the label {', '.join(found)}")
        return self


def meter_spec(config: ServiceGraphConfig) -> dict[str, Any]:
    """Return what the kernel counts."""
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
        "bounds": config.latency_histogram_buckets or list(BUCKETS),
        "keys": max(MOST_KEYS, config.aggregation_cardinality_limit),
        "series": config.aggregation_cardinality_limit or MOST_SERIES,
        "groups": MOST_GROUPS,
    }


def _part(names: list[str]) -> dict[str, Any]:
    of = [["attr", place, name] for name in names for place in ("resource", "span")]
    return {"of": of, "default": None}


class _Exposition:
    """Writes series as families; the labels of a series are put together once."""

    def __init__(self, config: ServiceGraphConfig) -> None:
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
        size = len(self._bounds) + 1
        rows = []
        for row, text in enumerate(texts):
            begin = (2 * row + index) * size
            counts = series.buckets[begin : begin + size]
            if any(counts):
                rows.append(Distribution(text, counts, series.sums[2 * row + index] / SECOND))
        return rows

    def _label_text(self, key: tuple[str | None, ...], overflow: bool) -> str:
        labels = [(name, value) for name, value in zip(self._labels, key, strict=True) if value is not None]
        return label_text([*labels, OVERFLOW] if overflow else labels)


def build(config: ServiceGraphConfig, id_: str, kernel: Kernel, clock: Callable[[], int]) -> Connector:
    """Return the connector."""
    meter, expose = kernel.meter(meter_spec(config)), _Exposition(config)
    return Connector(id_, meter, expose, clock, expiration=config.metrics_expiration, graph=True)


def lint(config: ServiceGraphConfig) -> Iterator[Lint]:
    """Yield what is accepted and not done."""
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
    lint=lint,
    plan=plan,
)

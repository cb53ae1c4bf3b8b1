"""Reading `ExportMetricsServiceRequest`s: each data point with what stands around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest


@dataclass(frozen=True)
class Point:
    name: str
    unit: str
    kind: str
    temporality: int
    resource: dict[str, Any]
    attributes: dict[str, Any]
    data: Any


def attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    listed = [(one.key, getattr(one.value, one.value.WhichOneof("value"))) for one in pairs]
    assert len(dict(listed)) == len(listed), "an attribute stands twice"
    return dict(listed)


def points_of(requests: Iterable[bytes]) -> Iterator[Point]:
    for request in requests:
        for block in ExportMetricsServiceRequest.FromString(request).resource_metrics:
            resource = attributes(block.resource.attributes)
            for metric in (metric for scope in block.scope_metrics for metric in scope.metrics):
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                for one in data.data_points:
                    its = attributes(one.attributes)
                    yield Point(metric.name, metric.unit, kind, data.aggregation_temporality, resource, its, one)


def scopes_of(requests: Iterable[bytes]) -> set[str]:
    parsed = [ExportMetricsServiceRequest.FromString(request) for request in requests]
    return {scope.scope.name for one in parsed for block in one.resource_metrics for scope in block.scope_metrics}

"""Small builders and readers of requests of logs and metrics."""

from __future__ import annotations

from typing import Any

from kernel_helpers import LIMITS, any_value, attributes, pairs, plain
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from tailgate.kernel.contract import Kernel, Records

KINDS = ["gauge", "sum", "histogram", "exponential_histogram", "summary"]


def spec_of(signal: str, *stages: Any, **limits: int) -> Any:
    return {"signal": signal, "stages": list(stages), "limits": LIMITS | limits, "context": 0}


def log(values: Any = (), body: Any = None, **fields: Any) -> LogRecord:
    record = LogRecord(attributes=attributes(values), **fields)
    if body is not None:
        record.body.CopyFrom(any_value(body))
    return record


def logs(*records: LogRecord, resource: Any = ()) -> bytes:
    request = ExportLogsServiceRequest()
    of = request.resource_logs.add()
    of.resource.attributes.extend(attributes(resource))
    of.scope_logs.add(log_records=records)
    return request.SerializeToString()


def metric(kind: str, *points: Any, **fields: Any) -> Metric:
    """Return a metric of that kind with a data point for each of these attributes."""
    out = Metric(**fields)
    data = getattr(out, kind)
    data.SetInParent()
    for values in points:
        data.data_points.add(attributes=attributes(values))
    return out


def metrics(*all_metrics: Metric, resource: Any = ()) -> bytes:
    request = ExportMetricsServiceRequest()
    of = request.resource_metrics.add()
    of.resource.attributes.extend(attributes(resource))
    of.scope_metrics.add(metrics=all_metrics)
    return request.SerializeToString()


def digested(kernel: Kernel, signal: str, data: bytes, *stages: Any) -> Records:
    return kernel.compile(spec_of(signal, *stages)).digest(data)


def logs_of(data: bytes) -> list[LogRecord]:
    request = ExportLogsServiceRequest.FromString(data)
    return [one for of in request.resource_logs for scope in of.scope_logs for one in scope.log_records]


def metrics_of(data: bytes) -> list[Metric]:
    request = ExportMetricsServiceRequest.FromString(data)
    return [one for of in request.resource_metrics for scope in of.scope_metrics for one in scope.metrics]


def points_of(one: Metric) -> list[Any]:
    return list(getattr(one, one.WhichOneof("data")).data_points)


def points(data: bytes) -> list[list[tuple[str, Any]]]:
    """Return the attributes of all data points of a request."""
    return [pairs(point.attributes) for one in metrics_of(data) for point in points_of(one)]


def bodies(data: bytes) -> list[Any]:
    return [plain(one.body) for one in logs_of(data)]

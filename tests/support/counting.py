"""An upstream for every signal, over gRPC and HTTP, that keeps what it is sent and counts it by decoding it."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SERVICES = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
MESSAGES: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


class Counting:
    """Two servers on free ports of the loopback."""

    def __init__(self) -> None:
        self.requests: dict[str, dict[str, list[bytes]]] = {
            way: {signal: [] for signal in SERVICES} for way in ("grpc", "http")
        }
        self._grpc = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", 64 << 20)])
        for signal, service in SERVICES.items():
            handler = grpc.unary_unary_rpc_method_handler(partial(self._export, signal))
            self._grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
        self.grpc_port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http_port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> None:
        self._grpc.start()
        self._thread.start()

    def stop(self) -> None:
        self._grpc.stop(0).wait()
        self._http.shutdown()
        self._http.server_close()

    def _export(self, signal: str, request: bytes, _: grpc.ServicerContext) -> bytes:
        self.requests["grpc"][signal].append(request)
        return b""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        kept = self.requests["http"]

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kept[self.path.rpartition("/")[2]].append(
                    gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
                )
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        return Handler

    def messages(self, way: str, signal: str) -> list[Any]:
        return [MESSAGES[signal].FromString(body) for body in list(self.requests[way][signal])]

    def records(self, way: str, signal: str) -> list[Any]:
        """Spans, log records or metrics."""
        messages = self.messages(way, signal)
        if signal == "traces":
            return [s for m in messages for b in m.resource_spans for c in b.scope_spans for s in c.spans]
        if signal == "logs":
            return [r for m in messages for b in m.resource_logs for c in b.scope_logs for r in c.log_records]
        return [r for m in messages for b in m.resource_metrics for c in b.scope_metrics for r in c.metrics]

    def count(self, way: str, signal: str) -> int:
        """What the signal is counted in."""
        records = self.records(way, signal)
        return sum(len(points(one)) for one in records) if signal == "metrics" else len(records)

    def everything(self) -> bytes:
        return b"".join(body for by_signal in self.requests.values() for kept in by_signal.values() for body in kept)


def points(metric: Any) -> Any:
    """The data points of a metric, of whatever kind."""
    return getattr(metric, metric.WhichOneof("data")).data_points

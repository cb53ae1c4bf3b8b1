"""The SDK of a recorded application: traces, logs and metrics over OTLP/HTTP to OTEL_EXPORTER_OTLP_ENDPOINT."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from opentelemetry import metrics, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import ProcessResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from shop_words import Shop


def resource(service: str, shop: Shop) -> Resource:
    """What the SDK and an agent on a Kubernetes node say of a process."""
    pod = shop.pod()
    return Resource.create(
        {
            "service.name": service,
            "service.version": shop.version(),
            "service.instance.id": shop.uuid(),
            "service.namespace": "shop",
            "deployment.environment.name": "production",
            "k8s.pod.name": pod,
            "k8s.pod.uid": shop.uuid(),
            "k8s.pod.ip": shop.private(),
            "k8s.namespace.name": "shop",
            "k8s.deployment.name": pod.rsplit("-", 2)[0],
            "k8s.replicaset.name": pod.rsplit("-", 1)[0],
            "k8s.node.name": f"ip-{shop.private().replace('.', '-')}.eu-central-1.compute.internal",
            "k8s.cluster.uid": shop.uuid(),
            "container.id": shop.hex(64),
            "container.image.name": shop.image().rsplit(":", 1)[0],
            "container.image.tags": [shop.version()],
            "container.image.repo_digests": [f"shop/{service}@{shop.digest()}"],
            "host.id": f"i-0{shop.hex(16)}",
            "cloud.account.id": shop.digits(12, 12),
            "cloud.resource_id": f"arn:aws:eks:eu-central-1:{shop.digits(12, 12)}:cluster/shop",
            "cloud.availability_zone": "eu-central-1b",
            "vcs.ref.head.revision": shop.sha(),
        }
    ).merge(ProcessResourceDetector().detect())


def start(service: str, shop: Shop) -> Callable[[], None]:
    """Begin; returns what is called at the end, so that everything is sent."""
    about = resource(service, shop)
    traces, logs = TracerProvider(resource=about), LoggerProvider(resource=about)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=3_600_000)
    meters = MeterProvider(resource=about, metric_readers=[reader])
    trace.set_tracer_provider(traces)
    set_logger_provider(logs)
    metrics.set_meter_provider(meters)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    handler = LoggingHandler(level=logging.INFO, logger_provider=logs)
    logging.getLogger().addHandler(handler)
    logging.getLogger("opentelemetry").propagate = False
    logging.getLogger("urllib3").setLevel(logging.INFO)

    def stop() -> None:
        logging.getLogger().removeHandler(handler)
        for provider in (traces, logs, meters):
            provider.shutdown()

    return stop

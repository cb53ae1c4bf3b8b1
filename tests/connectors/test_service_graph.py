"""`service_graph`: the edges of traces that go through several services, and its options."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from pydantic import ValidationError
from tailgate.connectors.service_graph import SPEC, ServiceGraphConfig
from tailgate.kernel import load as load_kernel

from .conftest import samples, value
from .test_span_metrics import EMPTY, MS

SERVER, CLIENT = 2, 3
SECOND = 1000 * MS


class Graph:
    """A connector of these options, a program that counts in it, and a clock."""

    def __init__(self, **options: Any) -> None:
        self.now, kernel = SECOND, load_kernel()
        config = ServiceGraphConfig.model_validate(options)
        self.connector = SPEC.build(config, "service_graph", kernel, lambda: self.now)
        stage = {"kind": "measure", "in": 0, "count": True, "exemplars": False}
        self.program = kernel.compile({**EMPTY, "stages": [stage]}, [], [self.connector.meter])

    def span(self, service: str, id_: int, parent: int, kind: int, ms: int, error: bool = False, **its: str) -> None:
        message = Request()
        block = message.resource_spans.add()
        block.resource.attributes.add(key="service.name").value.string_value = service
        ids = {"trace_id": b"t" * 16, "span_id": id_.to_bytes(8, "big"), "parent_span_id": parent.to_bytes(8, "big")}
        span = block.scope_spans.add().spans.add(**ids, kind=kind, name="n")
        span.start_time_unix_nano, span.end_time_unix_nano = MS, MS + ms * MS
        span.status.code = 2 if error else 0
        for key, text in its.items():
            span.attributes.add(key=key.replace("__", ".")).value.string_value = text
        self.program.digest(message.SerializeToString()).measure(self.now)

    def samples(self):
        return samples(self.connector.families())


def three_services(graph: Graph) -> None:
    """A user asks the front, which asks the shop, which asks the bank in vain and its database."""
    graph.span("front", 1, 0, SERVER, 100)
    graph.span("front", 2, 1, CLIENT, 80)
    graph.span("shop", 3, 2, SERVER, 60)
    graph.span("bank", 6, 5, SERVER, 20, error=True)
    graph.span("shop", 5, 3, CLIENT, 30)
    graph.span("shop", 7, 3, CLIENT, 4, db__name="orders", db__system="postgresql")


def edges(found: Any) -> dict[tuple[str, str, str, str], float]:
    return {
        tuple(dict(labels)[name] for name in ("client", "server", "connection_type", "failed")): number
        for (name, labels), number in found.items()
        if name == "traces_service_graph_request_total"
    }


def test_the_edges_of_three_services() -> None:
    """Guarantees: one request an edge, failures, durations in seconds as either side saw them, and virtual nodes."""
    graph = Graph()
    three_services(graph)
    found = graph.samples()
    assert edges(found) == {
        ("user", "front", "virtual_node", "false"): 1,
        ("front", "shop", "", "false"): 1,
        ("shop", "bank", "", "true"): 1,
        ("shop", "orders", "database", "false"): 1,
    }
    assert value(found, "traces_service_graph_request_failed_total") == 1
    pair = {"client": "front", "server": "shop"}
    assert value(found, "traces_service_graph_request_server_seconds_sum", **pair) == 0.06
    assert value(found, "traces_service_graph_request_client_seconds_sum", **pair) == 0.08
    assert value(found, "traces_service_graph_request_client_seconds_bucket", **pair, le="0.05") == 0
    assert value(found, "traces_service_graph_request_client_seconds_bucket", **pair, le="0.1") == 1
    assert not [labels for name, labels in found if "client_seconds" in name and ("client", "user") in labels]


def test_a_client_whose_server_is_not_traced() -> None:
    """Guarantees: after `ttl` it is joined to its peer, and counted as unpaired; the extra label says which side."""
    graph = Graph(store={"ttl": "10s"}, virtual_node_extra_label=True)
    graph.span("shop", 5, 3, CLIENT, 30, peer__service="stripe")
    graph.now += 10 * SECOND - 1
    assert edges(graph.samples()) == {}
    graph.now += 1
    found = graph.samples()
    assert edges(found) == {("shop", "stripe", "virtual_node", "false"): 1}
    assert value(found, "traces_service_graph_request_total", virtual_node="server") == 1
    said = {one.name: one.value for one in graph.connector.samples()}
    assert said["traces_service_graph_unpaired_spans"] == said["otelcol_connector_servicegraph_expired_edges"] == 1


def test_what_waits_is_bounded() -> None:
    """Guarantees: `max_items` wait, the spans beyond are counted as dropped."""
    graph = Graph(store={"max_items": 3})
    for number in range(5):
        graph.span("shop", number + 1, 0, CLIENT, 1)
    said = {one.name: one.value for one in graph.connector.samples()}
    assert (said["tailgate_connector_waiting"], said["traces_service_graph_dropped_spans"]) == (3, 2)


def test_dimensions_and_no_virtual_nodes() -> None:
    """Guarantees: a label for each side; with no peer attributes there are no nodes that nobody traced."""
    graph = Graph(dimensions=["http.method"], virtual_node_peer_attributes=[], database_name_attribute="db.namespace")
    graph.span("front", 1, 0, SERVER, 1)
    graph.span("front", 2, 1, CLIENT, 1, http__method="GET", db__name="ignored")
    graph.span("shop", 3, 2, SERVER, 1)
    graph.span("shop", 4, 3, CLIENT, 1, db__namespace="orders")
    found = graph.samples()
    assert set(edges(found)) == {("front", "shop", "", "false"), ("shop", "orders", "database", "false")}
    assert value(found, "traces_service_graph_request_total", client_http_method="GET") == 1
    assert not [labels for _, labels in found if "server_http_method" in dict(labels)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"latency_histogram_buckets": ["1s", "1s"]}, "ascending"),
        ({"dimensions": ["a.b", "a_b"]}, "a_b"),
        ({"store": {"max_items": 0}}, "greater than or equal to 1"),
        ({"stores": {}}, "stores"),
    ],
)
def test_what_is_refused(options: dict[str, Any], said: str) -> None:
    """Guarantees: options that cannot be meant are named."""
    with pytest.raises(ValidationError, match=said):
        ServiceGraphConfig.model_validate(options)


def test_what_has_no_effect_is_said() -> None:
    """Guarantees: a warning for exponential histograms that nobody receives."""
    assert SPEC.unsent is not None
    assert len(list(SPEC.unsent(ServiceGraphConfig(exponential_histogram_max_size=160)))) == 1

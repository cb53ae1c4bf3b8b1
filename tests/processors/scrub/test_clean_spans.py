"""Spans without personal data and secrets go through the whole shipped row untouched, to the byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

RESOURCE = {
    "service.name": "checkout",
    "service.version": "2.14.0-rc.1+build.4711",
    "service.instance.id": "627cc493-f310-47de-96bd-71410b7dec09",
    "telemetry.sdk.version": "1.38.0",
    "process.runtime.version": "11.0.21+9-LTS",
    "process.command_line": "java -Xmx512m -jar /app/checkout.jar --server.port=8080",
    "process.executable.path": "/usr/lib/jvm/java-21/bin/java",
    "process.owner": "app",
    "os.description": "Linux 6.8.0-1021-aws #23-Ubuntu SMP Mon Dec 9 23:59:34 UTC 2024",
    "os.version": "10.0.22631.2715",
    "container.id": "a3bf4f1b2b0b822cd15d6c15b0f00a08a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "container.image.name": "registry.example.com:5000/shop/checkout",
    "container.image.repo_digests": "checkout@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "container.image.tags": "v2.14.0",
    "k8s.pod.name": "checkout-7d4b9c6f5-x2x9p",
    "k8s.pod.uid": "275ecb36-5aa8-4c2a-9c47-d8bb681b9aff",
    "k8s.pod.ip": "10.244.1.17",
    "k8s.node.name": "ip-10-0-12-34.eu-central-1.compute.internal",
    "k8s.namespace.name": "shop",
    "cloud.account.id": "123456789012",
    "cloud.resource_id": "arn:aws:ecs:eu-central-1:123456789012:task/shop/0123456789abcdef0123456789abcdef",
    "host.id": "i-0123456789abcdef0",
    "host.mac": "AC-DE-48-23-45-67",
    "host.ip": "192.168.1.20",
    "vcs.repository.url.full": "https://github.com/shop/checkout",
    "vcs.ref.head.revision": "9d59409acf479dfa0df1aa568182e43e43df8bbe",
}

SPANS: dict[str, dict[str, Any]] = {
    "POST /orders/{id}": {
        "http.request.method": "POST",
        "http.route": "/orders/{id}",
        "url.full": "https://shop.example.com:8443/orders/100000012345?page=2&sort_key=name&pageToken=CAUQAA#top",
        "url.scheme": "https",
        "url.query": "page=2&size=10&code=200&key=user:42",
        "server.address": "shop.example.com",
        "server.port": 8443,
        "client.address": "10.0.3.7",
        "network.peer.address": "172.16.5.9",
        "network.protocol.version": "1.1",
        "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"
        " Safari/537.36",
        "http.request.header.x-request-id": ["f81d4fae-7dec-11d0-a765-00a0c91e6bf6"],
        "http.request.header.traceparent": ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
        "http.request.header.accept": ["text/html;q=0.9, */*;q=0.8"],
        "http.response.header.access-control-allow-credentials": ["true"],
        "http.response.header.etag": ['W/"5d8c72a5edda8d6a:0"'],
        "http.response.header.date": ["Fri, 20 Nov 2026 23:43:40 GMT"],
        "http.response.header.www-authenticate": ['Bearer realm="shop", error="invalid_token"'],
        "order.id": "ORD-2026-11-20-0004711",
        "order.created": "2026-11-20T23:43:40.123456789Z",
        "order.total": "129.99",
        "session.id": "00112233-4455-6677-8899-aabbccddeeff",
        "enduser.role": "admin",
        "thread.id": 42,
    },
    "SELECT shop.orders": {
        "db.system.name": "postgresql",
        "db.namespace": "shop|public",
        "db.query.text": "SELECT id, password_hash FROM users WHERE email = $1 AND password = ? AND token = :token",
        "db.connection_string": "postgresql://db.shop.svc.cluster.local:5432/shop?sslmode=require",
        "db.operation.name": "SELECT",
        "db.response.returned_rows": 3,
        "db.query.parameter.0": "1732146220123456",
        "server.address": "db-0.db.shop.svc.cluster.local",
    },
    "orders publish": {
        "messaging.system": "kafka",
        "messaging.destination.name": "orders.v1",
        "messaging.kafka.message.key": "order-4711",
        "messaging.message.id": "ID:broker-1-36205-1732146220123-4:1:1:1:1",
        "messaging.kafka.offset": 1732146220123456789,
        "messaging.rabbitmq.destination.routing_key": "orders.created",
        "messaging.client.id": "rabbit@rabbitmq-0.rabbitmq.shop.svc.cluster.local",
        "messaging.batch.message_count": 17,
    },
    "chat gpt-4o": {
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4o-2024-11-20",
        "gen_ai.request.max_tokens": 4096,
        "gen_ai.usage.input_tokens": 1234,
        "gen_ai.usage.output_tokens": 567,
        "gen_ai.latency.time_to_first_token": 0.123,
        "gen_ai.response.id": "chatcmpl-9XyZ0123456789abcdefABCDEF",
        "gen_ai.tool.call.id": "call_abc123DEF456ghi789",
        "gen_ai.prompt": "Explain how a basic and a bearer scheme differ. Is a password: required field ok?",
        "gen_ai.completion": "Sure! In C++ it is `std::vector`; in Rust it is alloc::vec::Vec. See RFC 7235.",
        "embedding": "[0.4111111111111111, -0.5105105105105100, 0.3782822463100051]",
    },
    "k8s and CI": {
        "cicd.pipeline.task.run.url.full": "https://ci.example.com/shop/checkout/-/jobs/1234567890",
        "k8s.secret.name": "db-creds",
        "aws.secretsmanager.secret.arn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-creds-AbCdEf",
        "error.message": 'MountVolume.SetUp failed for volume "creds" : secret "db-creds" not found',
        "log.line": "npm WARN deprecated lodash@4.17.20: use lodash@4.17.21; @types/node@20.1.0, logo@2x.png",
        "deploy.from": "git@github.com:shop/checkout.git",
        "build": "v1.2.3.4-SNAPSHOT, Newtonsoft.Json, Version=13.0.0.0, Culture=neutral",
        "oid": "1.3.6.1.4.1.311.21.20",
        "mapping": "a:b",
        "shipping.pinned": True,
        "dd.trace_id": "4611686018427387904",
        "dd.span_id": "1311768467463790320",
        "cron": "*/5 * * * *",
        "numbers": [1, 2.5, True, "7"],
        "progress": "downloaded 1500000 of 15000000 bytes (+1000000) in 12:34:56",
        "access.log": '10.0.0.1 - - [20/Nov/2026:23:43:40 +0000] "GET / HTTP/1.1" 200 15 1024 "-" "kube-probe/1.29"',
        "phone.model": "Pixel 9",
        "token_count": 15,
    },
}

STACK = """Traceback (most recent call last):
  File "/app/shop/client.py", line 42, in connect
    return Client(host=host, password=password, token=settings.API_TOKEN, api_key=self.api_key)
  File "/app/shop/auth.py", line 7, in login
    token = get_token(user)
shop.errors.AuthError: authorization: denied; password: required; unexpected token: EOF (0x7f3a2c1d4e50)
\tat com.example.shop.Orders$Inner.<init>(Orders.java:123) ~[orders-1.2.3.jar!/:1.2.3]
\tat org.springframework.security.web.FilterChainProxy.doFilter(FilterChainProxy.java:374)
   0: std::panicking::begin_panic at /rustc/9fc6b43126469e3858e2fe86cafb4f0fd5068869/library/std/src/lib.rs:12:34
goroutine 17 [running]: main.main.func1(0xc000012345, {0x1002003004005006, 0x5})
dial tcp 10.96.0.10:53: i/o timeout (lookup db.shop.svc.cluster.local on [::1]:53)
"""


def request_of(name: str) -> ExportTraceServiceRequest:
    """Return a request with one span, an event and a link."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add(schema_url="https://opentelemetry.io/schemas/1.38.0")
    fill(resource_spans.resource.attributes, RESOURCE)
    scope_spans = resource_spans.scope_spans.add(schema_url="https://opentelemetry.io/schemas/1.38.0")
    scope_spans.scope.name, scope_spans.scope.version = "io.opentelemetry.netty-4.1", "2.10.0-alpha"
    span = scope_spans.spans.add(name=name, trace_id=bytes(range(16)), span_id=bytes(range(8)))
    span.trace_state = "ot=th:c;rv:6e6d1a75832a2f,rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
    span.status.message = "rpc error: code = Unavailable desc = connection refused: 10.0.0.7:50051"
    fill(span.attributes, SPANS[name])
    event = span.events.add(name="exception")
    fill(event.attributes, {"exception.type": "shop.errors.AuthError", "exception.stacktrace": STACK})
    link = span.links.add(trace_id=bytes(range(16)), trace_state="vendor=t61rcWkgMzE")
    fill(link.attributes, {"link.kind": "follows_from", "batch.offset": "1732146220123"})
    return request


def fill(target: Any, attributes: dict[str, Any]) -> None:
    """Append attributes; a list becomes an array."""
    for key, value in attributes.items():
        into = target.add(key=key).value
        for item in value if isinstance(value, list) else [value]:
            one = into.array_value.values.add() if isinstance(value, list) else into
            kind = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}[type(item)]
            setattr(one, kind, item)


@pytest.mark.parametrize("name", SPANS)
def test_a_clean_span_stays(name: str, scrubber: Callable[..., Any]) -> None:
    """What instrumentations write every day holds nothing that a detector or a key rule takes for a secret."""
    request = request_of(name)
    serialized = request.SerializeToString()
    out = scrubber().request(serialized)
    assert ExportTraceServiceRequest.FromString(out) == request
    assert out is serialized


def test_the_table_can_fail(scrubber: Callable[..., Any]) -> None:
    """The same spans with one secret more are changed: the table goes through the detectors."""
    request = request_of("orders publish")
    request.resource_spans[0].scope_spans[0].spans[0].events[0].attributes[1].value.string_value = STACK + "8.8.8.8"
    assert scrubber().request(request.SerializeToString()) != request.SerializeToString()

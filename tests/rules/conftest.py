"""Traces as plain dictionaries, judged by the real kernels.

A span is a dictionary with any of: root, start (ns), duration (ns), name, kind, status, message, scope, version,
resource (attributes), attributes.
"""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.rules.conditions import span_condition, trace_condition
from tailgate.rules.facts import FactsBuilder, compile_test
from tailgate.rules.values import any_value

LIMITS = {"max_bytes": 1 << 20, "max_spans": 1000, "max_attributes": 100, "max_depth": 8}
START = 1_700_000_000_000_000_000


def _attributes(target, attributes):
    for key, value in attributes.items():
        target.add(key=key, value=any_value(value))


def encode(spans):
    """One request with one trace; every span has a resource and a scope of its own."""
    request = ExportTraceServiceRequest()
    for number, given in enumerate(spans, 1):
        resource_spans = request.resource_spans.add()
        _attributes(resource_spans.resource.attributes, given.get("resource", {}))
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name, scope_spans.scope.version = given.get("scope", ""), given.get("version", "")
        start = START + given.get("start", 0)
        span = scope_spans.spans.add(
            trace_id=b"t" * 16,
            span_id=number.to_bytes(8, "big"),
            parent_span_id=b"" if given.get("root") else b"p" * 8,
            name=given.get("name", ""),
            kind=given.get("kind", 0),
            start_time_unix_nano=start,
            end_time_unix_nano=start + given.get("duration", 0),
        )
        span.status.code, span.status.message = given.get("status", 0), given.get("message", "")
        _attributes(span.attributes, given.get("attributes", {}))
    return request.SerializeToString()


def masks(kernel, builder, spans):
    program = kernel.compile({"stages": [], "facts": builder.spec(), "limits": LIMITS, "context": 0})
    columns = program.digest(encode(spans)).columns()
    assert columns.count == 1
    return columns.masks[columns.mask_index[0]]


@pytest.fixture(scope="session")
def judge(kernel):
    """(condition, spans) -> whether the trace satisfies it."""

    def ask(condition, spans):
        builder = FactsBuilder()
        test = trace_condition(condition, builder)
        return compile_test(test, builder)(masks(kernel, builder, spans))

    return ask


@pytest.fixture(scope="session")
def judge_all(kernel):
    """(conditions, spans) -> the answers of one program that computes all of them."""

    def ask(conditions, spans):
        builder = FactsBuilder()
        tests = [trace_condition(condition, builder) for condition in conditions]
        mask = masks(kernel, builder, spans)
        return [compile_test(test, builder)(mask) for test in tests]

    return ask


@pytest.fixture(scope="session")
def judge_expression(kernel):
    """(expression, span) -> whether the span satisfies the kernel's expression."""

    def ask(expression, span):
        builder = FactsBuilder()
        bit = builder.any(expression)
        return compile_test(bit, builder)(masks(kernel, builder, [span]))

    return ask


@pytest.fixture(scope="session")
def judge_span(judge_expression):
    """(condition, span) -> whether the span satisfies it."""
    return lambda condition, span: judge_expression(span_condition(condition), span)

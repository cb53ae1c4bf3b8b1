"""Keys, numbers, exceptions, tags, spans that go, and what cannot be scrubbed: through the configuration of `scrub`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tailgate.kernel.contract import Kernel
from tailgate.processors.base import BuildContext, Fused
from tailgate.processors.row import Entry, Row, build_segments
from tailgate.processors.scrub import SPEC
from tailgate.processors.scrub.config import POSITIONS

CARD = 4111111111111111
EMAIL = "jane@example.com"


def message(**values: Any) -> ExportTraceServiceRequest:
    """A request with a span that has these attributes."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=bytes(16))
    for key, value in values.items():
        field = {str: "string_value", int: "int_value", float: "double_value"}[type(value)]
        setattr(span.attributes.add(key=key).value, field, value)
    return request


def first(request: ExportTraceServiceRequest) -> Span:
    return request.resource_spans[0].scope_spans[0].spans[0]


def test_exceptions(scrubber: Callable[..., Any]) -> None:
    """Guarantees: messages and stack traces of exceptions lose what detectors find, in events and in attributes."""
    trace = f'Traceback (most recent call last):\n  File "app.py", line 3, in pay\nValueError: no card for {EMAIL}\n'
    java = f"java.lang.IllegalStateException: {EMAIL}\n\tat shop.Pay.run(Pay.java:42)\nCaused by: x: password=hunter2\n"
    request = message(**{"exception.message": f"no card for {EMAIL}", "exception.stacktrace": trace})
    event = first(request).events.add(name="exception")
    for key, value in {"exception.message": f"{CARD} declined", "exception.stacktrace": trace + java}.items():
        event.attributes.add(key=key).value.string_value = value
    out = first(scrubber({}).parsed(request))
    found = {one.key: one.value.string_value for one in out.events[0].attributes}
    assert found["exception.message"] == "************1111 declined"
    assert found["exception.stacktrace"] == (trace + java).replace(EMAIL, "[EMAIL]").replace("hunter2", "[SECRET]")
    texts = [one.value.string_value for one in out.attributes]
    assert texts == ["no card for [EMAIL]", trace.replace(EMAIL, "[EMAIL]")]


def test_keys_of_attributes(scrubber: Callable[..., Any]) -> None:
    """Scenario: an application puts data into keys. Guarantees: with `attribute_key` it goes, without it stays."""
    request = message(**{f"cart {EMAIL}": "x"})
    assert first(scrubber({}).parsed(request)).attributes[0].key == f"cart {EMAIL}"
    subject = scrubber({"positions": [*POSITIONS, "attribute_key"]})
    assert first(subject.parsed(request)).attributes[0].key == "cart [EMAIL]"


def test_numbers(scrubber: Callable[..., Any]) -> None:
    """Scenario: a card number as an int or a double. Guarantees: with `numbers` it becomes a masked string."""
    request = message(card=CARD, double=float(CARD), count=5)
    assert scrubber({"default_keys": False}).parsed(request) == request
    out = first(scrubber({"numbers": True, "default_keys": False}).parsed(request))
    assert [one.value.string_value for one in out.attributes] == ["************1111", "************1111", ""]
    assert out.attributes[2].value.int_value == 5


def test_tag(scrubber: Callable[..., Any]) -> None:
    """Guarantees: a rule that only tags leaves the value, names itself in an attribute, and hides nothing."""
    config = {"packs": [], "detectors": [{"name": "email", "action": "tag"}, "payment_card"]}
    out = first(scrubber(config).parsed(message(note=f"{EMAIL} {CARD}")))
    assert [(one.key, one.value.string_value) for one in out.attributes] == [
        ("note", f"{EMAIL} ************1111"),
        ("tailgate.scrub.found", "email"),
    ]
    by_key = {"keys": [{"name": "watched", "pattern": "^db_password$", "action": "tag"}], "tag_key": "seen"}
    out = first(scrubber(by_key).parsed(message(db_password="hunter2")))
    assert [(one.key, one.value.string_value) for one in out.attributes] == [
        ("db_password", "[PASSWORD]"),
        ("seen", "key:watched"),
    ]


def row(kernel: Kernel, config: dict[str, Any]) -> Row:
    """A row with `scrub` alone."""
    context = BuildContext("scrub", "traces", kernel, kernel.labels(), [])
    part = SPEC.build(SPEC.config.model_validate(config), context)
    assert isinstance(part, Fused)
    return Row(build_segments([("scrub", part)], kernel, []), "traces")


def passed(subject: Row, request: ExportTraceServiceRequest) -> tuple[int, dict[str, int]]:
    """Return how many spans leave the row, and what it says of the others."""
    out = subject.accept(1, Entry(subject, subject.digest(request.SerializeToString(), [])))
    return sum(records.spans for records in out.records), out.dropped


def metrics(subject: Row, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a metric by their labels but for pipeline and processor."""
    return {
        tuple(value for label, value in sample.labels.items() if label not in ("pipeline", "processor")): sample.value
        for sample in subject.samples()
        if sample.name == name
    }


def test_drop_span(kernel: Kernel) -> None:
    """Guarantees: a span in which the rule finds something goes, and the ledger says by whom."""
    subject = row(kernel, {"patterns": [{"name": "forbidden", "pattern": "top secret", "action": "drop_span"}]})
    request = message(note="top secret")
    request.resource_spans[0].scope_spans[0].spans.add(name="other")
    assert passed(subject, request) == (1, {"scrub:drop_span": 1})
    assert metrics(subject, "tailgate_scrubbed")["forbidden",] == 1
    assert metrics(subject, "tailgate_scrubbed_positions") == {("forbidden", "span"): 1}


@pytest.mark.parametrize("on_error", ["redact", "drop"])
def test_what_cannot_be_scrubbed(kernel: Kernel, on_error: str) -> None:
    """Guarantees: what is too large or too deep does not pass: the value goes, or its span; counted by reason."""
    limits = {"value_bytes": 100, "depth": 1}
    subject = row(kernel, {"on_error": on_error, "limits": limits, "packs": ["pii"]})
    request = message(large=f"{EMAIL} {'x' * 100}", fine="x" * 100)
    deep = first(request).attributes.add(key="deep").value
    deep.array_value.values.add().array_value.values.add().string_value = EMAIL
    spans, dropped = passed(subject, request)
    assert (spans, dropped) == ((1, {}) if on_error == "redact" else (0, {"scrub:on_error": 1}))
    assert metrics(subject, "tailgate_scrub_failures") == {
        ("value_too_large",): 1,
        ("too_deep",): 1,
        ("unchecked",): 0,
    }
    out = subject.digest(request.SerializeToString(), []).request()
    assert EMAIL.encode() not in out
    if on_error == "redact":
        found = {one.key: str(one.value) for one in first(ExportTraceServiceRequest.FromString(out)).attributes}
        assert "[NOT_SCRUBBED]" in found["large"]
        assert "[NOT_SCRUBBED]" in found["deep"]
        assert "x" * 100 in found["fine"]


def test_what_was_not_checked(kernel: Kernel) -> None:
    """Scenario: a text is made to tire the scrubber. Guarantees: it loses too much, which is counted."""
    subject = row(kernel, {"packs": [], "patterns": [{"name": "card", "pattern": "a+", "check": "payment_card"}]})
    assert passed(subject, message(note="a" * 3000)) == (1, {})
    assert metrics(subject, "tailgate_scrub_failures")["unchecked",] == 1

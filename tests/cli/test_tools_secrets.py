"""Tools show telemetry to people: no secret that the configuration scrubs is ever shown, wherever it stood."""

from __future__ import annotations

import json
import random
import tempfile
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from planted_secrets import MAKERS
from tailgate.cli.diff import as_json as diff_json
from tailgate.cli.diff import compare
from tailgate.cli.diff import text as different
from tailgate.cli.explain import as_dict, explain
from tailgate.cli.explain import text as explained
from tailgate.cli.rehearsal import Rehearsal
from tailgate.cli.replay import Replay, replay
from tailgate.cli.scrub import as_json, sample_of, text
from tailgate.cli.scrubbing import Scrubbing
from tailgate.cli.tables import TABLES
from tailgate.cli.terminal import Paint
from tailgate.config.loader import load
from tailgate.config.model import Configuration
from tailgate.kernel import load as load_kernel
from tailgate.rules.values import any_value
from tailgate.telemetry.signals import Signal

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
SECRETS = st.one_of(
    st.text(LETTERS, min_size=6, max_size=12).map(lambda name: f"{name}@example.org"),
    st.sampled_from(["4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"]),
    st.text(LETTERS, min_size=36, max_size=36).map(lambda rest: f"ghp_{rest}"),
    st.sampled_from(["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000"]),
    st.builds(
        lambda kind, seed: MAKERS[kind](random.Random(seed)), st.sampled_from(sorted(MAKERS)), st.integers(0, 1 << 40)
    ),
)
PLACES = ("name", "status", "attribute", "nested", "array", "event", "event attribute", "link", "resource", "service",
          "scope", "scope attribute")  # fmt: skip


LOG_PLACES = ("body", "body map", "body array", "attribute", "severity", "event name", "resource", "scope",
              "schema")  # fmt: skip
METRIC_PLACES = ("gauge", "sum", "histogram", "exponential_histogram", "summary", "sum exemplar", "histogram exemplar",
                 "name", "description", "unit", "metadata", "resource", "scope", "schema")  # fmt: skip


@cache
def configuration() -> Configuration:
    """The shipped one."""
    return load([], TABLES, {})


@cache
def _sampling(default: str) -> Configuration:
    """The shipped one, in which only the default decides."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sampling.yaml"
        file.write_text(f"{{policies: [], default: {default}}}", encoding="utf-8")
        return load([file], TABLES, {})


def planted(place: str, secret: str, *, failed: bool) -> bytes:
    """A trace with a secret at one place; a failed one is kept."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    scope = group.scope_spans.add()
    span = scope.spans.add(
        trace_id=b"\x01" * 16,
        span_id=b"\x02" * 8,
        name="GET /",
        start_time_unix_nano=10**18,
        end_time_unix_nano=10**18 + 5,
    )
    span.status.code = 2 if failed else 0
    said = f"with {secret} in it"
    targets = {"attribute": span, "scope attribute": scope.scope, "resource": group.resource}
    if place in targets:
        targets[place].attributes.add(key="k").value.CopyFrom(any_value(said))
    elif place in ("nested", "array"):
        value = {"a": [said]} if place == "nested" else [said, "x"]
        span.attributes.add(key="k").value.CopyFrom(any_value(value))
    elif place == "service":
        group.resource.attributes.add(key="service.name").value.CopyFrom(any_value(said))
    elif place == "scope":
        scope.scope.name = said
    else:
        _in_span(span, place, said)
    return request.SerializeToString()


def _in_span(span: Span, place: str, said: str) -> None:
    if place == "name":
        span.name = said
    elif place == "status":
        span.status.message = said
    elif place == "event":
        span.events.add(name=said)
    elif place == "event attribute":
        span.events.add(name="e").attributes.add(key="k").value.CopyFrom(any_value(said))
    else:
        span.links.add().attributes.add(key="k").value.CopyFrom(any_value(said))


def scrub_shows(signal: Signal, request: bytes) -> str:
    """Return all that `scrub` prints about a request in which something is to be changed."""
    config, sample = configuration(), sample_of([(signal, request)])
    changes = Scrubbing(config, config.pipelines[signal], load_kernel()).changes(sample.requests[signal])
    assert changes
    return text("f", sample, changes, Paint()) + as_json(sample, changes)


def hidden(secret: str, shown: str) -> None:
    """Neither the secret nor the name in an address is there."""
    assert secret not in shown
    assert not any(part in shown for part in secret.split("@")[:1] if len(part) > 5), shown


def in_a_log(place: str, secret: str) -> bytes:
    """A log record with a secret at one place."""
    request, said = ExportLogsServiceRequest(), any_value(f"with {secret} in it")
    group = request.resource_logs.add()
    scope = group.scope_logs.add()
    record = scope.log_records.add(time_unix_nano=10**18)
    bodies = {
        "body": said.string_value,
        "body map": {"a": {"b": [said.string_value]}},
        "body array": [said.string_value],
    }
    owners = {"attribute": record, "resource": group.resource, "scope": scope.scope}
    if place in bodies:
        record.body.CopyFrom(any_value(bodies[place]))
    elif place in owners:
        owners[place].attributes.add(key="k").value.CopyFrom(said)
    elif place == "schema":
        group.schema_url = said.string_value
    else:
        setattr(record, "severity_text" if place == "severity" else "event_name", said.string_value)
    return request.SerializeToString()


def in_a_metric(place: str, secret: str) -> bytes:
    """A metric with a secret at one place."""
    request, said = ExportMetricsServiceRequest(), any_value(f"with {secret} in it")
    group = request.resource_metrics.add()
    scope = group.scope_metrics.add()
    metric = scope.metrics.add(name="m")
    kind, _, exemplar = place.partition(" ")
    is_data = kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary")
    point = getattr(metric, kind if is_data else "gauge").data_points.add(time_unix_nano=10**18)
    owners = {"resource": group.resource, "scope": scope.scope}
    if exemplar:
        point.exemplars.add().filtered_attributes.add(key="k").value.CopyFrom(said)
    elif is_data or place in owners:
        owners.get(place, point).attributes.add(key="k").value.CopyFrom(said)
    elif place == "metadata":
        metric.metadata.add(key="k").value.CopyFrom(said)
    elif place == "schema":
        scope.schema_url = said.string_value
    else:
        setattr(metric, place, said.string_value)
    return request.SerializeToString()


@settings(max_examples=24, deadline=None)
@given(place=st.sampled_from(PLACES), secret=SECRETS, failed=st.booleans())
def test_no_secret_is_shown(place: str, secret: str, failed: bool) -> None:
    """Guarantees: `explain`, `scrub` and `diff` name what became of it and never show it, kept or dropped."""
    config, kernel, request, plain = configuration(), load_kernel(), planted(place, secret, failed=failed), Paint()
    (explanation,) = explain(config, [request], kernel)
    shown = explained(explanation, plain) + json.dumps(as_dict(explanation))
    shown += scrub_shows("traces", request)
    hidden(secret, shown)
    old, new = (_sampling(default) for default in ("drop", "keep"))
    players = [Replay(old, None, kernel), Replay(new, None, kernel)]
    found = compare(replay([request], players, Rehearsal(new, new.pipelines["traces"], kernel)), *players)
    assert found.changed == 1
    assert secret not in "\n".join(different(found, plain)) + diff_json(found)


@settings(max_examples=24, deadline=None)
@given(
    place=st.one_of(
        st.tuples(st.just("logs"), st.sampled_from(LOG_PLACES)),
        st.tuples(st.just("metrics"), st.sampled_from(METRIC_PLACES)),
    ),
    secret=SECRETS,
)
def test_no_secret_of_a_log_or_metric_is_shown(place: tuple[Signal, str], secret: str) -> None:
    """Guarantees: `scrub` names what would become of it in log records and metrics and never shows it."""
    signal, at = place
    hidden(secret, scrub_shows(signal, (in_a_log if signal == "logs" else in_a_metric)(at, secret)))

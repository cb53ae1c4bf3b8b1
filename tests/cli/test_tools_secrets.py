"""Tools show traces to people: no secret that the configuration scrubs is ever shown, wherever it stood."""

from __future__ import annotations

import json
import random
import tempfile
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
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
from tailgate.cli.scrub import as_json, text
from tailgate.cli.scrubbing import Scrubbing
from tailgate.cli.tables import TABLES
from tailgate.cli.terminal import Paint
from tailgate.config.loader import load
from tailgate.config.model import Configuration
from tailgate.kernel import load as load_kernel
from tailgate.rules.values import any_value

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


@settings(max_examples=24, deadline=None)
@given(place=st.sampled_from(PLACES), secret=SECRETS, failed=st.booleans())
def test_no_secret_is_shown(place: str, secret: str, failed: bool) -> None:
    """Guarantees: `explain`, `scrub` and `diff` name what became of it and never show it, kept or dropped."""
    config, kernel, request, plain = configuration(), load_kernel(), planted(place, secret, failed=failed), Paint()
    (explanation,) = explain(config, [request], kernel)
    shown = explained(explanation, plain) + json.dumps(as_dict(explanation))
    changes = Scrubbing(config, config.pipelines["traces"], kernel).changes([request])
    assert changes
    shown += text("f", 1, changes, plain) + as_json(changes)
    assert secret not in shown
    assert not any(part in shown for part in secret.split("@")[:1] if len(part) > 5), shown
    old, new = (_sampling(default) for default in ("drop", "keep"))
    players = [Replay(old, None, kernel), Replay(new, None, kernel)]
    found = compare(replay([request], players, Rehearsal(new, new.pipelines["traces"], kernel)), *players)
    assert found.changed == 1
    assert secret not in "\n".join(different(found, plain)) + diff_json(found)

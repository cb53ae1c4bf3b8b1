"""A row of processors: where it is cut into segments, and that fusing changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel import load
from tailgate.kernel.contract import Kernel
from tailgate.processors.base import Deciding, Fused, Part
from tailgate.processors.row import RowError, build_segments
from tailgate.rules.values import encoded_value

from .conftest import fused

KEYS = ("a", "b", "c", "password")


def edit(on: str, do: str, key: str, value: str, needs: str | None) -> dict[str, Any]:
    action = (
        {"do": do, "key": key} if do in {"delete", "hash"} else {"do": do, "key": key, "value": encoded_value(value)}
    )
    condition = ["exists", ["attr", on, needs]] if needs else None
    return {"kind": "edit", "on": on, "if": condition, "actions": [action]}


def scrub(pattern: str, text: str) -> dict[str, Any]:
    rule = {"pattern": pattern, "action": {"do": "redact", "text": text}}
    positions = ["resource", "span", "span_name"]
    return {"kind": "scrub", "positions": positions, "skip": None, "keys": [], "values": [rule]}


def configured(id_: str, config: Any) -> list[dict[str, Any]]:
    return [dict(stage) for stage in fused(load("reference"), id_, config)[0].stages]


SPAN_STATEMENTS = [
    'set(attributes["a"], name)',
    'set(name, attributes["b"]) where attributes["a"] != "x1"',
    'delete_matching_keys(attributes, "^[ab]$") where name == "x"',
    'replace_all_patterns(attributes, "value", "[0-9]", "z$0")',
    "limit(attributes, 1, [])",
    "truncate_all(attributes, 1)",
    'set(status.code, 2) where IsMatch(resource.attributes["a"], "x")',
    'keep_keys(attributes, ["a", "c"]) where status.code == 2',
    'set(attributes["b"], Len(attributes["c"]) + 1)',
    'set(resource.attributes["c"], "res")',
]
CONFIGURED = [
    *configured("filter", {"traces": {"span": ['name == "x"', 'attributes["a"] == "zz"']}}),
    *configured("filter", {"traces": {"resource": ['attributes["a"] == "x1"']}}),
    *configured("filter", {"error_mode": "propagate", "traces": {"span": ['Len(attributes["b"]) > 1']}}),
    *configured("span", {"name": {"from_attributes": ["a"]}, "status": {"code": "Ok"}}),
    *configured("span", {"name": {"to_attributes": {"rules": ["(?P<b>[a-z])(?P<c>[0-9])"]}}}),
    *configured("probabilistic_sampler", {"sampling_percentage": 60, "fail_closed": False}),
    *configured("probabilistic_sampler", {"sampling_percentage": 60, "mode": "proportional"}),
    *(
        stage
        for text in SPAN_STATEMENTS
        for stage in configured("transform", {"trace_statements": [{"context": "span", "statements": [text]}]})
    ),
]
"""Stages as the processors make them."""

stages = st.one_of(
    st.sampled_from(CONFIGURED),
    st.builds(
        edit,
        st.sampled_from(["span", "resource"]),
        st.sampled_from(["insert", "update", "upsert", "delete", "hash"]),
        st.sampled_from(KEYS),
        st.sampled_from(["x1", "y2", "z"]),
        st.sampled_from([None, *KEYS]),
    ),
    st.builds(scrub, st.sampled_from(["[0-9]", "x", "z$"]), st.sampled_from(["x", "7", ""])),
)
attributes = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["x1", "2", "zz", ""]), max_size=4)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    message = ExportTraceServiceRequest()
    for resource in draw(st.lists(attributes, max_size=2)):
        block = message.resource_spans.add()
        for key, value in resource.items():
            block.resource.attributes.add(key=key).value.string_value = value
        for number, found in enumerate(draw(st.lists(attributes, max_size=3))):
            span = block.scope_spans.add().spans.add(
                trace_id=bytes([number]) * 16, name=draw(st.sampled_from(["x", "n1"]))
            )
            for key, value in found.items():
                span.attributes.add(key=key).value.string_value = value
    return message.SerializeToString()


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return load()


def run(kernel: Kernel, parts: list[tuple[str, Part]], request: bytes) -> tuple[bytes, int]:
    segments = build_segments(parts, kernel, [])
    assert len(segments) == 1, "stateless neighbours are one walk"
    records = segments[0].program.digest(request)
    return records.request(), sum(records.dropped)


@settings(max_examples=150, deadline=None)
@given(st.lists(stages, max_size=6), requests())
def test_fusing_changes_nothing(kernel: Kernel, row: list[dict[str, Any]], request: bytes) -> None:
    """Guarantees: one walk through all stages gives the bytes that one walk a stage gives, and drops as many spans."""
    together = run(kernel, [(f"p{i}", Fused([stage])) for i, stage in enumerate(row)], request)
    one_by_one, dropped = request, 0
    for stage in row:
        one_by_one, more = run(kernel, [("p", Fused([stage]))], one_by_one)
        dropped += more
    assert together == (one_by_one, dropped)


def test_a_decider_without_a_holder(kernel: Kernel) -> None:
    """Scenario: retention with conditions, nothing that holds traces before it. Guarantees: an error that says so."""
    part = Deciding(None, None, "conditions need a stage that holds traces")  # type: ignore[arg-type]
    with pytest.raises(RowError, match="retention: conditions need a stage that holds traces"):
        build_segments([("retention", part)], kernel, [])
    default = Deciding(None, [edit("resource", "upsert", "a", "d", None)])  # type: ignore[arg-type]
    assert len(build_segments([("retention", default)], kernel, [])) == 1

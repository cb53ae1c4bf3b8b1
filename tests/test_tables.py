"""Tables in a whole configuration: files beside the one that names them, and costs that policies and retention use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from services import HEAD, arrived, nothing, pipelines
from services import TABLES as IN_MEMORY
from services import request as request_of
from tailgate import kernel as kernels
from tailgate.cli.rehearsal import Rehearsal
from tailgate.cli.scrubbing import Scrubbing
from tailgate.cli.tables import TABLES
from tailgate.config.loader import ConfigErrors, load
from tailgate.kernel.contract import Kernel
from tailgate.pipeline import Intake, Service
from tailgate.processors.building import build_row
from tailgate.rules.values import any_value

CONFIG = """\
receivers: {otlp: {protocols: {grpc: }}}
processors:
  lookup: {table_file: tables/teams.csv, key: service.name}
  cost: {prices_file: tables/prices.yaml}
  tail_sampling:
    decision_wait: 1s
    policies:
      - {name: dear, when: sum(cost.total) > 1 and team == "agents"}
    default: 0%
  retention:
    default: {name: short, ttl: 1d}
    policies: [{name: dear, when: sum(cost.total) > 5, ttl: 90d}]
exporters: {debug: }
service:
  pipelines:
    traces: {receivers: [otlp], processors: [lookup, cost, tail_sampling, retention], exporters: [debug]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration and its tables."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "teams.csv").write_text("service,team\nagent,agents\nshop,web\n")
    (tmp_path / "tables" / "prices.yaml").write_text("big: {input: 3, output: 15}\n")
    (tmp_path / "tailgate.yaml").write_text(CONFIG)
    return tmp_path


def trace(number: int, service: str, *tokens: int) -> bytes:
    """A trace with a call of a model for each number of output tokens."""
    message = ExportTraceServiceRequest()
    block = message.resource_spans.add()
    block.resource.attributes.add(key="service.name", value=any_value(service))
    spans = block.scope_spans.add().spans
    for at, count in enumerate(tokens):
        span = Span(trace_id=number.to_bytes(16, "big"), span_id=(at + 1).to_bytes(8, "big"), name="chat")
        span.start_time_unix_nano, span.end_time_unix_nano = 10**18, 10**18 + 5
        for key, value in {"gen_ai.request.model": "big", "gen_ai.usage.output_tokens": count}.items():
            span.attributes.add(key=key, value=any_value(value))
        spans.append(span)
    return message.SerializeToString()


def kept(requests: list[bytes]) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Trace number, attributes of the resource and of the first span, of everything that left."""
    for data in requests:
        for block in ExportTraceServiceRequest.FromString(data).resource_spans:
            resource = {a.key: a.value.string_value for a in block.resource.attributes}
            for scope in block.scope_spans:
                span = scope.spans[0]
                values = {a.key: a.value.double_value or a.value.string_value for a in span.attributes}
                yield int.from_bytes(span.trace_id, "big"), resource, values


def test_what_a_trace_costs_decides_whether_and_how_long_it_is_kept(folder: Path, kernel: Kernel) -> None:
    """Scenario: agents call a model, 50,000 and 400,000 output tokens in two calls each, and a shop does too.

    Guarantees: the sum over the trace decides; the table's team does, too; retention follows the cost.
    """
    config = load([folder / "tailgate.yaml"], TABLES, {})
    tool = Rehearsal(config, config.pipelines["traces"], kernel)
    for number, (service, tokens) in enumerate(
        [("agent", 100), ("agent", 50_000), ("agent", 400_000), ("shop", 400_000)]
    ):
        tool.offer(number, trace(number, service, tokens, tokens))
    tool.finish()
    found = {number: (resource["retention.policy"], values["cost.total"])
             for number, resource, values in kept(tool.left.requests)}  # fmt: skip
    assert found == {1: ("short", pytest.approx(0.75)), 2: ("dear", pytest.approx(6.0))}
    counted = {(s.labels["processor"], s.labels["table"], s.labels["result"]): s.value
               for s in tool.row.samples() if s.name == "tailgate_lookups"}  # fmt: skip
    assert counted == {
        ("lookup", "teams.csv", "found"): 4, ("lookup", "teams.csv", "missing"): 0,
        ("cost", "prices.yaml", "found"): 8, ("cost", "prices.yaml", "missing"): 0,
    }  # fmt: skip


def test_paths_count_from_the_file_in_which_they_stand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario: started in another folder; an overlay elsewhere names its own table. Guarantees: each is found."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "other.csv").write_text("service,team\nagent,others\n")
    (elsewhere / "overlay.yaml").write_text("processors: {lookup: {table_file: other.csv}}\n")
    monkeypatch.chdir(elsewhere)
    config = load(["../tailgate.yaml", "overlay.yaml"], TABLES, {})
    files = {id_: component.config for id_, component in config.processors.items()}
    assert Path(files["lookup"].table_file).resolve() == elsewhere / "other.csv"  # type: ignore[attr-defined]
    assert Path(files["cost"].prices_file).resolve() == folder / "tables" / "prices.yaml"  # type: ignore[attr-defined]


def test_tables_are_among_the_files_whose_changes_are_taken_over(folder: Path) -> None:
    """Guarantees: what watches a configuration's files watches its tables."""
    files = load([folder / "tailgate.yaml"], TABLES, {}).files
    assert {str(folder / "tables" / "teams.csv"), str(folder / "tables" / "prices.yaml")} < set(files)


def test_a_table_that_is_wrong_stops_nothing_else(folder: Path) -> None:
    """Guarantees: the configuration is refused with the table's file and line, where the pipeline names it."""
    (folder / "tables" / "teams.csv").write_text("service,team\nagent\n")
    config = load([folder / "tailgate.yaml"], TABLES, {})
    with pytest.raises(ValueError, match=r"'lookup' cannot be built: .*teams\.csv:2:1.*expected 2 cells, found 1"):
        build_row(config.pipelines["traces"], config, kernels.load("reference"))


def test_a_file_given_twice_is_a_contradiction(folder: Path) -> None:
    """Guarantees: the error names the place in the configuration."""
    (folder / "both.yaml").write_text("processors: {cost: {prices: {m: {input: 1}}}}\n")
    with pytest.raises(ConfigErrors, match=r"processors\.cost: expected exactly one of prices_file and prices"):
        load([folder / "tailgate.yaml", folder / "both.yaml"], TABLES, {})


def test_a_table_that_changes_is_taken_over(tmp_path: Path) -> None:
    """Scenario: a team's name changes, then the file breaks. Guarantees: the next request has the new one; it stays."""
    table, file = tmp_path / "teams.csv", tmp_path / "tailgate.yaml"
    table.write_text("service,team\nshop,web\n")
    block = "processors: {lookup: {table_file: teams.csv, key: service.name}}\nexporters: {memory: }\n"
    file.write_text(HEAD + block + pipelines("lookup"))
    service = Service(load([file], IN_MEMORY, {}), kernels.load())
    intake = Intake(list(service.pipelines.values()), service.governor, service.clock)
    intake.consume(request_of((1, "a", {})), nothing)
    table.write_text("service,team\nshop,new\n")
    asyncio.run(service.reload(load([file], IN_MEMORY, {})))
    intake.consume(request_of((2, "b", {})), nothing)
    table.write_text("service,team\nshop\n")
    with pytest.raises(ValueError, match="expected 2 cells, found 1"):
        asyncio.run(service.reload(load([file], IN_MEMORY, {})))
    intake.consume(request_of((3, "c", {})), nothing)
    attributes = [one.resource_spans[0].resource.attributes for one in arrived(service)]
    assert [{a.key: a.value.string_value for a in one}["team"] for one in attributes] == ["web", "new", "new"]
    found = [s.value for s in service.samples() if s.name == "tailgate_lookups" and s.labels["result"] == "found"]
    assert sum(found) == 3


def test_what_is_scrubbed_is_shown_behind_a_table(tmp_path: Path) -> None:
    """Scenario: `tailgate scrub` on a row that looks up. Guarantees: it runs, and a table's secret is found too."""
    file = tmp_path / "tailgate.yaml"
    block = """processors:
  lookup: {key: service.name, table: {shop: {owner: bob@example.com}}}
  scrub:
exporters: {memory: }
"""
    file.write_text(HEAD + block + pipelines("lookup, scrub"))
    config = load([file], IN_MEMORY, {})
    shown = Scrubbing(config, config.pipelines["traces"], kernels.load())
    assert any("owner" in change.where for change in shown.changes([request_of((1, "a", {}))]))

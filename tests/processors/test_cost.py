"""`cost`: tokens times prices, on spans that have both."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from services import HEAD, TABLES, nothing, pipelines
from services import request as one_request
from tailgate.config.loader import load
from tailgate.config.model import Configuration, Tables
from tailgate.connectors import CONNECTORS
from tailgate.kernel import load as load_kernel
from tailgate.pipeline import Intake, Service
from tailgate.processors.cost import CostConfig
from tailgate.telemetry.families import exposition

from .conftest import Walk, Walked, request

PRICES = {
    "gpt-4o": {"input": 2.5, "output": 10, "cache_read": 1.25},
    "gpt-4o-mini*": {"input": 0.15, "output": 0.6},
    "embed": {"input": 0.02},
}
IN, OUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
READ, WRITTEN = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens"


def call(model: str | None = "gpt-4o", **more: Any) -> dict[str, Any]:
    return ({} if model is None else {"gen_ai.request.model": model}) | more


@pytest.mark.parametrize(
    ("span", "cost"),
    [
        (call(**{IN: 1000, OUT: 200}), 0.0045),
        (call(**{IN: 1000}), 0.0025),
        (call("gpt-4o-mini-2024-07-18", **{IN: 1_000_000, OUT: 1_000_000}), 0.75),
        (call("embed", **{IN: 500, OUT: 7}), 1e-05),
        (call(**{"gen_ai.usage.prompt_tokens": 1000, "gen_ai.usage.completion_tokens": 200}), 0.0045),
        (call(**{IN: 1000, "gen_ai.usage.prompt_tokens": 1000}), 0.0025),
        (call(**{IN: "1000", OUT: 200.0}), 0.0045),
        (call(**{IN: 1000, READ: 400}), 0.002),
        (call(**{IN: 1000, WRITTEN: 400}), 0.0025),
        (call("other", **{IN: 1000, "gen_ai.response.model": "gpt-4o"}), 0.0025),
        (call("gpt-4o", **{IN: 1000, "gen_ai.response.model": "gpt-4o-2024-08-06"}), 0.0025),
        (call("other", **{IN: 1000}), None),
        (call(None, **{IN: 1000}), None),
        (call(), None),
        (call(**{IN: "many"}), None),
    ],
)
def test_cost_of_a_call(walk: Walk, span: dict[str, Any], cost: float | None) -> None:
    """Guarantees: input and output by their prices per million; cached input by its own price where it has one."""
    found = walk("cost", {"prices": PRICES}, request(span)).attributes.get("cost.total")
    assert found == (None if cost is None else pytest.approx(cost, rel=1e-12))


def test_prices_are_for_as_many_tokens_as_the_configuration_says(walk: Walk) -> None:
    """Guarantees: `per_tokens`, `key` and `model_keys` are those of the configuration."""
    config = {"prices": {"m": {"input": 0.5}}, "per_tokens": 1000, "key": "llm.cost", "model_keys": ["llm.model"]}
    assert walk("cost", config, request({"llm.model": "m", IN: 3000})).attributes["llm.cost"] == 1.5


def test_what_the_sender_says_stands(walk: Walk) -> None:
    """Guarantees: a cost that came with the span is replaced only with `upsert`."""
    data = request(call(**{IN: 1000, "cost.total": 7.0}))
    assert walk("cost", {"prices": PRICES}, data).attributes["cost.total"] == 7.0
    assert walk("cost", {"prices": PRICES, "write": "upsert"}, data).attributes["cost.total"] == 0.0025


def test_models_without_a_price_are_counted(walk: Walk) -> None:
    """Guarantees: a call counts once, as found or as missing; spans without tokens or model do not count."""
    calls = [call(**{IN: 1}), call("x", **{"gen_ai.response.model": "embed", OUT: 1}), call("new", **{IN: 1}), call(),
             call(None, **{IN: 1})]  # fmt: skip
    assert walk("cost", {"prices": PRICES}, request(*calls)).lookups == [(2, 1)]


@pytest.mark.parametrize(
    ("name", "text"),
    [("p.csv", "model,input,output\nm,1,2\nn*,,3\n"), ("p.yaml", "m: {input: 1, output: 2}\nn*: {output: 3}\n")],
)
def test_prices_come_from_a_file(walk: Walk, tmp_path: Path, name: str, text: str) -> None:
    """Guarantees: YAML and CSV are read alike; an empty cell is no price."""
    (tmp_path / name).write_text(text)
    config = {"prices_file": str(tmp_path / name), "per_tokens": 1}
    spans = [call("m", **{IN: 1, OUT: 1}), call("n-1", **{IN: 9, OUT: 2})]
    found = walk("cost", config, request(*spans))
    costs = [attribute.value.double_value for span in found.spans for attribute in span.attributes
             if attribute.key == "cost.total"]  # fmt: skip
    assert costs == [3.0, 6.0]


@pytest.mark.parametrize("row", ["{input: -1}", "{input: cheap}", "{inptu: 1}", "{output: .inf}"])
def test_wrong_prices_in_a_file_are_refused(walk: Walk, tmp_path: Path, row: str) -> None:
    """Guarantees: the model is named, and the columns that there are."""
    (tmp_path / "p.yaml").write_text(f"good: {{input: 1}}\nbad: {row}\n")
    with pytest.raises(ValueError, match=r"p.yaml: 'bad': expected prices of at least 0 in columns input, output"):
        walk("cost", {"prices_file": str(tmp_path / "p.yaml")}, request(call()))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"prices": {}, "prices_file": "p.yaml"},
        {"prices": {"m": {"input": -1}}},
        {"prices": {"m": {"inptu": 1}}},
        {"prices": {}, "per_tokens": 0},
        {"prices": {}, "model_keys": []},
    ],
)
def test_contradictions_are_errors(wrong: Any) -> None:
    """Guarantees: one table of prices, no unknown columns, no negative prices."""
    with pytest.raises(ValidationError):
        CostConfig.model_validate(wrong)


def costs(walked: Walked) -> dict[tuple[tuple[str, str], ...], float]:
    """What was added up, by the labels that are not the processor's own."""
    return {
        tuple((key, text) for key, text in one.labels.items() if key not in ("pipeline", "processor")): one.value
        for one in walked.samples
        if one.name == "tailgate_cost"
    }


def test_costs_are_added_up_by_service_and_model(walk: Walk) -> None:
    """Guarantees: exact to a billionth, what the sender has said too; spans without a cost are in no series."""
    calls = [call(**{IN: 1000, OUT: 200})] * 3 + [call("embed", **{IN: 10})]
    said = call(**{"cost.total": 0.25, IN: 1_000_000})
    walked = walk("cost", {"prices": PRICES}, request(*calls, said, call(), resource={"service.name": "agent"}))
    agent = ("service_name", "agent")
    assert costs(walked) == {
        (agent, ("gen_ai_request_model", "gpt-4o")): 3 * 0.0045 + 0.25,
        (agent, ("gen_ai_request_model", "embed")): 2e-7,
    }
    own = {(one.labels["pipeline"], one.labels["processor"]) for one in walked.samples}
    assert own == {("traces", "cost")}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["tenant"], {(("tenant", "a"),): 3.0, (): 4.0}),
        ([], {(): 7.0}),
        (["user.tier", "tenant"], {(("user_tier", "gold"), ("tenant", "a")): 3.0, (("user_tier", "gold"),): 4.0}),
    ],
)
def test_the_labels_are_those_of_the_configuration(walk: Walk, labels: list[str], expected: Any) -> None:
    """Guarantees: the span's attributes, else its resource's; where there is none the label is left out."""
    spans = [call(cost=1.0, tenant="a"), call(cost=2, tenant="a"), call(cost=4)]
    config = {"prices": {}, "key": "cost", "metric": {"labels": labels}}
    assert costs(walk("cost", config, request(*spans, resource={"user.tier": "gold"}))) == expected


def test_costs_are_bounded_in_series(walk: Walk) -> None:
    """Scenario: more models than there is room for. Guarantees: the sum over a service stays true."""
    calls = [call(f"m{number}", **{"cost.total": 1}) for number in range(5)]
    config = {"prices": {}, "metric": {"limit": 2}}
    walked = walk("cost", config, request(*calls, resource={"service.name": "agent"}))
    found = costs(walked)
    assert len(found) == 3
    assert sum(found.values()) == 5
    assert found[("service_name", "agent"), ("otel_metric_overflow", "true")] == 3
    (over,) = [one.value for one in walked.samples if one.name == "tailgate_cost_overflowed_spans"]
    assert over == 3


def test_costs_that_nobody_wants_added_up(walk: Walk) -> None:
    """Guarantees: `metric.enabled: false` leaves nothing running and no metric; the cost is written all the same."""
    walked = walk("cost", {"prices": PRICES, "metric": {"enabled": False}}, request(call(**{IN: 1000})))
    assert walked.samples == []
    assert walked.attributes["cost.total"] == 0.0025


CONFIG = """
processors:
  cost: {prices: {gpt: {input: PRICE}}, per_tokens: 1}
  tail_sampling: {evaluation: ordered, decision_wait: 1s, policies: [], default: 0%}
exporters: {memory: }
connectors: {span_metrics: }
"""


def test_costs_of_what_is_dropped_and_over_a_reload(tmp_path: Path) -> None:
    """Scenario: a sampler drops every trace, a connector counts beside it, and then the prices change.

    Guarantees: the sum is of all spans, goes on over the reload, and neither counts for the other.
    """

    def configured(price: str) -> Configuration:
        file = tmp_path / "tailgate.yaml"
        rows = pipelines("cost, tail_sampling", "memory, span_metrics")
        file.write_text(HEAD + CONFIG.replace("PRICE", price) + rows, encoding="utf-8")
        return load([file], Tables(TABLES.receivers, TABLES.processors, TABLES.exporters, CONNECTORS), {})

    def summed(service: Service) -> list[float]:
        return [sample.value for sample in service.samples() if sample.name == "tailgate_cost"]

    call = one_request((1, "chat", {"gen_ai.request.model": "gpt", IN: "3"}), (2, "work", {}))

    async def scenario() -> None:
        service = Service(configured("2"), load_kernel())
        intake = Intake(list(service.pipelines.values()), service.governor, service.clock)
        intake.consume(call, nothing)
        service.pipelines["traces"].judge(1 << 62)
        assert service.pipelines["traces"].dropped.total() == 2
        service._open()
        assert summed(service) == [6.0]
        await service.reload(configured("5"))
        intake.consume(call, nothing)
        assert summed(service) == [21.0]
        page = exposition(service.backgrounds.families(), False)
        assert 'span_name="chat",span_kind="SPAN_KIND_UNSPECIFIED",status_code="STATUS_CODE_UNSET"} 2' in page
        await service.stop(1)

    asyncio.run(scenario())


def test_labels_that_would_be_one() -> None:
    """Guarantees: two attributes that would be the same label, or one of its own, are refused."""
    for labels in (["a.b", "a_b"], ["pipeline"], ["otel.metric.overflow"]):
        with pytest.raises(ValidationError, match="several would be the label"):
            CostConfig.model_validate({"prices": {}, "metric": {"labels": labels}})

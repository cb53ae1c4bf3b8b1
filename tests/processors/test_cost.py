"""`cost`: tokens times prices, on spans that have both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tailgate.processors.cost import CostConfig

from .conftest import Walk, request

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

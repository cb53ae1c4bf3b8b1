"""`cost`: what a call of a language model has cost, from its tokens (`gen_ai.usage.*`) and a table of prices.

What stands on a span then is also added up, by a few of its attributes, for Prometheus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..config.beside import FileBeside
from ..config.lookups import Rows, read_rows, split_prefixes
from ..connectors.labels import OVERFLOW, clashes, label_name
from ..kernel.contract import Stage
from ..kernel.meters import Meter
from ..rules.values import any_value
from ..telemetry.samples import Sample
from .base import BuildContext, Fused, ProcessorSpec

MODELS = ("gen_ai.response.model", "gen_ai.request.model")
INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
CACHED = {
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
}
"""Kinds of input tokens that have prices of their own; they are among the input tokens (semantic conventions)."""
COLUMNS = ("input", "output", *CACHED)
_OWN = ("pipeline", "processor")
"""Labels that the metric has in any case."""
_KEYS, _GROUPS = 16_384, 1000
"""Different series that are told apart within one request, and overflow series."""
_BILLION = 10**9
_ITSELF = "model"
"""The column in which a row has what it is found by."""

Value = list[Any]


class Price(BaseModel):
    """What `per_tokens` tokens of a model cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float | None = Field(None, ge=0, allow_inf_nan=False)
    output: float | None = Field(None, ge=0, allow_inf_nan=False)
    cache_read: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Of input tokens that were read from a cache; default: as `input`."""
    cache_write: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Of input tokens that were written to a cache; default: as `input`."""


class CostMetric(BaseModel):
    """`metric`: costs added up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    """false: costs are not added up."""
    labels: list[str] = Field(["service.name", "gen_ai.request.model"], max_length=16)
    """Attributes by which they are: the span's, else its resource's; without it the label is left out."""
    limit: int = Field(2000, ge=1, le=100_000)
    """The most series; what is beyond is added up in series with `otel_metric_overflow`, one for each first label."""

    @field_validator("labels")
    @classmethod
    def _different(cls, labels: list[str]) -> list[str]:
        found = clashes([*_OWN, OVERFLOW[0], *labels])
        if found:
            raise ValueError(f"several would be the label {', '.join(found)}")
        return labels


class CostConfig(BaseModel):
    """`cost`: `cost.total` on spans with token counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    prices_file: FileBeside | None = None
    """A YAML or CSV file with the columns `input`, `output`, `cache_read` and `cache_write` by model; a model that ends
    in `*` is for all that begin so. At most 1 MiB; a change is taken over as that of a rule file."""
    prices: dict[str, Price] | None = None
    """The prices themselves, instead of a file."""
    per_tokens: int = Field(1_000_000, ge=1, le=10**12)
    """How many tokens the prices are for."""
    key: str = Field("cost.total", min_length=1)
    """The attribute that is written, in the prices' currency."""
    model_keys: list[str] = Field(list(MODELS), min_length=1, max_length=8)
    """Attributes that name the model; the first that has a price counts."""
    write: Literal["insert", "upsert"] = "insert"
    """What the sender says stands (`insert`), or is replaced (`upsert`)."""
    metric: CostMetric = CostMetric()
    """`tailgate_cost_total`: what all spans have cost, sampled or not, if a sampler stands behind this."""

    @model_validator(mode="after")
    def _one_table(self) -> CostConfig:
        if (self.prices_file is None) == (self.prices is None):
            raise ValueError("expected exactly one of prices_file and prices")
        return self


def _prices(config: CostConfig) -> dict[str, Price]:
    """Return the prices. Raises ValueError and OSError when they cannot be read."""
    if config.prices_file is None:
        return dict(config.prices or {})
    rows: Rows = read_rows(config.prices_file)
    prices, wrong = {}, []
    for model, row in rows.items():
        try:
            prices[model] = Price.model_validate(row)
        except ValueError:
            wrong.append(model)
    if wrong:
        expected = f"expected prices of at least 0 in columns {', '.join(COLUMNS)}"
        raise ValueError(f"{config.prices_file}: {', '.join(map(repr, wrong))}: {expected}")
    return prices


def _row(model: str, price: Price) -> list[tuple[str, bytes]]:
    given = {name: value for name in COLUMNS if (value := getattr(price, name)) is not None}
    columns: dict[str, Any] = {_ITSELF: model.removesuffix("*"), **given}
    return [(name, any_value(value).SerializeToString()) for name, value in columns.items()]


def _attribute(key: str) -> Value:
    return ["attr", "span", key]


def _tokens(keys: tuple[str, ...]) -> Value:
    """Return a count as a double; numbers in texts count."""
    return ["call", "double", ["first", *(_attribute(key) for key in keys)]]


def _model(index: int, keys: list[str]) -> Value:
    """Return the name under which the model has a price; without one, the name that it has."""
    priced: list[Value] = [["lookup", index, _ITSELF, _attribute(key)] for key in keys]
    return ["first", *priced, *(_attribute(key) for key in keys)]


def cost_value(index: int, config: CostConfig) -> Value:
    """Return how the kernel computes the cost; absent where there is nothing to multiply."""
    model = _model(index, config.model_keys)
    price = {name: ["lookup", index, name, model] for name in COLUMNS}
    parts: list[Value] = [["*", _tokens(INPUT), price["input"]], ["*", _tokens(OUTPUT), price["output"]]]
    for name, key in CACHED.items():
        parts.append(["*", _tokens((key,)), ["-", price[name], price["input"]]])
    return ["/", ["sum", *parts], ["lit", float(config.per_tokens)]]


def build(config: CostConfig, context: BuildContext) -> Fused:
    """Return the stage that computes the cost. Raises ValueError and OSError when the prices cannot be read."""
    if not config.enabled:
        return Fused([])
    lookup = context.kernel.lookup()
    lookup.fill(*split_prefixes({model: _row(model, price) for model, price in _prices(config).items()}))
    index = context.lookup_index(lookup, Path(config.prices_file).name if config.prices_file else "prices")
    count = {"do": "lookup", "in": index, "by": [[{"of": _model(index, config.model_keys)}]], "write": "nothing"}
    write = {"do": config.write, "key": config.key, "of": cost_value(index, config)}
    counted = [["exists", _attribute(key)] for key in (*INPUT, *OUTPUT)]
    edit: Stage = {"kind": "edit", "on": "span", "if": ["or", *counted], "actions": [count, write]}
    return Fused([edit, *_summing(config, context)])


def _summing(config: CostConfig, context: BuildContext) -> list[Stage]:
    """Return the stage that adds up; what it has goes on over a reload that changes prices."""
    metric = config.metric
    if not metric.enabled:
        return []
    spec = {
        "kind": "spans",
        "by": [{"of": [["attr", "any", name]], "default": None} for name in metric.labels],
        "value": _attribute(config.key),
        "bounds": [],
        "keys": max(_KEYS, metric.limit),
        "series": metric.limit,
        "groups": _GROUPS if metric.labels else 0,
        "exemplars": 0,
    }
    own = {"pipeline": context.pipeline, "processor": context.id}
    key = ("cost", *own.values(), config.key, metric.model_dump_json())
    costs = context.background(key, partial(Costs, own, metric.labels, context.kernel.meter(spec)))
    if not isinstance(costs, Costs):
        raise TypeError(f"{context.id} adds up no costs")
    return [{"kind": "measure", "in": context.meter_index(costs.meter), "count": True, "exemplars": False}]


class Costs:
    """What was added up; a `Background` without work of its own."""

    def __init__(self, own: Mapping[str, str], attributes: Sequence[str], meter: Meter) -> None:
        """`own`: labels that all series have; `attributes`: those by which there are several."""
        self.meter, self._own, self._labels = meter, own, [label_name(name) for name in attributes]

    async def run(self) -> None:
        """Wait until cancelled: it is counted by the walk."""
        await asyncio.Event().wait()

    async def ready(self) -> None:
        """Return at once."""

    def samples(self) -> Iterator[Sample]:
        """Yield the sums, in the prices' currency, and how many spans went to overflow series."""
        series, text = self.meter.series(), "What calls have cost, before sampling, in the currency of the prices"
        for key, overflow, total in zip(series.keys, series.overflow, series.sums, strict=True):
            labels = {name: value for name, value in zip(self._labels, key, strict=True) if value is not None}
            more = dict([OVERFLOW]) if overflow else {}
            yield Sample("tailgate_cost", "counter", text, total / _BILLION, {**self._own, **labels, **more})
        text = "Calls whose cost was added up in overflow series, because there were as many series as there may be"
        yield Sample("tailgate_cost_overflowed_spans", "counter", text, self.meter.stats().overflowed, self._own)


def plan(config: CostConfig) -> Iterator[str]:
    """Yield what is computed, in a sentence."""
    table = config.prices_file or f"{len(config.prices or ())} prices"
    yield f"writes {config.key} on spans with token counts, by {table} for {config.per_tokens} tokens ({config.write})"
    if config.metric.enabled:
        yield f"adds up {config.key} by {', '.join(config.metric.labels) or 'nothing'}: tailgate_cost_total on /metrics"


SPEC = ProcessorSpec("cost", CostConfig, build, plan=plan)

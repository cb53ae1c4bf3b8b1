"""From a configured pipeline to its row, in the order written; each pipeline has its own instances."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import partial

from ..config.errors import BuildError
from ..config.model import Component, Configuration, PipelineConfig
from ..connectors.base import Connector, ConnectorSpec
from ..kernel.contract import Kernel
from ..telemetry.clock import Clock
from .base import Background, Batching, BuildContext, Limiting, Part, ProcessorSpec, Witness
from .measuring import Metered, measured
from .memory_limiter import default_limits
from .row import Row, RowError, build_segments

Parts = list[tuple[str, Part]]
"""A pipeline's parts by component id."""
Built = tuple[Parts, BuildContext]
"""The same with what they were built with."""


def new_context(pipeline: PipelineConfig, kernel: Kernel, witness: Witness | None = None) -> BuildContext:
    """Return what the processors of a pipeline are built with, the first time."""
    return BuildContext("", pipeline.id, kernel, kernel.labels(), context=[], witness=witness, signal=pipeline.signal)


def build_parts(pipeline: PipelineConfig, config: Configuration, context: BuildContext) -> Parts:
    """Build the processors of a pipeline. Raises `BuildError`."""
    parts: Parts = []
    for component in (config.processors[key] for key in pipeline.processors):
        if component.enabled:
            context.id = component.id
            parts.append((component.id, _build_part(component, pipeline, context)))
    return parts


def build_all(
    config: Configuration, kernel: Kernel, before: Mapping[str, BuildContext] | None = None
) -> dict[str, Built]:
    """Build each pipeline's parts; `before`: what those were built with that they will replace. Raises `BuildError`."""
    built: dict[str, Built] = {}
    backgrounds: dict[Hashable, Background] = {}
    for key, pipeline in config.pipelines.items():
        context = before[key].anew() if before else new_context(pipeline, kernel)
        context.backgrounds = backgrounds  # one for all pipelines
        parts = build_parts(pipeline, config, context)
        built[key] = measured(parts, _connected(pipeline, config, context)), context
    return built


def _connected(pipeline: PipelineConfig, config: Configuration, context: BuildContext) -> list[Metered]:
    """Return the connectors that a pipeline sends to; each is one for all pipelines, and goes on over reloads."""
    found = []
    for component in (config.connectors[key] for key in pipeline.connectors):
        key = ("connector", component.id, component.config.model_dump_json())
        connector = context.background(key, partial(_connector, component, context.kernel))
        if not isinstance(connector, Connector):
            raise TypeError(f"{component.id} is no connector")
        # What goes nowhere else is not kept.
        found.append(Metered(context.meter_index(connector.meter), connector.exemplars and bool(pipeline.exporters)))
    return found


def _connector(component: Component[ConnectorSpec], kernel: Kernel) -> Connector:
    return component.spec.build(component.config, component.id, kernel, Clock())


def batches(pipelines: Mapping[str, Built]) -> dict[str, tuple[int, int, float] | None]:
    """Return each pipeline's (send_batch_size, send_batch_max_size, timeout in seconds), None without a `batch`."""
    return {key: _batch_sizes(parts) for key, (parts, _) in pipelines.items()}


def _batch_sizes(parts: Parts) -> tuple[int, int, float] | None:
    batch = next((part for _, part in parts if isinstance(part, Batching)), None)
    return (batch.send_batch_size, batch.send_batch_max_size, batch.timeout) if batch else None


def strictest(pipelines: Iterable[Built]) -> Limiting:
    """Return the bounds of memory for the process: the strictest of the memory limiters, or the defaults."""
    limits = [part for built, _ in pipelines for _, part in built if isinstance(part, Limiting)]
    return min(limits, key=lambda limit: limit.hard_bytes, default=default_limits())


def join_row(pipeline: PipelineConfig, parts: Parts, context: BuildContext) -> Row:
    """Compile the parts into a row. Raises `BuildError` when they cannot stand in this order."""
    try:
        segments = build_segments(
            parts, context.kernel, context.context, context.lookups, meters=context.meters, signal=context.signal
        )
        return Row(segments, pipeline.id, len(context.context))
    except RowError as error:
        raise _placed(pipeline, error.component, f"cannot stand here: {error.why}") from None


def build_row(
    pipeline: PipelineConfig, config: Configuration, kernel: Kernel, witness: Witness | None = None
) -> tuple[Row, list[str]]:
    """Build a pipeline's row alone, for tools that run it with a time of their own; also the names of its context."""
    context = new_context(pipeline, kernel, witness)
    return join_row(pipeline, build_parts(pipeline, config, context), context), context.context


def _build_part(component: Component[ProcessorSpec], pipeline: PipelineConfig, context: BuildContext) -> Part:
    """Build one processor. Raises `BuildError` at the place where the pipeline names it."""
    try:
        return component.spec.build(component.config, context)
    except (OSError, ValueError) as error:
        raise _placed(pipeline, component.id, f"cannot be built: {error}") from error


def _placed(pipeline: PipelineConfig, component: str, why: str) -> ValueError:
    place = pipeline.places.get(component)
    text = f"{component!r} {why}"
    return ValueError(text) if place is None else BuildError(place.problem(text))

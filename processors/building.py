"""From a configured pipeline to its row, in the order written; each pipeline has its own instances."""

from __future__ import annotations

from ..config.errors import BuildError
from ..config.model import Component, Configuration, PipelineConfig
from ..kernel.contract import Kernel
from .base import BuildContext, Part, ProcessorSpec, Witness
from .row import Row, RowError, build_segments

Parts = list[tuple[str, Part]]
"""A pipeline's parts by component id."""
Built = tuple[Parts, BuildContext]
"""The same with what they were built with."""


def build_parts(pipeline: PipelineConfig, config: Configuration, context: BuildContext) -> Parts:
    """Build the processors of a pipeline. Raises `BuildError`."""
    parts: Parts = []
    for component in (config.processors[key] for key in pipeline.processors):
        if component.enabled:
            context.id = component.id
            parts.append((component.id, _build_part(component, pipeline, context)))
    return parts


def join_row(pipeline: PipelineConfig, parts: Parts, context: BuildContext) -> Row:
    """Compile the parts into a row. Raises `BuildError` when they cannot stand in this order."""
    try:
        return Row(build_segments(parts, context.kernel, context.context, context.lookups), pipeline.id)
    except RowError as error:
        raise _placed(pipeline, error.component, f"cannot stand here: {error.why}") from None


def build_row(
    pipeline: PipelineConfig, config: Configuration, kernel: Kernel, witness: Witness | None = None
) -> tuple[Row, list[str]]:
    """Build a pipeline's row alone, for tools that run it with a time of their own; also the names of its context."""
    context = BuildContext("", pipeline.id, kernel, kernel.labels(), context=[], witness=witness)
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

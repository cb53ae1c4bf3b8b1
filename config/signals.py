"""Which components can stand in a pipeline of which signal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..processors.base import ProcessorSpec
from ..telemetry.signals import SIGNALS, Signal
from .components import Components
from .errors import Problem, one_of
from .model import Component, FollowConfig
from .shape import Follow, Pipeline
from .tree import Node


def signal_of(pipeline: str) -> Signal:
    """Return the signal that a pipeline's id begins with; of an id that is none, traces."""
    return next((signal for signal in SIGNALS if signal == pipeline.partition("/")[0]), "traces")


def misplaced(pipelines: Mapping[str, Node], components: Components) -> Iterator[Problem]:
    """Yield the processors and exporters that cannot be used on the signal of a pipeline that names them."""
    for id_, row in pipelines.items():
        signal = signal_of(id_)
        for item in _items(row, "processors"):
            processor = components.processors.get(str(item.value))
            why = None if processor is None or processor.off else _why_not(processor, signal)
            if why is not None:
                yield item.place.problem(f"the processor {item.value!r} {why}")
        for item in _items(row, "exporters"):
            if signal != "traces" and item.value in components.connectors:
                yield item.place.problem(
                    f"the connector {item.value!r} takes 'traces' only, this is a pipeline of {signal}"
                )
            exporter = components.exporters.get(str(item.value))
            why = None if exporter is None else exporter.spec.unfit(exporter.config, signal)
            if why is not None:
                yield item.place.problem(f"the exporter {item.value!r} {why}")


def _items(row: Node, role: str) -> list[Node]:
    listed = row.child(role)
    return listed.items if listed is not None else []


def _why_not(processor: Component[ProcessorSpec], signal: Signal) -> str | None:
    spec = processor.spec
    if signal not in spec.signals:
        return f"takes {one_of(spec.signals)} only, this is a pipeline of {signal}"
    return spec.unfit(processor.config, signal)


def following(
    pipelines: Mapping[str, Pipeline], nodes: Mapping[str, Node], components: Components, problems: list[Problem]
) -> dict[str, FollowConfig]:
    """Return whom each pipeline with `follow_trace` follows; what cannot be followed is reported."""
    found: dict[str, FollowConfig] = {}
    for id_, row in pipelines.items():
        node = nodes[id_].child("follow_trace")
        if row.follow_trace is None or node is None:
            continue
        hosts = _hosts(row.follow_trace, pipelines, components)
        why = _why_not_followed(id_, row.follow_trace, hosts, components, list(found.values()))
        if why is not None:
            problems.append(node.head.problem(why))
        else:
            found[id_] = FollowConfig(hosts[0], row.follow_trace.sampler, row.follow_trace.unmatched)
    return found


def _hosts(follow: Follow, pipelines: Mapping[str, Pipeline], components: Components) -> list[str]:
    """Return the pipelines of traces in which the sampler stands."""
    sampler = components.processors.get(follow.sampler)
    if sampler is None or sampler.off or sampler.type != "tail_sampling":
        return []
    rows = [id_ for id_, row in pipelines.items() if signal_of(id_) == "traces" and follow.sampler in row.processors]
    return [id_ for id_ in rows if follow.pipeline in (None, id_)]


def _why_not_followed(
    id_: str, follow: Follow, hosts: list[str], components: Components, others: list[FollowConfig]
) -> str | None:
    if signal_of(id_) != "logs":
        return f"follow_trace is for pipelines of logs, this is one of {signal_of(id_)}"
    if not hosts:
        samplers = one_of(key for key, one in components.processors.items() if one.type == "tail_sampling")
        where = f"the pipeline {follow.pipeline!r}" if follow.pipeline else "a pipeline of traces"
        return f"there is no sampler {follow.sampler!r} in {where}, expected one of {samplers}"
    if len(hosts) > 1:
        return f"the sampler {follow.sampler!r} stands in several pipelines, expected `pipeline:` {one_of(hosts)}"
    if any((other.pipeline, other.sampler) == (hosts[0], follow.sampler) for other in others):
        return f"another pipeline follows the sampler {follow.sampler!r} of {hosts[0]!r} already"
    return None

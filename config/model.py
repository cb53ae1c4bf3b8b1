"""A configuration that has been read, merged, resolved and checked: what the pipelines are built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from ..connectors.base import ConnectorSpec
from ..exporters.base import ExporterSpec
from ..processors.base import ProcessorSpec
from ..receivers.base import ReceiverSpec
from ..telemetry.signals import Signal
from .errors import Problem
from .files import named_files
from .tree import Node, Place

Spec = ReceiverSpec | ProcessorSpec | ExporterSpec | ConnectorSpec
S = TypeVar("S", bound=Spec, covariant=True)

DEFAULT_GRACE = 25_000_000_000
"""Nanoseconds between SIGTERM and the end: below Kubernetes' 30 s, so that the flush is over before SIGKILL."""


@dataclass(frozen=True)
class Tables:
    """The components that exist; the loader is given them and knows none by itself."""

    receivers: Sequence[ReceiverSpec]
    processors: Sequence[ProcessorSpec]
    exporters: Sequence[ExporterSpec]
    connectors: Sequence[ConnectorSpec] = ()


@dataclass(frozen=True)
class Component(Generic[S]):
    """One configured component."""

    id: str
    """As written: `type` or `type/name`, where the type may be an alias."""
    type: str
    """The canonical name, `spec.name`."""
    spec: S
    config: BaseModel
    """Validated; an instance of `spec.config`."""
    enabled: bool
    """Some pipeline names it, and it is not `off`; what is not enabled has been checked, but is not built."""
    off: bool = False
    """`enabled: false` stands in its block."""
    node: Node | None = field(default=None, repr=False, compare=False)
    """Where it is written, for what is found out about it later."""


@dataclass(frozen=True)
class FollowConfig:
    """Whose verdicts the log records of a pipeline follow."""

    pipeline: str
    """The pipeline of traces."""
    sampler: str
    """The id of its sampler."""
    unmatched: Literal["keep", "drop"]


@dataclass(frozen=True)
class PipelineConfig:
    """One row of components, by id, in the order of effect."""

    id: str
    """`traces`, `logs` or `metrics`, or one of these with a name behind it: `logs/audit`."""
    signal: Signal
    receivers: tuple[str, ...]
    processors: tuple[str, ...]
    exporters: tuple[str, ...]
    connectors: tuple[str, ...] = ()
    """Those of its exporters that are connectors; they are not among `exporters`."""
    sources: tuple[str, ...] = ()
    """Those of its receivers that are connectors; they are not among `receivers`."""
    follow: FollowConfig | None = None
    """Of logs: whose verdicts they follow."""
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)
    """Where the pipeline names each processor, for errors that show only when it is built."""


@dataclass(frozen=True)
class MetricsConfig:
    """Where the Prometheus metrics are served."""

    host: str = "0.0.0.0"  # noqa: S104 - scraped from outside the pod
    port: int = 8888
    enabled: bool = True
    """False for `level: none` and for an empty list of readers."""
    legacy_names: bool = False
    """Counters are exposed without `_total` as well."""
    also: tuple[tuple[str, int], ...] = ()
    """Other hosts and ports where they are served: those of the exporters `prometheus` behind connectors."""


@dataclass(frozen=True)
class LogsConfig:
    """Tailgate's own log."""

    level: Literal["debug", "info", "warn", "error"] = "info"


@dataclass(frozen=True)
class HealthConfig:
    """Where readiness and liveness are served."""

    host: str = "0.0.0.0"  # noqa: S104 - probed by the kubelet
    port: int = 13133
    path: str = "/"


@dataclass(frozen=True)
class Configuration:
    """The whole."""

    receivers: Mapping[str, Component[ReceiverSpec]]
    processors: Mapping[str, Component[ProcessorSpec]]
    exporters: Mapping[str, Component[ExporterSpec]]
    pipelines: Mapping[str, PipelineConfig]
    connectors: Mapping[str, Component[ConnectorSpec]] = field(default_factory=dict)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    logs: LogsConfig = field(default_factory=LogsConfig)
    health: HealthConfig | None = None
    """None when `service.extensions` does not list `health_check`."""
    shutdown_grace: int = DEFAULT_GRACE
    """Nanoseconds."""
    worker_threads: int | Literal["auto"] = 0
    """Beside the event loop; `auto`: as many as the CPUs leave."""
    hash: str = ""
    """SHA-256 (hex) over the resolved data: two files that say the same have the same."""
    sources: tuple[str, ...] = ()
    """The files that were read, rule files too."""
    warnings: tuple[Problem, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """All files that this was made of: the sources, and keys and certificates of processors and exporters."""
        components: list[Component[Any]] = [*self.processors.values(), *self.exporters.values()]
        used = [component.config for component in components if component.enabled]
        return tuple(dict.fromkeys((*self.sources, *named_files(used))))

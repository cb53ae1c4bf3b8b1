"""The parts of a configuration that belong to no component: the collector's `service` and `extensions`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from ..rules.durations import Duration
from .model import DEFAULT_GRACE


def parse_endpoint(value: Any) -> tuple[str, int]:
    """Return host and port of `host:port`, `[v6]:port` or `:port` (all addresses). Raises ValueError."""
    expected = "expected host:port such as 0.0.0.0:8888"
    if not isinstance(value, str):
        raise ValueError(expected)  # noqa: TRY004 - pydantic wants ValueError
    host, colon, port = value.strip().rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65_536):
        raise ValueError(f"{value!r} is no address: {expected}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host or "/" in host:
        raise ValueError(f"{value!r} is no address: {expected} (an IPv6 address in brackets, no scheme)")
    return host or "0.0.0.0", int(port)  # noqa: S104 - what an empty host means everywhere


def _level(value: Any) -> Any:
    if isinstance(value, str):
        return {"warning": "warn"}.get(value.lower(), value.lower())
    return value


Endpoint = Annotated[
    tuple[str, int],
    BeforeValidator(parse_endpoint),
    WithJsonSchema({"title": "address", "type": "string", "examples": ["0.0.0.0:8888"]}),
]
Level = Annotated[Literal["debug", "info", "warn", "error"], BeforeValidator(_level)]
Detail = Annotated[Literal["none", "basic", "normal", "detailed"], BeforeValidator(_level)]


class Shape(BaseModel):
    """A mapping in which every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HealthCheck(Shape):
    """`extensions.health_check`."""

    endpoint: Endpoint = ("0.0.0.0", 13133)  # noqa: S104 - probed by the kubelet
    path: str = Field("/", pattern="^/")
    """Where readiness is asked for; `/ready` and `/live` answer as well."""


class Prometheus(Shape):
    """`readers[].pull.exporter.prometheus`; the `with` keys shape the collector's own metrics and are only accepted."""

    host: str = "0.0.0.0"  # noqa: S104 - scraped from outside the pod
    port: int = Field(8888, ge=0, le=65_535)
    without_scope_info: bool | None = None
    """Without effect."""
    without_units: bool | None = None
    """Without effect."""
    without_type_suffix: bool | None = None
    """Without effect."""
    with_resource_constant_labels: dict[str, Any] | None = None
    """Without effect."""
    translation_strategy: str | None = None
    """Without effect."""


class PullExporter(Shape):
    """`readers[].pull.exporter`."""

    prometheus: Prometheus


class Pull(Shape):
    """`readers[].pull`."""

    exporter: PullExporter


class Reader(Shape):
    """One of `readers`; one that pushes (`periodic`) is accepted without effect."""

    pull: Pull | None = None
    periodic: dict[str, Any] | None = None
    """Accepted with a warning, without effect."""


class Metrics(Shape):
    """`service.telemetry.metrics`: where Prometheus scrapes."""

    level: Detail = "normal"
    """`none`: metrics are not served; the others are alike."""
    address: Endpoint | None = None
    """The older form; `readers` is the newer one."""
    readers: list[Reader] | None = None
    """The newer form of `address`; one reader that is scraped."""
    views: list[Any] | None = None
    """Accepted with a warning, without effect."""
    legacy_names: bool = False
    """Counters are also served without `_total`."""

    @model_validator(mode="after")
    def _one_address(self) -> Metrics:
        if self.address is not None and self.readers is not None:
            raise ValueError("address and readers both say where the metrics are served; expected one of them")
        if sum(1 for reader in self.readers or () if reader.pull) > 1:
            raise ValueError("several readers are to be scraped, expected one")
        return self


class Logs(Shape):
    """`service.telemetry.logs`; but for the level it is accepted without effect: the log is JSON lines on stderr."""

    level: Level = "info"
    """Of the log, JSON lines on stderr."""
    encoding: str | None = None
    """Accepted with a warning, without effect, as are those below unless they say otherwise."""
    development: bool | None = None
    """Without effect."""
    disable_caller: bool | None = None
    """Without effect."""
    disable_stacktrace: bool | None = None
    """Without effect."""
    disable_zap_resource: bool | None = None
    """Without effect."""
    sampling: dict[str, Any] | None = None
    output_paths: list[str] | None = None
    error_output_paths: list[str] | None = None
    initial_fields: dict[str, Any] | None = None
    processors: list[Any] | None = None


class Telemetry(Shape):
    """`service.telemetry`: Tailgate's own telemetry."""

    logs: Logs = Logs()
    metrics: Metrics = Metrics()
    traces: dict[str, Any] | None = None
    """Accepted with a warning, without effect."""
    resource: dict[str, Any] | None = None
    """Accepted with a warning, without effect."""


class Follow(Shape):
    """`follow_trace` of a pipeline of logs: log records are held with their trace and follow its verdict."""

    sampler: str
    """The id of a `tail_sampling` processor; alone, it can stand in the place of the mapping."""
    pipeline: str | None = None
    """The pipeline of traces that the sampler stands in; needed only where it stands in several."""
    unmatched: Literal["keep", "drop"] = "keep"
    """What becomes of log records whose trace does not come within the sampler's `decision_wait`."""


def _follow(value: Any) -> Any:
    return {"sampler": value} if isinstance(value, str) else value


class Pipeline(Shape):
    """One of `service.pipelines`: ids of components, in the order of effect."""

    receivers: list[str] = Field(min_length=1)
    """Ids of receivers, at least one; of metrics also of connectors."""
    processors: list[str] = []
    """Ids of processors, in the order of effect."""
    follow_trace: Annotated[Follow, BeforeValidator(_follow, json_schema_input_type=str | Follow)] | None = None
    """Of logs: records with a trace id are held with their trace, and are sent if it is kept."""
    exporters: list[str] = Field(min_length=1)
    """Ids of exporters, at least one."""


class Service(Shape):
    """`service`: what runs."""

    extensions: list[str] = []
    """Ids of the extensions that run."""
    pipelines: dict[str, Pipeline] = Field(min_length=1)
    """By id: `traces`, `logs` or `metrics`, or one of these with a name behind it, as in `logs/audit`."""
    telemetry: Telemetry = Telemetry()
    shutdown_grace: Duration = DEFAULT_GRACE
    """Our own key: how long a stop may take, judging and flushing included."""
    worker_threads: Literal["auto"] | Annotated[int, Field(ge=0, le=64)] = 0
    """Our own key: threads that walk requests beside the event loop; `auto`: one less than the CPUs, at most 8."""


class Document(Shape):
    """A whole configuration; the components are checked one by one against the tables."""

    receivers: dict[str, Any] = {}
    """Components by id."""
    processors: dict[str, Any] = {}
    """Components by id."""
    exporters: dict[str, Any] = {}
    """Components by id."""
    connectors: dict[str, Any] = {}
    """Components by id; pipelines of traces name them among their exporters, those of metrics among their receivers."""
    extensions: dict[str, Any] = {}
    """Components by id."""
    service: Service
    """What runs."""


SECTIONS = tuple(Document.model_fields)
"""The keys at the top of a configuration."""

NO_EFFECT = (
    "service.telemetry.traces",
    "service.telemetry.resource",
    "service.telemetry.metrics.views",
    "service.telemetry.logs.encoding",
    "service.telemetry.logs.sampling",
    "service.telemetry.logs.output_paths",
    "service.telemetry.logs.error_output_paths",
    "service.telemetry.logs.initial_fields",
    "service.telemetry.logs.processors",
)
"""Keys of the collector that are accepted with a warning."""

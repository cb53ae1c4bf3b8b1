"""Components that exist only here, so that these tests depend on the loader alone."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from tailgate.config.errors import ConfigErrors
from tailgate.config.loader import load
from tailgate.config.model import Tables
from tailgate.exporters.base import ExporterSpec
from tailgate.processors.base import ProcessorSpec
from tailgate.receivers.base import ReceiverSpec
from tailgate.rules.durations import Duration


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Grpc(Strict):
    endpoint: str = "localhost:4317"
    max_recv_msg_size_mib: int = 4


class Protocols(Strict):
    grpc: Grpc | None = None
    http: dict[str, Any] | None = None


class Wire(Strict):
    protocols: Protocols = Protocols()


class Latency(Strict):
    type: Literal["latency"]
    name: str
    latency: dict[str, int] = {}
    threshold: int


class Counting(Strict):
    type: Literal["span_count"]
    name: str
    min_spans: int = 1


class Sampling(Strict):
    wait: Duration = 0
    policies: list[Annotated[Latency | Counting, Field(discriminator="type")]] = []
    default: str | None = None


class Rule(Strict):
    pattern: str
    keep: int = 0


class Scrub(Strict):
    packs: list[Literal["pii", "network"]] = []
    detectors: list[str | Rule] = []
    hmac_key: SecretStr | None = None
    rate: float = Field(1, ge=0, le=1)
    note: str = ""

    @field_validator("note")
    @classmethod
    def _short(cls, note: str) -> str:
        if len(note) > 12:
            raise ValueError(f"{note!r} is too long a note, expected at most 12 characters")
        return note

    @model_validator(mode="after")
    def _consistent(self) -> "Scrub":
        if self.packs == ["network"] and self.rate == 0:
            raise ValueError("a rate of 0 leaves nothing to scrub")
        return self


class Enrich(Strict):
    actions: list[dict[str, Any]] = []
    value: Any = None


class Retention(Strict):
    default: dict[str, Any] = {}
    policies: list[dict[str, Any]] = []


class Upstream(Strict):
    endpoint: str
    insecure: bool = False
    headers: dict[str, str] = {}
    queue_size: int = 100
    timeout: Duration = 5


class Nothing(Strict):
    pass


def unused(*_: Any) -> Any:
    raise AssertionError("loading builds nothing")


TABLES = Tables(
    receivers=[ReceiverSpec("otlp", Wire, unused)],
    processors=[
        ProcessorSpec("tail_sampling", Sampling, unused),
        ProcessorSpec("scrub", Scrub, unused),
        ProcessorSpec("enrich", Enrich, unused, aliases=("attributes",)),
        ProcessorSpec("retention", Retention, unused),
        ProcessorSpec("memory_limiter", Nothing, unused),
        ProcessorSpec("batch", Nothing, unused),
    ],
    exporters=[
        ExporterSpec("otlp", Upstream, unused, aliases=("otlp_grpc",)),
        ExporterSpec("debug", Nothing, unused),
    ],
)

WHOLE = """\
receivers:
  otlp:
    protocols:
      grpc:
processors:
  scrub: {}
exporters:
  debug:
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [scrub]
      exporters: [debug]
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Write files into an empty folder, which becomes the working directory (so messages have short names)."""
    monkeypatch.chdir(tmp_path)

    def write(**files: str) -> None:
        for name, text in files.items():
            (tmp_path / name.replace("_yaml", ".yaml")).write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def read(tree) -> Callable[..., Any]:
    """(text, env) -> the configuration of one file `c.yaml`."""

    def one(text: str, env: dict[str, str] | None = None) -> Any:
        tree(c_yaml=text)
        return load(["c.yaml"], TABLES, env or {})

    return one


@pytest.fixture
def errors(read) -> Callable[..., list[str]]:
    """(text, env) -> the errors of one file `c.yaml`, without warnings, as people see them."""

    def of(text: str, env: dict[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigErrors) as raised:
            read(text, env)
        return [str(problem) for problem in raised.value.problems if problem.severity == "error"]

    return of


@pytest.fixture
def whole() -> str:
    """A small configuration without a mistake."""
    return WHOLE

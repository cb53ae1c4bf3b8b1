"""How each proxy is started for a job: Tailgate, the collector, rotel, and the floors."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from .peers import collector, rotel
from .process import Ports, Process

JOBS = Path(__file__).parent / "jobs"
GIB = 1 << 30
MEMORY_LIMIT = "7GiB"
"""GOMEMLIMIT of the collector; the memory limiters of both start to refuse at 7 GiB."""
ROTEL_SCRUB = Path(__file__).parent / "peers" / "rotel_scrub.py"


@dataclass(frozen=True)
class Setting:
    """What all proxies of a contest have in common. `wait` is the decision wait."""

    upstream: Ports
    transport: str = "grpc"
    compression: str = "none"
    wait: str = "1s"
    cores: frozenset[int] = frozenset()

    def environment(self, ports: Ports) -> dict[str, str]:
        """Return the variables that `jobs/base.yaml` reads."""
        return {
            "BENCH_GRPC": str(ports.grpc),
            "BENCH_HTTP": str(ports.http),
            "BENCH_METRICS": str(ports.metrics),
            "BENCH_UPSTREAM_GRPC": str(self.upstream.grpc),
            "BENCH_UPSTREAM_HTTP": str(self.upstream.http),
            "BENCH_GRPC_COMPRESSION": self.compression if self.transport == "grpc" else "none",
            "BENCH_HTTP_COMPRESSION": self.compression,
            "BENCH_EXPORTER": f"otlp_{self.transport}",
            "BENCH_WAIT": self.wait,
        }

    def on(self) -> set[int]:
        """The cores that a proxy may use."""
        return set(self.cores) or os.sched_getaffinity(0)


@dataclass(frozen=True)
class Proxy:
    """A proxy with a job: `kind` is bare, forward, tailgate, reference, collector or rotel.

    `chance` says how it samples, for the oracle: `all`, `hash`, `randomness` or `none` (nothing comes out);
    `scrubs` how many kinds of secrets may not come out (of `traffic.NEEDLES`).
    """

    name: str
    kind: str
    job: str = ""
    chance: str = "all"
    scrubs: int = 0
    overlay: Path | None = None

    @property
    def holds(self) -> bool:
        """Whether it waits before it decides."""
        return self.chance in ("hash", "randomness")

    def start(self, setting: Setting) -> Process:
        """Start it."""
        ports = Ports()
        environment = setting.environment(ports)
        if self.kind in ("tailgate", "reference"):
            kernel = "rust" if self.kind == "tailgate" else "reference"
            command = [sys.executable, "-m", "tailgate", "run", *self._files()]
            # An installation has bytecode: it is written by the first start, whatever this machine says of that.
            bytecode = {"PYTHONDONTWRITEBYTECODE": ""}
            environment |= {"TAILGATE_KERNEL": kernel, "TAILGATE_REQUIRE_KERNEL": kernel, **bytecode}
        elif self.kind == "collector":
            command = [str(collector.binary()), *self._files()]
            environment |= {"GOMAXPROCS": str(len(setting.on())), "GOMEMLIMIT": MEMORY_LIMIT}
        elif self.kind == "rotel":
            command = rotel_command(ports, setting, self.job)
        else:
            numbers = (ports.grpc, ports.http, setting.upstream.grpc, setting.upstream.http)
            command = [sys.executable, "-m", "benchmarks.servers", self.kind, *map(str, numbers)]
        return Process(command, environment, ports, setting.on())

    def _files(self) -> list[str]:
        paths = [JOBS / "base.yaml", JOBS / f"{self.job}.yaml", *([self.overlay] if self.overlay else [])]
        return [argument for path in paths for argument in ("--config", str(path))]

    def waiting(self, process: Process) -> float:
        """Return how many spans it still has, by its own metrics."""
        if self.kind not in ("tailgate", "reference"):
            return 0
        held = ("tailgate_pipeline_held_spans", "tailgate_exporter_queued_spans", "tailgate_exporter_in_flight_spans")
        return process.metric(*held)

    def refused(self, process: Process) -> float:
        """Return how many spans it has refused or failed to send, by its own metrics."""
        if self.kind not in ("tailgate", "reference", "collector"):
            return 0
        names = ("receiver_refused_spans", "exporter_send_failed_spans", "exporter_enqueue_failed_spans")
        return process.metric(*(f"otelcol_{name}{end}" for name in names for end in ("", "_total")))


def rotel_command(ports: Ports, setting: Setting, job: str) -> list[str]:
    """Return rotel's command line: the same queue, batch and compression as `jobs/base.yaml`."""
    upstream = setting.upstream.grpc if setting.transport == "grpc" else setting.upstream.http
    options = {
        "--otlp-grpc-endpoint": f"127.0.0.1:{ports.grpc}",
        "--otlp-http-endpoint": f"127.0.0.1:{ports.http}",
        "--otlp-grpc-max-recv-msg-size-mib": "64",
        "--exporter": "otlp",
        "--otlp-exporter-endpoint": f"http://127.0.0.1:{upstream}",
        "--otlp-exporter-protocol": setting.transport,
        "--otlp-exporter-compression": setting.compression,
        "--batch-max-size": "2048",
        "--batch-timeout": "200ms",
    }
    if job == "scrub4":
        options["--otlp-with-trace-processor"] = str(ROTEL_SCRUB)
    return [str(rotel.agent()), "start", *(part for pair in options.items() for part in pair)]


def upstream(cores: set[int]) -> Process:
    """Start the upstream."""
    ports = Ports()
    numbers = (ports.grpc, ports.http, 0, 0)
    return Process([sys.executable, "-m", "benchmarks.servers", "upstream", *map(str, numbers)], {}, ports, cores)

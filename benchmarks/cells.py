"""The matrix: every cell by its name, what it compares, and how much it sends."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from . import special
from .agree import agreement
from .contest import Contest
from .cores import cores
from .proxies import JOBS as JOB_FILES
from .proxies import Proxy
from .scrubbing import cost
from .tick import tick
from .traffic import Shape

OWN = Proxy("tailgate", "tailgate", "own", "randomness", 8)
SAME = Proxy("tailgate, collector's YAML", "tailgate", "full", "hash", 8)
REFERENCE = Proxy("tailgate, reference kernel", "reference", "own", "randomness", 8)
COLLECTOR = Proxy("collector", "collector", "full", "hash", 8)
COLLECTOR_PASS = Proxy("collector, pass-through", "collector", "pass")
ROTEL = Proxy("rotel", "rotel", "pass")
ROTEL_SCRUB = Proxy("rotel, Python processor", "rotel", "scrub4", scrubs=4)
BARE = Proxy("bare receiver", "bare", chance="none")
FORWARD = Proxy("bare forwarder", "forward")
JOBS = {"pass": ("all", 0), "enrich": ("all", 0), "scrub8": ("all", 8), "scrub24": ("all", 8), "sample": ("hash", 0)}
POLICIES = (5, 20, 100)
HELD_RATE = 50_000


@dataclass(frozen=True)
class Scale:
    """How much is sent: `size` in proportion to the whole run, and the number of rounds (0: each cell's own)."""

    size: float = 1.0
    rounds: int = 0

    def requests(self, count: int) -> int:
        """Scale a number of requests."""
        return max(round(count * self.size), 2)

    def times(self, rounds: int) -> int:
        """Return the number of rounds."""
        return self.rounds or rounds


Run = Callable[[Scale], dict[str, Any]]


@dataclass(frozen=True)
class Cell:
    """One entry of the results. `peers`: it needs the collector or rotel."""

    run: Run
    peers: bool = True


def same(kind: str, job: str, name: str = "") -> Proxy:
    """Return a proxy for one of the jobs that Tailgate and the collector read from the same file."""
    chance, scrubs = JOBS[job]
    return Proxy(name or kind, kind, job, chance, scrubs)


SAMPLING = [same(kind, "sample", f"{kind}, sampling only") for kind in ("tailgate", "collector")]


def _contest(
    proxies: list[Proxy], requests: int = 100, rounds: int = 5, shape: Shape | None = None, **more: str
) -> Cell:
    def run(scale: Scale) -> dict[str, Any]:
        count = scale.requests(requests)
        contest = Contest(proxies, shape or Shape(), count, scale.times(rounds), **more)  # type: ignore[arg-type]
        about = {"batch": contest.shape.spans_per_request, "trace": contest.shape.spans_per_trace}
        spans = {"requests": count, "rounds": contest.rounds, "transport": contest.transport}
        return {"about": {**about, **spans, "compression": contest.compression}, "proxies": contest.run()}

    return Cell(run, peers=any(proxy.kind in ("collector", "rotel") for proxy in proxies))


def _jobs() -> dict[str, Cell]:
    pair = {job: [same("tailgate", job), same("collector", job)] for job in JOBS}
    cells = {f"jobs/{job}": _contest(proxies) for job, proxies in pair.items()}
    cells["jobs/pass"] = _contest([BARE, FORWARD, *pair["pass"], ROTEL])
    cells["jobs/full"] = _contest([BARE, OWN, SAME, COLLECTOR, COLLECTOR_PASS, ROTEL_SCRUB, REFERENCE])
    return cells


def _scrubbing() -> dict[str, Cell]:
    """What scrubbing alone costs, in the kernel and beside the collector: both with and without the same patterns."""
    pairs = [same(kind, job, f"{kind}, {job}") for job in ("pass", "scrub8") for kind in ("tailgate", "collector")]
    in_kernel = Cell(lambda scale: cost(scale.requests(40), scale.times(7)), peers=False)
    return {"scrub/kernel": in_kernel, "scrub/collector": _contest(pairs)}


def _batches() -> dict[str, Cell]:
    counts = {8: 3000, 64: 600, 512: 100, 8192: 8}
    return {
        f"batch/{transport}/{batch}": _contest(
            [BARE, OWN, COLLECTOR], count, 3, Shape(spans_per_request=batch), transport=transport
        )
        for transport in ("grpc", "http")
        for batch, count in counts.items()
    }


def _compressions() -> dict[str, Cell]:
    ways = (("grpc", "gzip"), ("http", "gzip"), ("http", "zstd"))
    return {
        f"compression/{transport}/{how}": _contest([BARE, OWN, COLLECTOR], 60, 3, transport=transport, compression=how)
        for transport, how in ways
    }


def _traces() -> dict[str, Cell]:
    giant = Shape(spans_per_request=500, spans_per_trace=50_000, error_share=0, slow_share=0, enterprise_share=1)
    cells = {
        "traces/1": _contest([OWN, COLLECTOR], 80, 3, Shape(spans_per_trace=1)),
        "traces/8": _contest([OWN, COLLECTOR], 80, 3),
        "traces/200": _contest(
            [OWN, COLLECTOR], 80, 3, Shape(spans_per_trace=200), wait="6s"
        ),  # some are in two requests, whose answers the collector takes up to 1.5 s apart
    }

    def run(scale: Scale) -> dict[str, Any]:  # always whole: it is one trace, in a hundred requests
        return _contest([OWN, COLLECTOR], 100, 2, giant, wait="6s").run(Scale(1.0, min(scale.rounds, 2)))

    return {**cells, "traces/50000": Cell(run)}


def more_policies(form: str, count: int) -> dict[str, Any]:
    """Return `tail_sampling` with so many policies, of which all but the job's own match nothing."""
    own, tier = form == "own", {"key": "user.tier", "values": ["enterprise"]}
    first: list[dict[str, Any]]
    if own:
        first = [
            {"name": "errors", "when": "error"},
            {"name": "slow", "when": "duration > 2s"},
            {"name": "enterprise", "when": 'user.tier == "enterprise"'},
        ]
    else:
        first = [
            {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
            {"name": "slow", "type": "latency", "latency": {"threshold_ms": 2000}},
            {"name": "tier", "type": "string_attribute", "string_attribute": tier},
            {"name": "some", "type": "probabilistic", "probabilistic": {"sampling_percentage": 1.5625}},
        ]
    rest = [_policy(own, number) for number in range(count - len(first))]
    return {"policies": [*first, *rest]}


def _policy(own: bool, number: int) -> dict[str, Any]:
    """Return one that matches nothing: an attribute's text, its number, or a duration, in turn."""
    name = f"rule-{number}"
    if number % 3 == 0:
        text = {"type": "string_attribute", "string_attribute": {"key": "user.tier", "values": [f"tier-{number}"]}}
        return {"name": name, **({"when": f'user.tier == "tier-{number}"'} if own else text)}
    if number % 3 == 1:
        key, low = "http.response.status_code", 500 + number
        bounds = {"type": "numeric_attribute", "numeric_attribute": {"key": key, "min_value": low, "max_value": low}}
        return {"name": name, **({"when": f"{key} == {low}"} if own else bounds)}
    latency = {"type": "latency", "latency": {"threshold_ms": 3000 + number}}
    return {"name": name, **({"when": f"duration > {3000 + number}ms"} if own else latency)}


def _policies(scale: Scale) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        proxies = []
        for count in POLICIES:
            alike = (same("tailgate", "sample"), same("collector", "sample"))
            for proxy, form in ((OWN, "own"), *((proxy, "same") for proxy in alike)):
                path = Path(folder) / f"{form}-{count}.yaml"
                path.write_text(json.dumps({"processors": {"tail_sampling": more_policies(form, count)}}))
                name = f"{proxy.name}{'' if form == 'own' else ', sampling only'} {count}"
                proxies.append(Proxy(name, proxy.kind, proxy.job, proxy.chance, proxy.scrubs, path))
        return _contest(proxies, 80, 3).run(scale)


def _agreement(_: Scale) -> dict[str, Any]:
    against_sent = [(Proxy(kind, kind, "pass"), None) for kind in ("tailgate", "collector", "rotel")]
    jobs = [(same("tailgate", job), same("collector", job)) for job in JOBS if job != "pass"]
    return agreement([*against_sent, *jobs, (SAME, COLLECTOR)])


def _held(scale: Scale) -> dict[str, Any]:
    whole = scale.size >= 0.5
    once = [(OWN, count) for count in special.HELD if whole or count <= 100_000]
    again = [turn for turn in once if turn[1] in (10_000, 1_000_000)] * (scale.times(2) - 1)  # what a target divides
    sampling = [(proxy, count) for proxy in SAMPLING for count in (10_000, 100_000)]
    return special.held_rows([*once, *again, *sampling], HELD_RATE, 5 if whole else 2)


def _latency(scale: Scale) -> dict[str, Any]:
    seconds = max(5 * scale.size, 2)
    own = special.latency(OWN, scale.requests(600), seconds)
    return {"tailgate": own, "collector": special.latency(COLLECTOR, scale.requests(60), seconds)}


def _memory(scale: Scale) -> dict[str, Any]:
    return {proxy.name: special.memory(proxy, scale.requests(400)) for proxy in (OWN, *SAMPLING)}


def _cores(scale: Scale) -> dict[str, Any]:
    rounds = scale.times(3)
    threads = replace(OWN, overlay=JOB_FILES / "threads.yaml")
    own = cores(threads, scale.requests(1200), rounds)
    return {"tailgate": own, "collector": cores(COLLECTOR, scale.requests(60), rounds)}


def _tick(scale: Scale) -> dict[str, Any]:
    inside = sorted((tick() for _ in range(scale.times(3))), key=lambda found: found["total_ms"])
    return {**inside[len(inside) // 2], "outside": special.stall(OWN, 100_000)}


@cache
def cells() -> dict[str, Cell]:
    """Return all cells, in the order in which they run."""
    return {
        "agreement": Cell(_agreement),
        **_jobs(),
        **_scrubbing(),
        "http/full": _contest([BARE, OWN, COLLECTOR, COLLECTOR_PASS], transport="http"),
        **_batches(),
        **_compressions(),
        **_traces(),
        "policies": Cell(_policies),
        "held": Cell(_held),
        "memory": Cell(_memory),
        "latency": Cell(_latency),
        "cores": Cell(_cores),
        "startup": Cell(lambda scale: special.startups([OWN, COLLECTOR, ROTEL_SCRUB], scale.times(5))),
        "tick": Cell(_tick, peers=False),
    }

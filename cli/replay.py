"""Recorded traces through a configuration, at the pace at which they were recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..config.model import Configuration
from ..kernel.contract import Kernel
from .decoded import Seen, spans_of
from .rehearsal import Rehearsal, pipeline_of

_DAY = 86_400_000_000_000
LEAST_SECONDS = 1.0
"""A shorter recording says nothing about a day."""


def key_of(seen: Seen) -> bytes:
    """Return the trace id as the kernel files it: cut or padded to 16 bytes."""
    return seen.span.trace_id[:16].ljust(16, b"\0")


@dataclass
class TraceIn:
    """A recorded trace."""

    service: str = ""
    """Of its root, else of the first span."""
    rooted: bool = False
    spans: int = 0
    bytes: int = 0
    """Of span messages."""

    def add(self, seen: Seen) -> None:
        """Count a span."""
        self.spans += 1
        self.bytes += seen.bytes

    def name(self, seen: Seen) -> None:
        """Take the service of a span that is fit to be shown."""
        if not self.service or (seen.root and not self.rooted):
            self.service = seen.service
        self.rooted = self.rooted or seen.root


@dataclass
class Fate:
    """What became of a trace."""

    spans: int = 0
    """That went on."""
    bytes: int = 0
    policy: str = ""
    """Who decided; empty: nobody."""
    reason: str = ""

    @property
    def kept(self) -> bool:
        """Whether something of it went on."""
        return self.spans > 0

    @property
    def by(self) -> str:
        """Return who decided how, as people read it: `errors`, `default (dropped)`."""
        who = self.policy or ("everything" if self.kept else self.reason.replace("_", " "))
        return who if self.kept else f"{who} (dropped)"


@dataclass
class Recording:
    """What is in the files."""

    traces: dict[bytes, TraceIn] = field(default_factory=dict)
    start: int = 0
    """The first time in it, ns since the epoch; 0: there is none."""
    end: int = 0

    @property
    def seconds(self) -> float:
        """How long it took to record."""
        return max(0, self.end - self.start) / 1e9

    @property
    def days(self) -> float | None:
        """How often it fits into a day; None: it is too short to say."""
        return _DAY / (self.end - self.start) if self.seconds >= LEAST_SECONDS else None

    def add(self, request: bytes) -> int:
        """Count a request's spans; return when it came: when the last of its spans had ended."""
        arrived = 0
        for seen in spans_of([request]):
            self.traces.setdefault(key_of(seen), TraceIn()).add(seen)
            start, end = seen.span.start_time_unix_nano, seen.span.end_time_unix_nano
            if start:
                self.start = min(self.start or start, start)
            arrived = max(arrived, end, start)
        self.end = max(self.end, arrived)
        return arrived


class Replay:
    """One configuration while traces are played to it."""

    def __init__(self, config: Configuration, pipeline: str | None, kernel: Kernel) -> None:
        """Raises ValueError when the pipeline cannot be built, KeyError when there is none of that name."""
        self._rehearsal = Rehearsal(config, pipeline_of(config, pipeline), kernel, answers=False)
        self._now = 0
        self.fates: dict[bytes, Fate] = {}

    def offer(self, arrived: int, request: bytes) -> None:
        """Take a request that came then; what falls due before is judged first. Raises `Malformed`."""
        self._now = max(self._now, arrived)
        self._rehearsal.advance(self._now)
        self._rehearsal.offer(self._now, request)
        self._collect()

    def finish(self) -> None:
        """Judge what is held, each trace when it falls due."""
        self._rehearsal.finish()
        self._collect()

    def fate(self, trace_id: bytes) -> Fate:
        """Return what became of a trace."""
        return self.fates.get(trace_id) or Fate(reason="filtered")

    def _collect(self) -> None:
        left = self._rehearsal.left
        for judgement in left.judged:
            fate = self.fates.setdefault(judgement.trace_id, Fate())
            fate.policy, fate.reason = judgement.policy or "", judgement.reason
        for seen in spans_of(left.requests):
            fate = self.fates.setdefault(key_of(seen), Fate())
            fate.spans += 1
            fate.bytes += seen.bytes
        left.judged.clear()
        left.requests.clear()


def replay(requests: Iterable[bytes], players: Sequence[Replay], shown: Rehearsal) -> Recording:
    """Play requests to all, and return what was in them, with names as `shown` scrubs them. Raises `Malformed`."""
    recording, playing = Recording(), list(players)
    for request in requests:
        arrived = recording.add(request)
        for seen in spans_of(shown.scrubbed([request])):
            recording.traces[key_of(seen)].name(seen)
        for player in playing:
            player.offer(arrived, request)
    for player in playing:
        player.finish()
    return recording

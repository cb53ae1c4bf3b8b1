"""What must come out of a proxy, from what was planted: it knows the rules of the jobs and nothing of any proxy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .traffic import NEEDLES, Plan

SHARE = 1 / 64
"""Of the traces that no rule names, so many are kept by chance."""
_SALT = b"default-hash-seed"
_PRIME, _BASIS, _MASK = 0x100000001B3, 0xCBF29CE484222325, (1 << 64) - 1


def fnv1a(data: bytes, start: int = _BASIS) -> int:
    """Return the 64-bit FNV-1a hash, by which the collector's `probabilistic` policy decides."""
    for byte in data:
        start = (start ^ byte) * _PRIME & _MASK
    return start


_SALTED = fnv1a(_SALT)


def kept_by_hash(trace: bytes) -> bool:
    """Chance as in the collector's tail sampling: the trace id's salted hash is at most the share of all hashes."""
    return fnv1a(trace, _SALTED) <= int(_MASK * SHARE)


def kept_by_randomness(trace: bytes) -> bool:
    """Chance as OpenTelemetry defines it: the id's last 56 bits are at or above the threshold."""
    return int.from_bytes(trace[9:], "big") >= int((1 - SHARE) * (1 << 56))


CHANCE = {"hash": kept_by_hash, "randomness": kept_by_randomness}


def expected(plan: Plan, chance: str) -> set[bytes]:
    """Return the traces that must come out; `chance` is `hash`, `randomness`, `all` (nothing is sampled) or `none`."""
    if chance in ("all", "none"):
        return set(plan.labels) if chance == "all" else set()
    lucky = CHANCE[chance]
    return {trace for trace, label in plan.labels.items() if label or lucky(trace)}


@dataclass
class Verdict:
    """What is wrong with what came out; all empty or zero when nothing is."""

    missing: int = 0
    surplus: int = 0
    leaks: int = 0

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus or self.leaks)


def check(plan: Plan, bodies: Iterable[bytes], wanted: set[bytes], scrubbed: tuple[bytes, ...] = NEEDLES) -> Verdict:
    """Compare what arrived with what must: every span of every wanted trace once, nothing else, no secret."""
    seen: Counter[bytes] = Counter()
    ids: set[bytes] = set()
    total = leaks = 0
    for body in bodies:
        leaks += sum(needle in body for needle in scrubbed)
        for block in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in block.scope_spans:
                seen.update([span.trace_id for span in scope.spans])
                ids.update([span.trace_id + span.span_id for span in scope.spans])
                total += len(scope.spans)
    missing = sum(max(plan.spans[trace] - seen[trace], 0) for trace in wanted)
    surplus = sum(count for trace, count in seen.items() if trace not in wanted) + total - len(ids)
    return Verdict(missing, surplus, leaks)

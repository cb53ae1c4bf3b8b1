"""What a reload may change, and what needs a restart: whatever listens stays as it was at the start."""

from __future__ import annotations

from collections.abc import Iterator

from .errors import one_of
from .model import Configuration


class NeedsRestart(ValueError):
    """The configuration is valid, but a running Tailgate cannot take it over; the message says what is in the way."""


def check_reloadable(now: Configuration, new: Configuration) -> None:
    """Raise `NeedsRestart`, naming everything, when `new` differs from `now` in more than a reload can change."""
    reasons = list(_reasons(now, new))
    if reasons:
        raise NeedsRestart("; ".join(reasons))


def _reasons(now: Configuration, new: Configuration) -> Iterator[str]:
    if set(now.pipelines) != set(new.pipelines):
        added, gone = set(new.pipelines) - set(now.pipelines), set(now.pipelines) - set(new.pipelines)
        changes = [f"{word} {one_of(names)}" for word, names in (("adds", added), ("removes", gone)) if names]
        yield f"service.pipelines {' and '.join(changes)}"
    for id_ in sorted(set(now.pipelines) & set(new.pipelines)):
        if set(now.pipelines[id_].receivers) != set(new.pipelines[id_].receivers):
            yield f"service.pipelines.{id_}.receivers changes"
        if now.pipelines[id_].follow != new.pipelines[id_].follow:
            yield f"service.pipelines.{id_}.follow_trace changes"
    for id_ in sorted(_used_receivers(now) & _used_receivers(new)):
        before, after = now.receivers[id_], new.receivers[id_]
        if (before.type, before.config) != (after.type, after.config):
            yield f"receivers.{id_} changes"
    if now.metrics != new.metrics:
        yield "service.telemetry.metrics changes"
    if now.worker_threads != new.worker_threads:
        yield "service.worker_threads changes"
    if now.health != new.health:
        yield "the extension health_check changes"


def _used_receivers(config: Configuration) -> set[str]:
    return {receiver for pipeline in config.pipelines.values() for receiver in pipeline.receivers}

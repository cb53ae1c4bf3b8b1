"""Counters that outlive what counts them: a reload replaces the counting objects, the sums go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .samples import Sample

Key = tuple[str, tuple[tuple[str, str], ...]]


class Carried:
    """What retired objects had counted. Counters and histograms with the same labels add up on the metrics page.

    At most `most` series are remembered; of more, those that were retired longest ago go.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._sums: dict[Key, Sample] = {}

    def retire(self, samples: Iterable[Sample]) -> None:
        """Take over the counters and histograms of something that counts no longer; gauges are left."""
        for sample in samples:
            if sample.kind != "gauge" and (sample.value or any(count for _, count in sample.buckets)):
                key = (sample.name, tuple(sorted(sample.labels.items())))
                before = self._sums.pop(key, None)
                self._sums[key] = sample if before is None else sample.plus(before)
        while len(self._sums) > self._most:
            del self._sums[next(iter(self._sums))]

    def samples(self) -> Iterator[Sample]:
        """Yield what is remembered."""
        yield from self._sums.values()

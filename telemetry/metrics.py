"""The metrics as Prometheus reads them: every number is read when it is asked for, all in one synchronous pass."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from .. import __version__
from .derived import lost_samples, milliseconds_samples
from .families import Family, exposition
from .logs import RateLimited, get_logger
from .samples import Sample

_PLAIN = "text/plain"
_END = b"# EOF\n"


class _Legacy(Protocol):
    @property
    def legacy_names(self) -> bool: ...


class _Described(Protocol):
    """What the page must know of a configuration."""

    @property
    def metrics(self) -> _Legacy: ...
    @property
    def hash(self) -> str: ...


class MetricsPage:
    """Renders what `sources` yields. Call `render` on the event loop: nothing else runs between two readings."""

    def __init__(
        self,
        sources: Callable[[], Iterable[Sample]],
        config: _Described,
        kernel: str,
        *,
        process: bool = True,
        families: Callable[[], Iterable[Family]] = tuple,
    ) -> None:
        """`kernel` is the name of the one that runs; `process` adds the metrics `process_*`.

        `families` gives what is written without a sample for each line. With `config.metrics.legacy_names` counters
        also stand under their name without `_total`, and a histogram in milliseconds as the collector has it.
        """
        self._sources, self._families = sources, families
        self._legacy_names = config.metrics.legacy_names
        self._config, self._build = config, _build_info(kernel)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Samples(self._read, self._legacy_names))
        if process:
            ProcessCollector(registry=self._registry)

    def render(self, accept: str | None = None) -> tuple[bytes, str]:
        """Return the exposition and its content type, in the format that the Accept header asks for.

        With legacy names it is always the plain text format: OpenMetrics has no room for both names of a counter.
        """
        encoder, content_type = choose_encoder(_PLAIN if self._legacy_names or accept is None else accept)
        page, openmetrics = encoder(self._registry), "openmetrics" in content_type
        more = exposition(self._families(), openmetrics).encode()
        return (page.removesuffix(_END) + more + _END if openmetrics else page + more), content_type

    def _read(self) -> list[Sample]:
        samples = [self._build, _config_info(self._config.hash), *self._sources()]
        samples.extend(lost_samples(samples))
        if self._legacy_names:
            samples.extend(milliseconds_samples(samples))
        return samples


def _build_info(kernel: str) -> Sample:
    labels = {"version": __version__, "kernel": kernel, "python": platform.python_version()}
    return Sample("tailgate_build_info", "gauge", "What is running; always 1.", 1, labels)


def _config_info(config_hash: str) -> Sample:
    return Sample("tailgate_config_info", "gauge", "The configuration in effect; always 1.", 1, {"hash": config_hash})


class _Samples(Collector):
    """Groups samples into families; a second kind under a name already taken is left out and logged."""

    def __init__(self, sources: Callable[[], list[Sample]], legacy_names: bool) -> None:
        self._sources = sources
        self._legacy_names = legacy_names
        self._log = RateLimited(get_logger("tailgate.metrics"), interval=600)

    def collect(self) -> Iterator[Metric]:
        families: dict[str, list[Sample]] = {}
        for sample in self._sources():
            name = sample.name.removesuffix("_total") if sample.kind == "counter" else sample.name
            family = families.setdefault(name, [])
            if family and family[0].kind != sample.kind:
                self._log.error("metric_kinds_clash", metric=sample.name)
                continue
            family.append(sample)
        for name, family in families.items():
            yield from self._family(name, family)

    def _family(self, name: str, samples: list[Sample]) -> Iterator[Metric]:
        kind, text = samples[0].kind, samples[0].help
        if kind == "histogram":
            yield _histogram(name, text, samples)
            return
        values = _by_labels(samples)
        yield _metric(name, text, kind, name + "_total" if kind == "counter" else name, values)
        if kind == "counter" and self._legacy_names:
            yield _metric(name, text, "untyped", name, values)


def _histogram(name: str, text: str, samples: list[Sample]) -> Metric:
    metric = Metric(name, text, "histogram")
    sums: dict[tuple[tuple[str, str], ...], Sample] = {}
    for sample in samples:
        key = tuple(sorted(sample.labels.items()))
        sums[key] = sums[key].plus(sample) if key in sums else sample
    for sample in sums.values():
        labels = dict(sample.labels)
        for bound, count in sample.buckets:
            metric.add_sample(f"{name}_bucket", {**labels, "le": bound}, count)
        metric.add_sample(f"{name}_count", labels, sample.buckets[-1][1])
        metric.add_sample(f"{name}_sum", labels, sample.value)
    return metric


def _by_labels(samples: list[Sample]) -> dict[tuple[tuple[str, str], ...], float]:
    """Return one value for each set of labels (a scrape with two is refused): counters add up, the last gauge holds."""
    values: dict[tuple[tuple[str, str], ...], float] = {}
    for sample in samples:
        labels = tuple(sorted(sample.labels.items()))
        before = values.get(labels, 0.0) if sample.kind in ("counter", "unknown") else 0.0
        values[labels] = before + sample.value
    return values


def _metric(
    name: str, text: str, kind: str, sample_name: str, values: dict[tuple[tuple[str, str], ...], float]
) -> Metric:
    metric = Metric(name, text, kind)
    for labels, value in values.items():
        metric.add_sample(sample_name, dict(labels), value)
    return metric

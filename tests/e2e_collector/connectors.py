"""`make e2e-connectors`: the same spans through a real collector's connectors and through Tailgate's.

What their pipelines of metrics send must be equal, series by series, apart from the differences that are written down,
and each mutation of one option, made on Tailgate's side alone, must be noticed. Ends with 1 when that is not so.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parents[1])]

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest  # noqa: E402
from otlp_words import Words, plain, request  # noqa: E402
from peer_collector import capture, launch, post  # noqa: E402

DIFFERENCES = {
    "no-service": "spans without service.name count under unknown_service; the collector passes them over",
    "virtual-nodes": "of a side that nobody saw there is no duration; the collector counts a 0",
    "short": "in exponential histograms up to a microsecond is zero",
}
"""What differs, by name; docs/span-metrics.md says the same."""
SCENARIOS: dict[str, Words] = yaml.safe_load((HERE / "connectors.yaml").read_text(encoding="utf-8"))
"""By name: a connector with its options and, of a mutation, the scenario that it is `of`."""
REST = 9
"""Seconds after the last span: requests that see one side only have expired, and two flushes have told so."""
MS = 1_000_000

Key = tuple[str, str, str, int, str, tuple[tuple[str, str], ...]]
"""Scope, metric, unit, temporality, service of the resource, attributes."""


@dataclass
class Value:
    """A series at the end."""

    count: int = 0
    sum: float = 0.0
    bounds: tuple[float, ...] = ()
    buckets: dict[int, int] = field(default_factory=dict)
    """By their place; of an exponential histogram by the index at `scale`, and zeros under None's stand-in."""
    scale: int | None = None
    monotonic: bool = False


ZEROS = -(1 << 40)
"""The bucket of what an exponential histogram counts as zero."""


def traffic(seed: int = 6) -> list[bytes]:
    """Requests through four services, in which one in ten loses its way, and spans of a resource without a name."""
    rng, base, out = random.Random(seed), 1_790_000_000_000 * MS, list[bytes]()
    for _ in range(60):
        trace, steps = rng.randbytes(16).hex(), list[bytes]()
        ids = iter(range(rng.randrange(1, 1 << 40), 1 << 60))
        asked, kind = 0, "SERVER"
        for service in rng.sample(("front", "shop", "bank", "mail"), rng.randrange(1, 5)):
            server = _span(rng, trace, next(ids), asked, kind)
            spans = [server, *(_span(rng, trace, next(ids), server["id"], "INTERNAL") for _ in range(rng.randrange(3)))]
            client, kind = rng.choice((("CLIENT", "SERVER"), ("CLIENT", "SERVER"), ("PRODUCER", "CONSUMER")))
            spans.append(_span(rng, trace, next(ids), server["id"], client))
            asked = spans[-1]["id"] if rng.random() < 0.9 else next(ids)
            if rng.random() < 0.2:
                spans.append(_span(rng, trace, next(ids), server["id"], "CLIENT", {"db.name": "orders"}))
            resource = {"service.name": service, "zone": f"z-{service}"}
            steps.append(request({"resource": resource, "spans": spans}, base))
        rng.shuffle(steps)
        out += steps
        out.append(request({"spans": [_span(rng, trace, next(ids), 0, "INTERNAL")]}, base))
    return out


def _span(rng: random.Random, trace: str, id_: int, parent: int, kind: str, its: Words | None = None) -> Words:
    ms = rng.choice((0, 0.0004, 0.5, 1, 2, 2.000001, 7, 64, 400, 1024, 90_000, rng.random() * 3000))
    if kind == "INTERNAL" and rng.random() < 0.1:
        ms = -5
    attributes = {"http.route": rng.choice(("/a", "/b")), "retries": rng.randrange(2), **(its or {})}
    if rng.random() < 0.3:
        attributes.pop("http.route")
    if rng.random() < 0.3:
        attributes["peer.service"] = "printer"
    span = {"trace": trace, "id": id_, "parent": parent, "name": rng.choice(("GET", "pay", "")), "kind": kind}
    status = rng.choice(({}, {}, {"status": "ERROR"}, {"status": "OK"}))
    return {**span, **status, "attributes": attributes, "start": "10s", "duration": f"{round(ms * MS)}ns"}


def whole(rows: Mapping[str, Words]) -> Words:
    """Return one configuration with a connector for each row, behind a receiver and before an exporter of its own."""
    out: Words = {
        "extensions": {},
        "receivers": {},
        "connectors": {},
        "exporters": {},
        "service": {"telemetry": {"metrics": {"level": "none"}}, "pipelines": {}},
    }
    for name, row in rows.items():
        ((connector, options),) = ((key, one) for key, one in row.items() if key != "of")
        id_ = f"{connector}/{name}"
        out["receivers"][f"otlp/{name}"] = {"protocols": {"http": {"endpoint": f"127.0.0.1:${{env:PORT_{name}}}"}}}
        out["connectors"][id_] = {"metrics_flush_interval": "1s", **options}
        out["exporters"][f"otlp_http/{name}"] = {
            "endpoint": "http://127.0.0.1:${env:UPSTREAM}",
            "metrics_endpoint": f"http://127.0.0.1:${{env:UPSTREAM}}/{name}",
            "compression": "none",
        }
        pipelines = out["service"]["pipelines"]
        pipelines[f"traces/{name}"] = {"receivers": [f"otlp/{name}"], "exporters": [id_]}
        pipelines[f"metrics/{name}"] = {"receivers": [id_], "exporters": [f"otlp_http/{name}"]}
    return out


def outputs(command: list[str | Path], rows: Mapping[str, Words], steps: list[bytes], folder: Path) -> dict[str, Any]:
    """Run a proxy, send the spans to each row, and return what came of it, by row."""
    folder.mkdir()
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(whole(rows), sort_keys=False), encoding="utf-8")
    with capture() as upstream:
        process, ports = launch([*command, f"--config={file}"], list(rows), upstream.port, folder / "log.txt")
        try:
            for step in steps:
                for port in ports.values():
                    post(port, step)
            time.sleep(REST)
        finally:
            process.stop()
        bodies = {name: [body for _, body in upstream.requests.get(f"/{name}", ())] for name in rows}
        return {name: series(bodies[name], _namespace(row)) for name, row in rows.items()}


def rounds(rows: Mapping[str, Words]) -> Iterator[dict[str, Words]]:
    """Yield the rows such that no two service graphs run at once: they would be scraped under the same names."""
    graphs = [name for name, row in rows.items() if "servicegraph" in row]
    yield {name: row for name, row in rows.items() if name not in graphs[1:]}
    yield from ({name: rows[name]} for name in graphs[1:])


def _namespace(row: Words) -> str:
    return f"{row['spanmetrics']['namespace']}." if "spanmetrics" in row else ""


def series(requests: Iterable[bytes], namespace: str = "") -> dict[Key, Value]:
    """Return what each series has come to: the last of its cumulative points, the sum of its deltas."""
    found: dict[Key, Value] = {}
    ends: dict[Key, int] = {}
    for key, data, point in _points(requests, namespace):
        value, delta = _value(data, point), data.aggregation_temporality == 1
        assert key not in ends or point.time_unix_nano > ends[key], f"{key} goes back in time"
        assert not (delta and key in ends) or point.start_time_unix_nano == ends[key], (
            f"an interval of {key} is missing"
        )
        assert point.start_time_unix_nano <= point.time_unix_nano
        ends[key] = point.time_unix_nano
        found[key] = _plus(found[key], value) if delta and key in found else value
    return found


def _points(requests: Iterable[bytes], namespace: str) -> Iterator[tuple[Key, Any, Any]]:
    for body in requests:
        for block in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            service = next((str(plain(a.value)) for a in block.resource.attributes if a.key == "service.name"), "")
            for scope in block.scope_metrics:
                for metric in scope.metrics:
                    data = getattr(metric, metric.WhichOneof("data"))
                    for point in data.data_points:
                        its = {one.key: str(plain(one.value)) for one in point.attributes}
                        if "collector.instance.id" in its:
                            its["collector.instance.id"] = "some"
                        temporality = data.aggregation_temporality
                        name = metric.name.removeprefix(namespace)
                        named = scope.scope.name, name, metric.unit, temporality, service
                        yield (*named, tuple(sorted(its.items()))), data, point


def _value(data: Any, point: Any) -> Value:
    kind = type(point).__name__
    if kind == "NumberDataPoint":
        return Value(point.as_int, monotonic=data.is_monotonic)
    if kind == "HistogramDataPoint":
        buckets = {at: count for at, count in enumerate(point.bucket_counts) if count}
        return Value(point.count, point.sum, tuple(point.explicit_bounds), buckets)
    buckets = {point.positive.offset + at: n for at, n in enumerate(point.positive.bucket_counts) if n}
    return Value(point.count, point.sum, (), {**buckets, ZEROS: point.zero_count}, point.scale)


def _plus(one: Value, other: Value) -> Value:
    if one.scale is not None and other.scale is not None:
        one, other = at_scale(one, min(one.scale, other.scale)), at_scale(other, min(one.scale, other.scale))
    keys = one.buckets.keys() | other.buckets.keys()
    buckets = {key: one.buckets.get(key, 0) + other.buckets.get(key, 0) for key in keys}
    return Value(one.count + other.count, one.sum + other.sum, one.bounds, buckets, one.scale, one.monotonic)


def at_scale(value: Value, scale: int) -> Value:
    """Return an exponential histogram with coarser buckets."""
    buckets: dict[int, int] = {}
    for index, count in value.buckets.items():
        into = index if index == ZEROS else index >> ((value.scale or 0) - scale)
        buckets[into] = buckets.get(into, 0) + count
    return Value(value.count, value.sum, value.bounds, buckets, scale, value.monotonic)


def compare(theirs: Mapping[Key, Value], ours: Mapping[Key, Value]) -> tuple[list[str], set[str]]:
    """Return what is wrong, and which of the written differences were met."""
    wrong, met = [], set()
    for key in sorted(theirs.keys() | ours.keys()):
        its = dict(key[-1])
        left, right = theirs.get(key), ours.get(key)
        if "unknown_service" in (its.get("service.name"), its.get("client"), its.get("server")) and left is None:
            met.add("no-service")
            continue
        if its.get("connection_type") == "virtual_node" and right is None and left is not None and not left.sum:
            met.add("virtual-nodes")
            continue
        why = (
            _unlike(left, right, 1e-3 if key[2] == "ms" else 1e-6, met)
            if left is not None and right is not None
            else "is only on one side"
        )
        if why:
            wrong.append(f"{key}: {why}: {left} {right}")
    return wrong, met


def _unlike(left: Value, right: Value, microsecond: float, met: set[str]) -> str:
    if left.count != right.count or left.monotonic != right.monotonic:
        return "counts differ"
    if abs(left.sum - right.sum) > 1e-6 * max(1.0, abs(left.sum)):
        return "sums differ"
    if left.scale is None or right.scale is None:
        return "" if (left.bounds, left.buckets) == (right.bounds, right.buckets) else "buckets differ"
    scale = min(left.scale, right.scale)
    one, other = _long(at_scale(left, scale), microsecond, met), at_scale(right, scale)
    return "" if _filled(one) == _filled(other) else "buckets differ"


def _long(value: Value, microsecond: float, met: set[str]) -> Value:
    """Return an exponential histogram in which what is at most a microsecond is zero, as ours has it."""
    scale = value.scale or 0
    short = [i for i in value.buckets if i != ZEROS and 2 ** ((i + 1) / 2.0**scale) <= microsecond]
    if short:
        met.add("short")
    kept = {index: count for index, count in value.buckets.items() if index not in short}
    kept[ZEROS] = kept.get(ZEROS, 0) + sum(value.buckets[index] for index in short)
    return Value(value.count, value.sum, (), kept, scale)


def _filled(value: Value) -> dict[int, int]:
    return {index: count for index, count in value.buckets.items() if count}


def has_connectors(binary: Path) -> bool:
    """Return whether this collector was built with both connectors."""
    listed = subprocess.run([binary, "components"], capture_output=True, text=True, check=True).stdout
    return all(name in listed for name in ("spanmetricsconnector", "servicegraphconnector"))


def main() -> int:
    """Compare everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collector", type=Path, help="the collector's binary")
    binary = parser.parse_args().collector
    if not has_connectors(binary):
        print(f"{binary} was built without the connectors: `python -m benchmarks.peers --only collector --again`")
        return 1
    steps, command = traffic(), [sys.executable, "-m", "tailgate"]
    rows = {name: row for name, row in SCENARIOS.items() if "of" not in row}
    changed = {name: row for name, row in SCENARIOS.items() if "of" in row}
    with tempfile.TemporaryDirectory() as folder:
        theirs = outputs([binary], rows, steps, Path(folder) / "collector")
        ours: dict[str, dict[Key, Value]] = {}
        for number, some in enumerate(rounds(SCENARIOS)):
            ours |= outputs(command, some, steps, Path(folder) / f"tailgate_{number}")
    fine, differences = True, set[str]()
    print(f"{len(steps)} requests; {len(rows)} connectors, one file for both:")
    for name in rows:
        wrong, met = compare(theirs[name], ours[name])
        differences |= met
        fine &= not wrong and bool(theirs[name])
        print(f"  {name:20} {len(theirs[name])} series: {f'{len(wrong)} DIFFER' if wrong else 'equal'}")
        for line in wrong[:5]:
            print(f"      {line[:600]}")
    for name, row in changed.items():
        wrong, _ = compare(theirs[row["of"]], ours[name])
        fine &= bool(wrong)
        print(f"  {name:20} {f'noticed, {len(wrong)} series' if wrong else 'NOT NOTICED'}")
    for name, sentence in DIFFERENCES.items():
        print(f"written difference {name} ({'met' if name in differences else 'NOT MET'}): {sentence}")
    fine &= differences == set(DIFFERENCES)
    print("equal, apart from what is written down" if fine else "NOT EQUAL")
    return 0 if fine else 1


if __name__ == "__main__":
    raise SystemExit(main())

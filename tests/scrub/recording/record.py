"""`make scrub-recording`: run instrumented applications and a collector on loopback and keep what they emit.

Three applications with real instrumentations send OTLP to a real collector, which sends it on, enriched, and its own
telemetry beside it. What arrives is written to `tests/scrub/data/` as lines of OTLP JSON: none of it is personal data
or a secret, so whatever scrubbing changes in it is a false positive.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / "support"), str(HERE.parent)]

from google.protobuf.json_format import MessageToDict  # noqa: E402
from peer_collector import capture, free_ports  # noqa: E402
from recorded_spans import DATA, MESSAGES  # noqa: E402

APPLICATIONS = {"app_flask.py": 130, "app_asgi.py": 130, "app_data.py": 90}
"""With how often each does what it does."""
MOST = {"traces": 4500, "logs": 2000, "metrics": 500}
"""Records that are kept of a file."""
TOGETHER = 25


def environment(folder: Path) -> Path:
    """Make the virtual environment of the applications; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
    return python


def settings(port: int) -> dict[str, str]:
    """Return the environment variables of an application that sends to a port."""
    headers = "user-agent,accept.*,content-.*,if-.*,x-.*,host,etag,traceparent"
    return {
        "PATH": os.environ["PATH"],
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup,database/dup",
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": headers,
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE": headers,
        "OTEL_PYTHON_INSTRUMENTATION_SANITIZE_REDIS": "false",
    }


def record(python: Path, collector: Path) -> dict[str, list[bytes]]:
    """Run everything; returns the requests by path."""
    with capture() as upstream:
        otlp, grpc, health = free_ports(3)
        ports = {"OTLP_PORT": otlp, "GRPC_PORT": grpc, "HEALTH_PORT": health, "CAPTURE_PORT": upstream.port}
        variables = {"PATH": os.environ["PATH"], **{name: str(port) for name, port in ports.items()}}
        command = [collector, f"--config={HERE / 'collector.yaml'}"]
        with subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as gateway:
            try:
                wait(f"http://127.0.0.1:{health}/")
                for application, times in APPLICATIONS.items():
                    print(f"running {application}")
                    run(python, application, times, otlp)
                time.sleep(8)
            finally:
                gateway.terminate()
        return {path: [body for _, body in requests] for path, requests in upstream.requests.items()}


def run(python: Path, application: str, times: int, port: int) -> None:
    done = subprocess.run(
        [python, "-W", "ignore", HERE / application, str(times)],
        env=settings(port),
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{application} failed:\n{done.stderr[-3000:]}")


def wait(url: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(url, timeout=1)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the collector does not come up")


def records(signal: str, requests: list[bytes]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each record with what stands above it, in OTLP's JSON names; ids are in base64."""
    group, scope, items = MESSAGES[signal].levels
    for body in requests:
        for outer in MessageToDict(MESSAGES[signal].request.FromString(body)).get(group, []):
            for inner in outer.pop(scope, []):
                for record in inner.pop(items, []):
                    yield {group: [{**outer, scope: [inner]}]}, record


def masked(text: str, places: Mapping[str, str]) -> str:
    """Take out where this ran."""
    for before, after in places.items():
        text = text.replace(before, after)
    return text


def keep(signal: str, requests: list[bytes], places: Mapping[str, str]) -> tuple[list[str], int]:
    """Return lines of up to `TOGETHER` records of one scope, from all over the recording; and how many records."""
    found = records(signal, requests)
    distinct = {masked(packed(record), places): masked(packed(above), places) for above, record in found}
    step = max(1, -(-len(distinct) // MOST[signal]))
    by_scope: dict[str, list[str]] = {}
    for record, above in list(distinct.items())[::step]:
        by_scope.setdefault(above, []).append(record)
    return list(_lines(signal, by_scope)), sum(map(len, by_scope.values()))


def _lines(signal: str, by_scope: Mapping[str, list[str]]) -> Iterator[str]:
    group, scope, items = MESSAGES[signal].levels
    for above, found in by_scope.items():
        for at in range(0, len(found), TOGETHER):
            request = json.loads(above)
            request[group][0][scope][0][items] = [json.loads(record) for record in found[at : at + TOGETHER]]
            yield packed(request)


def packed(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def write(name: str, signal: str, found: list[str], count: int) -> None:
    path = DATA / f"{name}-{signal}.jsonl.gz"
    data = "\n".join(found).encode() + b"\n"
    path.write_bytes(gzip.compress(data, 9, mtime=0))
    print(f"{path.name}: {count} records, {len(data) >> 10} KiB, packed {path.stat().st_size >> 10} KiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collector", type=Path, help="the collector's binary")
    parser.add_argument("--python", type=Path, help="an environment that has requirements.txt already")
    args = parser.parse_args()
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        python = args.python or environment(Path(folder) / "shop")
        found = record(python, args.collector.expanduser())
        prefix = [subprocess.check_output([python, "-c", f"import sys; print(sys.{it})"], text=True).strip()
                  for it in ("prefix", "base_prefix")]  # fmt: skip
    places = {str(HERE): "/srv/shop", prefix[0]: "/srv/shop/venv", prefix[1]: "/usr/local"}
    for place, name in (("/through", "sdk"), ("/own", "collector")):
        for signal in MESSAGES:
            write(name, signal, *keep(signal, found.get(f"{place}/v1/{signal}", []), places))


if __name__ == "__main__":
    main()

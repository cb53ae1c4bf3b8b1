"""A real Prometheus and promtool (`make peers` builds them): run on loopback, asked over its API."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from harness import free_port
from prometheus_rules import Rules

JOB = "opentelemetry-collector"
Series = dict[str, Any]


@dataclass(frozen=True)
class Firing:
    """An alert that fires."""

    name: str
    instance: str
    """Empty: the alert is about all instances together."""
    value: float
    said: str


def _said(alert: Series) -> str:
    annotations = alert["annotations"]
    return str(annotations.get("description", annotations["summary"]))


class Prometheus:
    """A server that scrapes and evaluates every second."""

    def __init__(self, tools: Path, folder: Path, rules: Mapping[str, Rules]) -> None:
        """`rules`: rule files by name; `folder` is empty, or has blocks of the past in `data`."""
        self.port = free_port()
        self._folder, self._tools = folder, tools
        self._targets: dict[str, int] = {}
        folder.mkdir(exist_ok=True)
        for name, content in rules.items():
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(self._configuration(rules)), encoding="utf-8")
        self._write_targets()
        self._process: subprocess.Popen[bytes] | None = None

    def _configuration(self, rules: Mapping[str, Rules]) -> dict[str, Any]:
        scrape = {"job_name": JOB, "file_sd_configs": [{"files": ["targets.json"], "refresh_interval": "1s"}]}
        return {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [f"{name}.yaml" for name in rules],
            "scrape_configs": [scrape],
        }

    def _write_targets(self) -> None:
        entries = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"instance": name}} for name, port in self._targets.items()
        ]
        new = self._folder / "targets.new"
        new.write_text(json.dumps(entries), encoding="utf-8")
        new.replace(self._folder / "targets.json")

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [self._tools / "prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=data"]
        command += [f"--web.listen-address=127.0.0.1:{self.port}", "--storage.tsdb.retention.time=10d"]
        command.append("--enable-feature=exemplar-storage")
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        for _ in range(300):
            if self._process.poll() is not None:
                break
            try:
                self._get("/-/ready")
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError((self._folder / "log").read_text())

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)

    def watch(self, name: str, port: int) -> None:
        """Scrape one more instance from now on."""
        self._targets[name] = port
        self._write_targets()

    def up(self) -> dict[str, bool]:
        """Return which instances answered the last scrape."""
        return {one["metric"]["instance"]: one["value"][1] == "1" for one in self.query("up")}

    def query(self, expr: str) -> list[Series]:
        """Return an instant vector."""
        found: list[Series] = self._api("query", query=expr)["result"]
        return found

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """Return a matrix."""
        found: list[Series] = self._api("query_range", query=expr, start=start, end=end, step=step)["result"]
        return found

    def firing(self, rules: str) -> list[Firing]:
        """Return the alerts of a rule file, by its name, that fire now."""
        groups = [group for group in self._api("rules")["groups"] if Path(group["file"]).stem == rules]
        return [
            Firing(rule["name"], alert["labels"].get("instance", ""), float(alert["value"]), _said(alert))
            for group in groups
            for rule in group["rules"]
            for alert in rule["alerts"]
            if alert["state"] == "firing"
        ]

    def fired_at(self, alert: str, instance: str, since: float) -> float:
        """Return when an alert (of an instance, or of any) first fired, in seconds since 1970."""
        wanted = f'alertname="{alert}", alertstate="firing"' + (f', instance="{instance}"' if instance else "")
        found = self.query_range(f"ALERTS{{{wanted}}}", since, time.time(), 1)
        return min((float(one["values"][0][0]) for one in found), default=time.time())

    def exemplars(self, metric: str) -> int:
        """Return how many exemplars with a trace id there are of a metric within the last minutes."""
        found = self._api("query_exemplars", query=metric, start=time.time() - 600, end=time.time())
        return sum("trace_id" in exemplar["labels"] for series in found for exemplar in series["exemplars"])

    def rule_errors(self) -> list[str]:
        """Return what went wrong where rules were evaluated."""
        groups = self._api("rules")["groups"]
        return [f"{rule['name']}: {rule['lastError']}" for g in groups for rule in g["rules"] if rule.get("lastError")]

    def _api(self, path: str, **parameters: Any) -> Any:
        return json.loads(self._get(f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}"))["data"]

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            body: bytes = answer.read()
            return body


def promtool(tools: Path, *arguments: str | Path, given: bytes = b"") -> tuple[int, str]:
    """Run promtool; return its status and what it said."""
    command = [tools / "promtool", *arguments]
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode().strip()

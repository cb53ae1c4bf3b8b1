"""The course of a run: what was found so far, and the parts that are started and ended in it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from conditions import Condition
from prometheus_rules import Rules
from prometheus_run import Prometheus
from report import Seen
from tailgate_run import Instance

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RULES = ROOT / "helm" / "tailgate" / "files" / "alerts.yaml"


class Run:
    """What was found; `wrong` is what makes the run fail."""

    def __init__(self, binaries: Path, folder: Path, version: str) -> None:
        self.binaries, self.folder = binaries, folder
        self.rules: Rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
        self.wrong: list[str] = []
        self.seen = Seen(version)

    def say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    def miss(self, text: str) -> None:
        self.say(f"WRONG: {text}")
        self.wrong.append(text)

    @contextlib.contextmanager
    def prometheus(self, name: str, rules: Mapping[str, Rules]) -> Iterator[Prometheus]:
        server = Prometheus(self.binaries, self.folder / name, rules)
        server.start()
        try:
            yield server
        finally:
            server.stop()

    @contextlib.contextmanager
    def instance(
        self, name: str, configs: list[Path | str], files: Mapping[str, str], upstream: int
    ) -> Iterator[Instance]:
        address = f"127.0.0.1:{upstream}"
        environment = {"UPSTREAM": address, "TAILGATE_UPSTREAM": address, "PYTHONPATH": str(HERE)}
        instance = Instance(self.folder / f"tailgate-{name}", configs, environment)
        for file, text in files.items():
            (instance.folder / file).write_text(text, encoding="utf-8")
        try:
            instance.start()
            yield instance
        finally:
            instance.stop()


@contextlib.contextmanager
def doing(run: Run, condition: Condition, instance: Instance) -> Iterator[None]:
    """Keep a condition true."""
    stop = threading.Event()

    def act() -> None:
        try:
            condition.act(instance, stop)
        except Exception as error:
            run.miss(f"{condition.name}: {type(error).__name__}: {error}; {instance.log[-2000:]}")

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)

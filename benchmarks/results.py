"""Results as JSON: one entry a cell, with when and where it was measured; partial runs replace what they repeat."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from .peers import collector, rotel

FILE = Path(__file__).parent / "results.json"
Results = dict[str, Any]


def load(path: Path = FILE) -> Results:
    """Read results; empty where there are none."""
    return json.loads(path.read_text()) if path.exists() else {"cells": {}}


def store(name: str, values: dict[str, Any], path: Path = FILE) -> None:
    """Put one cell in the place of what was there under its name."""
    results = load(path)
    now = dt.datetime.now(dt.UTC)
    results["cells"][name] = {"measured": now.strftime("%Y-%m-%d %H:%M UTC"), "on": machine(), "values": values}
    path.write_text(json.dumps(results, indent=1, sort_keys=False) + "\n")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


@cache
def machine() -> dict[str, str]:
    """Return what the machine and the versions are, as they were when it was asked first."""
    installed = collector.binary().exists()
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "system": f"{platform.system()} {platform.release()}, CPython {platform.python_version()}",
        "tailgate": f"{importlib.metadata.version('tailgate')} ({_commit()})",
        "collector": f"{collector.version() if installed else collector.VERSION}",
        "rotel": rotel.VERSION,
        "grpcio": importlib.metadata.version("grpcio"),
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
    }

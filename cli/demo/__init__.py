"""`tailgate demo`: an embedded upstream, Tailgate with the shipped configuration, and a small synthetic shop."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from ...config.loader import load, shipped_paths
from ...config.model import Configuration
from ...kernel import load as load_kernel
from ...pipeline import Service
from ...telemetry.logs import configure
from ..options import seconds as seconds_above_0
from ..tables import TABLES
from ..version import kernel_line
from .summary import Summary, summarize
from .upstream import Upstream
from .view import View, render_summary

OVERLAY = """\
# What the demo changes in the shipped configuration: free ports on loopback, and a shorter wait.
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0"}
      http: {endpoint: "127.0.0.1:0"}
processors:
  tail_sampling: {decision_wait: 3s}
service:
  telemetry: {logs: {level: error}}
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "demo",
        help="watch the main job run on synthetic traffic",
        description="An upstream, the shipped configuration, and a small shop that sends: watch what is kept.",
        epilog="example: tailgate demo --seconds 30",
    )
    parser.add_argument("--seconds", type=seconds_above_0, default=20.0, help="how long the shop is open (default: 20)")
    parser.add_argument("--json", action="store_true", help="print only the summary, as one JSON object")
    parser.set_defaults(function=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 when its numbers add up."""
    if importlib.util.find_spec("opentelemetry.sdk") is None:
        print("the demo needs the OpenTelemetry SDK: pip install 'tailgate[demo]'", file=sys.stderr)
        return 1
    configure("error")
    view = View(live=not args.json)
    summary = asyncio.run(play(args.seconds, view))
    view.clear()
    print(json.dumps(summary.as_dict(), indent=2) if args.json else render_summary(summary))
    return 0 if summary.adds_up else 1


def demo_configuration(upstream: str) -> Configuration:
    """Return the shipped configuration with the demo's overlay and its embedded upstream."""
    environment = {**os.environ, "TAILGATE_UPSTREAM": upstream}
    with tempfile.TemporaryDirectory() as folder:
        overlay = Path(folder) / "demo.yaml"
        overlay.write_text(OVERLAY, encoding="utf-8")
        return load([*shipped_paths(environment), overlay], TABLES, environment)


async def play(seconds: float, view: View) -> Summary:
    """Open the shop for some seconds and return what became of its spans."""
    upstream = Upstream()
    await upstream.start()
    service = Service(demo_configuration(upstream.endpoint), load_kernel())
    await service.start()
    endpoints = service.endpoints["otlp"]
    view.opening(kernel_line(), endpoints, upstream.endpoint, seconds)
    shop = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tailgate.cli.demo.shop", endpoints["grpc"], endpoints["http"], str(seconds)
    )
    try:
        while shop.returncode is None:
            view.update(summarize(service.samples(), upstream))
            try:
                await asyncio.wait_for(shop.wait(), 1.0)
            except TimeoutError:
                continue
    finally:
        if shop.returncode is None:
            shop.terminate()
        await service.stop(15.0)
        await upstream.stop()
    return summarize(service.samples(), upstream)

"""`tailgate run`: build the service from its configuration and run it until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from typing import Any

from .. import __version__
from ..config.loader import ConfigErrors, load, shipped_paths
from ..config.model import Configuration
from ..kernel import KernelUnavailable, why_not_rust
from ..kernel import load as load_kernel
from ..pipeline import Service
from ..telemetry.logs import configure, get_logger
from ..telemetry.memory import keep_freed_memory
from ..telemetry.metrics import MetricsPage
from ..telemetry.server import TelemetryServer
from .options import add_config_option
from .tables import TABLES


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser("run", help="run the proxy")
    add_config_option(parser, "without it the shipped configuration runs, its upstream is TAILGATE_UPSTREAM")
    parser.set_defaults(function=run)


def load_configuration(paths: list[str], lenient: bool = False) -> Configuration | None:
    """Load the configuration, or the shipped one; None after its errors were printed."""
    try:
        return load(paths or shipped_paths(os.environ), TABLES, os.environ, lenient)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return None


def run(args: argparse.Namespace) -> int:
    """Run until a signal; 0 after a clean stop, 1 when it could not start."""
    config = load_configuration(args.config, args.lenient)
    if config is None:
        return 1
    try:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve(config))
    except (OSError, ValueError, KernelUnavailable) as error:
        print(f"tailgate cannot start: {error}", file=sys.stderr)
        return 1


async def serve(config: Configuration, stop: asyncio.Event | None = None) -> int:
    """Run the service until `stop` is set or SIGTERM or SIGINT arrives."""
    configure(config.logs.level)
    log = get_logger("tailgate")
    for warning in config.warnings:
        log.warning("configuration", problem=str(warning))
    kernel = load_kernel()
    service = Service(config, kernel)
    keep_freed_memory(service.governor.bounds.soft_bytes // 4)
    page = MetricsPage(service.samples, config, kernel.name)
    telemetry = TelemetryServer(config.metrics, config.health, page.render, lambda: service.ready)
    stop = stop or asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await telemetry.start()
    await service.start()
    log.info("started", version=__version__, kernel=kernel.name, rust=why_not_rust() or "available",
             receivers=service.endpoints, telemetry=telemetry.endpoints, config=config.hash)  # fmt: skip
    await stop.wait()
    log.info("stopping", grace_seconds=config.shutdown_grace / 1e9)
    await service.stop(config.shutdown_grace / 1e9)
    await telemetry.stop()
    log.info("stopped")
    return 0

"""`tailgate run`: build the service from its configuration and run it until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from .. import __version__
from ..config.loader import ConfigErrors, load, shipped_paths
from ..config.model import Configuration
from ..config.reloading import Reloader
from ..kernel import KernelUnavailable, why_not_rust
from ..kernel import load as load_kernel
from ..pipeline import Service
from ..telemetry.logs import configure, get_logger
from ..telemetry.memory import keep_freed_memory, settle_objects
from ..telemetry.metrics import MetricsPage
from ..telemetry.samples import Sample
from ..telemetry.server import TelemetryServer
from .options import add_config_option, seconds
from .tables import TABLES

WATCH_SECONDS = 1.0
"""How often the files are looked at; a change is taken over when two looks have seen the same."""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "run",
        help="run the proxy",
        description="Receive OTLP, do what the configuration says, send on what is left; until SIGTERM or SIGINT.",
        epilog="example: tailgate run --config tailgate.yaml",
    )
    add_config_option(parser, "without it the shipped configuration runs, its upstream is TAILGATE_UPSTREAM")
    parser.add_argument(
        "--watch",
        type=seconds,
        default=WATCH_SECONDS,
        metavar="SECONDS",
        help="how often the files are looked at for changes (default: %(default)g); SIGHUP reloads at once",
    )
    parser.add_argument("--no-watch", action="store_const", const=None, dest="watch", help="reload on SIGHUP only")
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
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload; it would end the process
    since = time.time_ns()
    config = load_configuration(args.config, args.lenient)
    if config is None:
        return 1

    def load_again() -> Configuration:
        return load(args.config or shipped_paths(os.environ), TABLES, os.environ, args.lenient)

    try:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve(config, load_again, args.watch, since))
    except (OSError, ValueError, KernelUnavailable) as error:
        print(f"tailgate cannot start: {error}", file=sys.stderr)
        return 1


async def serve(
    config: Configuration,
    load_again: Callable[[], Configuration],
    watch: float | None = None,
    since: int | None = None,
) -> int:
    """Run the service until SIGTERM or SIGINT arrives.

    SIGHUP reloads what `load_again` returns; so does a change of the files, looked at every `watch` seconds.
    `since`: when the reading of `config` began, in ns since 1970.
    """
    configure(config.logs.level)
    log = get_logger("tailgate")
    for warning in config.warnings:
        log.warning("configuration", problem=str(warning))
    kernel = load_kernel()
    service = Service(config, kernel)
    keep_freed_memory(service.governor.bounds.soft_bytes // 4)

    async def apply(new: Configuration) -> None:
        await service.reload(new)
        configure(new.logs.level)

    reloader = Reloader(config, load_again, apply, time.time_ns, since)

    def samples() -> Iterator[Sample]:
        yield from service.samples()
        yield from reloader.samples()

    page = MetricsPage(samples, reloader, kernel.name, families=service.backgrounds.families)
    telemetry = TelemetryServer(config.metrics, config.health, page.render, lambda: service.ready)
    stop, hangup = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await telemetry.start()
    await service.start()
    settle_objects()
    log.info("started", version=__version__, kernel=kernel.name, rust=why_not_rust() or "available",
             receivers=service.endpoints, telemetry=telemetry.endpoints, config=config.hash)  # fmt: skip
    await _until(stop, hangup, reloader, watch)
    grace = service.config.shutdown_grace / 1e9
    log.info("stopping", grace_seconds=grace)
    await service.stop(grace)
    await telemetry.stop()
    log.info("stopped")
    return 0


async def _until(stop: asyncio.Event, hangup: asyncio.Event, reloader: Reloader, watch: float | None) -> None:
    """Reload as files and SIGHUP ask for it, until `stop` is set; a reload that is under way is given up then."""
    loop = asyncio.get_running_loop()

    async def on_hangup() -> None:
        while True:
            await hangup.wait()
            hangup.clear()  # what comes in the meantime asks for another one
            await reloader.reload("SIGHUP")

    tasks = [loop.create_task(on_hangup())]
    if watch is not None:
        tasks.append(loop.create_task(reloader.watch(watch)))
    await stop.wait()
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task

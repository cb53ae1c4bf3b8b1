"""The HTTP sites of operations: `/metrics` for Prometheus, and health for the kubelet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from aiohttp import web

from .listening import cannot_listen
from .logs import RateLimited, get_logger

Render = Callable[[str | None], tuple[bytes, str]]
"""From an Accept header to a body and its content type."""


class _MetricsSite(Protocol):
    """Where `/metrics` is served; port 0 takes a free one."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def also(self) -> Sequence[tuple[str, int]]: ...


class _HealthSite(Protocol):
    """Where readiness (at `path` and `/ready`) and liveness (`/live`) are served; port 0 takes a free one."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def path(self) -> str: ...


class Site(NamedTuple):
    """Another place where the metrics are served."""

    host: str
    port: int


class TelemetryServer:
    """Serves metrics and health, each at its own address; either may be left out."""

    def __init__(
        self,
        metrics: _MetricsSite | None,
        health: _HealthSite | None,
        render: Render,
        ready: Callable[[], bool],
        live: Callable[[], bool] = lambda: True,
    ) -> None:
        """`ready` and `live` are asked at every probe; what is not live is not ready."""
        self._metrics = metrics
        self._health = health
        self._render = render
        self._ready = ready
        self._live = live
        self._runners: list[web.AppRunner] = []
        self._endpoints: dict[str, str] = {}
        self._log = RateLimited(get_logger("tailgate.telemetry"))
        self._since = 0.0
        self._up_since = ""

    @property
    def endpoints(self) -> Mapping[str, str]:
        """The bound addresses, `host:port`, under `metrics` and `health`."""
        return self._endpoints

    async def start(self) -> None:
        """Listen. Raises OSError when an address cannot be bound; then nothing listens."""
        self._since = asyncio.get_running_loop().time()
        self._up_since = datetime.now(UTC).isoformat()
        try:
            if self._metrics is not None and self._metrics.enabled:
                await self._listen(
                    "metrics", "service.telemetry.metrics", self._metrics, {"/metrics": self._serve_metrics}
                )
            for number, (host, port) in enumerate(self._metrics.also if self._metrics is not None else (), 1):
                await self._listen(
                    f"metrics {number}", "exporters.prometheus", Site(host, port), {"/metrics": self._serve_metrics}
                )
            if self._health is not None:
                routes = {"/ready": self._serve_ready, "/live": self._serve_live, self._health.path: self._serve_ready}
                await self._listen("health", "extensions.health_check", self._health, routes)
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening; running answers get a second to end."""
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        self._endpoints.clear()

    async def _listen(
        self,
        name: str,
        where: str,
        at: _MetricsSite | _HealthSite | Site,
        routes: Mapping[str, Callable[[web.Request], web.Response]],
    ) -> None:
        app = web.Application()
        for path, answer in routes.items():
            app.router.add_get(path, _handler(answer))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._runners.append(runner)
        await runner.setup()
        try:
            await web.TCPSite(runner, at.host, at.port).start()
        except OSError as error:
            raise cannot_listen(where, f"{at.host}:{at.port}", error) from None
        bound = runner.addresses[0]
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        self._endpoints[name] = f"{shown}:{bound[1]}"

    def _serve_metrics(self, request: web.Request) -> web.Response:
        try:
            body, content_type = self._render(request.headers.get("Accept"))
        except Exception as error:
            self._log.error("scrape_failed", exc_info=error)
            return web.Response(status=500, text="the metrics could not be read; the log says why\n")
        response = web.Response(body=body, headers={"Content-Type": content_type})
        response.enable_compression()
        return response

    def _serve_ready(self, _request: web.Request) -> web.Response:
        return self._state(self._ready() and self._live())

    def _serve_live(self, _request: web.Request) -> web.Response:
        return self._state(self._live())

    def _state(self, good: bool) -> web.Response:
        if not good:
            return web.json_response({"status": "Server not available"}, status=503)
        uptime = asyncio.get_running_loop().time() - self._since
        return web.json_response(
            {"status": "Server available", "upSince": self._up_since, "uptime": f"{uptime:.3f}s"},
        )


def _handler(answer: Callable[[web.Request], web.Response]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return answer(request)

    return handle

"""The sites of operations over real HTTP."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from tailgate.telemetry.server import TelemetryServer

LOCAL = "127.0.0.1"


def metrics_site(port: int = 0, enabled: bool = True, also: Any = ()) -> SimpleNamespace:
    return SimpleNamespace(host=LOCAL, port=port, enabled=enabled, also=also)


def health_site(port: int = 0, path: str = "/") -> SimpleNamespace:
    return SimpleNamespace(host=LOCAL, port=port, path=path)


def page(accept: str | None) -> tuple[bytes, str]:
    return b"a 1\n", "text/plain; version=0.0.4; charset=utf-8"


async def get(address: str, path: str) -> tuple[int, Any, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}{path}") as response:
        return response.status, await response.read(), response.headers["Content-Type"]


def test_metrics_at_several_places() -> None:
    """The same page wherever it is asked for, also where the first place is turned off."""

    async def main() -> None:
        server = TelemetryServer(metrics_site(enabled=False, also=((LOCAL, 0), (LOCAL, 0))), None, page, lambda: True)
        await server.start()
        assert set(server.endpoints) == {"metrics 1", "metrics 2"}
        assert [(await get(one, "/metrics"))[1] for one in server.endpoints.values()] == [page(None)[0]] * 2
        await server.stop()

    asyncio.run(main())


def test_metrics() -> None:
    """`/metrics` gives the page as rendered, with its content type, at the port that was bound."""

    async def main() -> None:
        server = TelemetryServer(metrics_site(), None, page, lambda: True)
        await server.start()
        assert set(server.endpoints) == {"metrics"}
        status, body, kind = await get(server.endpoints["metrics"], "/metrics")
        assert (status, body, kind) == (200, b"a 1\n", "text/plain; version=0.0.4; charset=utf-8")
        assert (await get(server.endpoints["metrics"], "/else"))[0] == 404
        await server.stop()
        assert server.endpoints == {}

    asyncio.run(main())


def test_a_scrape_that_fails() -> None:
    """An exception while rendering is a 500 without its text, and the next scrape works."""
    broken = [True]

    def render(accept: str | None) -> tuple[bytes, str]:
        if broken.pop() if broken else False:
            raise ValueError("hunter2")
        return page(accept)

    async def main() -> None:
        server = TelemetryServer(metrics_site(), None, render, lambda: True)
        await server.start()
        status, body, _ = await get(server.endpoints["metrics"], "/metrics")
        assert status == 500
        assert b"hunter2" not in body
        assert (await get(server.endpoints["metrics"], "/metrics"))[0] == 200
        await server.stop()

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/", "/healthz", "/ready"])
def test_health(path: str) -> None:
    """Ready only while it is ready and live; live while it is live, also when it starts or drains."""
    state = SimpleNamespace(ready=False, live=True)

    async def main() -> None:
        health = health_site(0, path)
        server = TelemetryServer(None, health, page, lambda: state.ready, lambda: state.live)
        await server.start()
        address = server.endpoints["health"]

        async def states() -> tuple[int, int, int]:
            return (await get(address, path))[0], (await get(address, "/ready"))[0], (await get(address, "/live"))[0]

        assert await states() == (503, 503, 200)
        state.ready = True
        assert await states() == (200, 200, 200)
        _status, body, kind = await get(address, path)
        assert kind.startswith("application/json")
        assert b'"status": "Server available"' in body
        state.live = False
        assert await states() == (503, 503, 503)
        await server.stop()

    asyncio.run(main())


def test_nothing_listens_when_it_is_off() -> None:
    """Metrics that are not enabled and health that is not configured have no endpoint."""

    async def main() -> None:
        server = TelemetryServer(metrics_site(enabled=False), None, page, lambda: True)
        await server.start()
        assert server.endpoints == {}
        await server.stop()

    asyncio.run(main())


def test_an_address_that_is_taken() -> None:
    """When one address cannot be bound the start fails, and the other one is let go."""

    async def main() -> None:
        taken = await asyncio.start_server(lambda _reader, writer: writer.close(), LOCAL, 0)
        port = taken.sockets[0].getsockname()[1]
        server = TelemetryServer(metrics_site(), health_site(port), page, lambda: True)
        async with taken:
            with pytest.raises(OSError, match=str(port)):
                await server.start()
        assert server.endpoints == {}
        await server.stop()

    asyncio.run(main())


def test_gzip_for_who_asks() -> None:
    """A client that takes gzip is given it."""

    async def main() -> None:
        server = TelemetryServer(metrics_site(), None, lambda _accept: (b"a 1\n" * 999, "text/plain"), bool)
        await server.start()
        url = f"http://{server.endpoints['metrics']}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url, headers={"Accept-Encoding": "gzip"}) as got:
            assert got.headers["Content-Encoding"] == "gzip"
            assert await got.read() == b"a 1\n" * 999
        await server.stop()

    asyncio.run(main())

"""A shop on FastAPI and one on aiohttp, called by httpx and the aiohttp client; work on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys

import aiohttp
import fastapi
import httpx
import uvicorn
from aiohttp import web
from opentelemetry import metrics, trace
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.aiohttp_server import AioHttpServerInstrumentor
from opentelemetry.instrumentation.asyncio import AsyncioInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from shop_words import AGENTS, NOUNS, Shop

import telemetry

shop = Shop(2)
log = logging.getLogger("shop.catalog")
QUERY = 'query Product($sku: ID!) { product(sku: $sku, first: 10, after: "%s") { id price { amount } } }'


def catalog() -> fastapi.FastAPI:
    """Return the shop."""
    app = fastapi.FastAPI()
    counted = metrics.get_meter("shop.catalog").create_counter("catalog.reads", unit="{read}")

    @app.get("/v1/products/{sku}")
    async def product(sku: str, at: str = "") -> dict[str, object]:
        span = trace.get_current_span()
        span.set_attributes({"product.sku": sku, "product.at": at, "cache.key": f"product:{sku}:{shop.hex(12)}"})
        span.add_event("cache.miss", {"cache.node": shop.pod(), "cache.slot": int(shop.digits(1, 4))})
        counted.add(1, {"shop.warehouse": f"wh-{shop.digits(2, 2)}", "shop.shard": shop.digits(2, 3)})
        log.info(
            "product read", extra={"sku": sku, "snapshot": shop.path(), "image": shop.image(), "at_ns": shop.epoch()}
        )
        return shop.item()

    @app.post("/graphql")
    async def graphql(request: fastapi.Request) -> dict[str, object]:
        trace.get_current_span().set_attribute("graphql.document", (await request.json())["query"])
        return {"data": shop.item()}

    @app.get("/health")
    async def health() -> None:
        return None

    @app.get("/fail")
    async def fail(what: str) -> None:
        raise RuntimeError(f"{what}: {shop.phrase()} (attempt {shop.digits(1, 2)} of 50, trace {shop.hex(32)})")

    return app


async def parcels(request: web.Request) -> web.Response:
    """Answer for a parcel."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.001):
            await asyncio.sleep(0)
    log.info("parcel %s is at %s since %s", request.match_info["id"], shop.pod(), shop.time())
    if shop.random.random() < 0.1:
        raise ValueError(f"parcel {request.match_info['id']} has no label {shop.ulid()}")
    return web.json_response(shop.item(), headers={"ETag": shop.etag()})


async def calls(base: str, other: str, times: int) -> None:
    """Use both."""
    async with httpx.AsyncClient(timeout=5) as client, aiohttp.ClientSession() as session:
        for _ in range(times):
            headers = {"User-Agent": shop.pick(*AGENTS), "X-Request-Id": shop.ulid(), "If-Match": shop.etag()}
            await client.get(f"{base}/v1/products/{shop.sku()}", params={"at": shop.epoch()}, headers=headers)
            await client.post(f"{base}/graphql", json={"query": QUERY % shop.cursor()}, headers=headers)
            url = f"{other}/{shop.pick(*NOUNS)}/parcels/{shop.order()}"
            async with session.get(url, params={"rev": shop.sha(), "v": shop.version()}, headers=headers) as answer:
                await answer.read()
        for _ in range(times // 10):
            with contextlib.suppress(httpx.HTTPError):
                await client.get(f"{base}/fail", params={"what": shop.pick(shop.pod(), shop.image(), shop.path())})
            with contextlib.suppress(aiohttp.ClientError):
                await session.get(f"http://127.0.0.1:9/{shop.order()}")


async def run(times: int) -> None:
    stop = telemetry.start("catalog", shop)
    for instrumentor in (
        AioHttpClientInstrumentor,
        AioHttpServerInstrumentor,
        AsyncioInstrumentor,
        HTTPXClientInstrumentor,
    ):
        instrumentor().instrument()
    app = catalog()
    FastAPIInstrumentor.instrument_app(app)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="info", log_config=None))
    serving = asyncio.ensure_future(server.serve())
    runner = web.AppRunner(warehouse := web.Application())
    warehouse.router.add_get("/{kind}/parcels/{id}", parcels)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    while not server.started:  # noqa: ASYNC110 -- it has no event to wait for
        await asyncio.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    await calls(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{runner.addresses[0][1]}", times)
    server.should_exit = True
    await serving
    await runner.cleanup()
    stop()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1])))

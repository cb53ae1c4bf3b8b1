"""Databases, queues and RPC: SQLAlchemy, a Redis protocol server, Celery, gRPC, Django's ORM and views."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import celery
import django
import fakeredis
import grpc
import redis
import sqlalchemy as sql
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.grpc import GrpcInstrumentorClient, GrpcInstrumentorServer
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from shop_words import AGENTS, NOUNS, Shop

import telemetry

shop = Shop(3)
log = logging.getLogger("shop.stock")
INSERT = "INSERT INTO stock VALUES"
SELECT = "SELECT sku, units * 2.5 AS total FROM stock WHERE"
UPDATE = "UPDATE stock SET units = units - 1 WHERE"
TABLE = "CREATE TABLE stock (sku TEXT, warehouse TEXT, units INTEGER, at INTEGER, rev BLOB)"


def statements(times: int) -> None:
    """SQL with literals, lists, comments and errors."""
    engine = sql.create_engine("sqlite://", poolclass=sql.StaticPool, connect_args={"check_same_thread": False})
    SQLAlchemyInstrumentor().instrument(engine=engine, enable_commenter=True)
    with engine.connect() as connection:
        connection.execute(sql.text(TABLE))
        for _ in range(times):
            for text in (
                f"{INSERT} ('{shop.sku()}', 'wh-{shop.digits(2, 3)}', {shop.digits(1, 4)}, 0, x'{shop.hex(16)}')",
                f"{SELECT} total > {shop.money()} AND sku IN ('{shop.sku()}', '{shop.sku()}') LIMIT 50",
                f"{SELECT} at > {shop.epoch()} /* {shop.pick(*NOUNS)}:{shop.hex(8)} */",
                f"{UPDATE} rev = x'{shop.hex(40)}' AND warehouse <> '{shop.snowflake()}' -- batch {shop.uuid()}",
            ):
                connection.execute(sql.text(text.replace(":", r"\:")))
            log.info("rows of %s moved to %s", shop.sku(), shop.path())
        for text in ("SELECT nothing FROM stock", f"SELEC {shop.digits(3, 9)}", f"SELECT * FROM t_{shop.hex(6)}"):
            with contextlib.suppress(sql.exc.DatabaseError):
                connection.execute(sql.text(text))


def commands(times: int) -> None:
    """A server that speaks Redis, on loopback."""
    server = fakeredis.TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = redis.Redis(host="127.0.0.1", port=server.server_address[1])
    for _ in range(times):
        key = f"{shop.pick(*NOUNS)}:{shop.order()}"
        client.set(key, str(shop.item()), ex=300)
        client.get(key)
        client.hset(f"h:{key}", mapping={"sku": shop.sku(), "at": shop.epoch(), "rev": shop.sha()})
        with client.pipeline() as pipe:
            pipe.incr(f"count:{shop.pod()}").expire(f"count:{shop.pod()}", 60).lpush("queue", shop.ulid()).execute()
        with contextlib.suppress(redis.ResponseError):
            client.lpush(key, shop.uuid())
    server.shutdown()


def tasks(times: int) -> None:
    """Celery, whose worker runs in this process."""
    app = celery.Celery("stock", broker="memory://", backend="cache+memory://")

    @app.task(name="stock.recount")
    def recount(warehouse: str, rev: str) -> str:
        log.info("recount of %s at %s", warehouse, rev)
        if shop.random.random() < 0.2:
            raise RuntimeError(f"{shop.pod()}: {shop.phrase()}")
        return shop.sha()

    from celery.contrib.testing.worker import start_worker

    with start_worker(app, perform_ping_check=False, pool="solo"):
        for _ in range(times):
            result = recount.delay(f"wh-{shop.digits(2, 3)}", shop.version())
            with contextlib.suppress(RuntimeError):
                result.get(timeout=10)


def rpc(times: int) -> None:
    """gRPC without generated code."""

    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        kind = shop.random.random()
        if kind < 0.2:
            context.abort(
                grpc.StatusCode.NOT_FOUND, f"{request.decode()} is not in shard {shop.digits(1, 3)} of {shop.pod()}"
            )
        if kind < 0.3:
            raise ValueError(f"bad revision {shop.sha()} of {shop.image()}")
        return request

    methods = {name: grpc.unary_unary_rpc_method_handler(answer) for name in ("Get", "Reserve", "Release")}
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("shop.stock.v1.Stock", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for _ in range(times):
            call = channel.unary_unary(f"/shop.stock.v1.Stock/{shop.pick(*methods)}")
            with contextlib.suppress(grpc.RpcError):
                call(shop.order().encode(), timeout=5, metadata=[("x-request-id", shop.uuid())])
    server.stop(None)


def view(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002
    """Answer for a label."""
    log.info("label %s printed by %s: %s", id, shop.pod(), shop.phrase())
    if shop.random.random() < 0.2:
        raise KeyError(id)
    return HttpResponse(id, headers={"ETag": shop.etag()})


urlpatterns = [path("labels/<id>/", view)]


def site(times: int) -> None:
    """Django's handlers without a socket."""
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x" * 50, LOGGING_CONFIG=None)
    DjangoInstrumentor().instrument()
    django.setup()
    client = Client(raise_request_exception=False)
    for _ in range(times):
        headers = {"user-agent": shop.pick(*AGENTS), "x-request-id": shop.ulid(), "if-none-match": shop.etag()}
        client.get(f"/labels/{shop.order()}/", {"rev": shop.sha(), "page": shop.digits(1, 3)}, headers=headers)


def main(times: int) -> None:
    stop = telemetry.start("stock", shop)
    for instrumentor in (CeleryInstrumentor, GrpcInstrumentorClient, GrpcInstrumentorServer, RedisInstrumentor):
        instrumentor().instrument()
    statements(times)
    commands(times)
    rpc(times)
    site(times)
    tasks(times // 5)
    stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))

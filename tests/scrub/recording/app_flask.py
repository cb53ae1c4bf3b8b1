"""A shop on Flask, called by requests, urllib3 and urllib; orders in sqlite3, pages by Jinja."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import sys
import threading
import urllib.request
from collections.abc import Callable

import flask
import jinja2
import requests
import urllib3
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.jinja2 import Jinja2Instrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.instrumentation.urllib import URLLibInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from shop_words import AGENTS, NOUNS, Shop
from werkzeug.serving import make_server

import telemetry

shop = Shop(1)
log = logging.getLogger("shop.orders")


def failures() -> list[Callable[[], object]]:
    """What goes wrong in applications."""
    return [
        lambda: int(shop.pod()),
        lambda: {}[shop.order()],
        lambda: json.loads('{"sku": "' + shop.sku() + '", "price": }'),
        lambda: open(shop.path()),  # noqa: PTH123
        lambda: 1 / 0,
        lambda: [][int(shop.digits(2, 3))],
        lambda: object().price,  # type: ignore[attr-defined]
        lambda: b"\xff\xfe\x00".decode("utf-8"),
        lambda: requests.get(f"http://127.0.0.1:9/{shop.order()}?v={shop.version()}", timeout=1),
        lambda: sqlite3.connect(":memory:").cursor().execute(f"SELECT {shop.sku().lower()} FROM parcels"),
        lambda: jinja2.Template("{{ order.total.amount }}").render(),
        lambda: (_ for _ in ()).throw(TimeoutError(f"{shop.pod()}: no answer within {shop.digits(3, 5)} ms")),
        lambda: (_ for _ in ()).throw(AssertionError(f"expected {shop.digest()}, got {shop.digest()}")),
        lambda: (_ for _ in ()).throw(RuntimeError(f"lease {shop.uuid()} of {shop.pod()} expired at {shop.time()}")),
    ]


def application() -> flask.Flask:
    """Return the shop."""
    app = flask.Flask("orders")
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute("CREATE TABLE orders (id TEXT PRIMARY KEY, sku TEXT, price REAL, at TEXT, rev TEXT)")
    pages = jinja2.Environment(autoescape=True, loader=jinja2.DictLoader({"order.html": "<b>{{ id }}</b>: {{ rows }}"}))

    @app.get("/orders/<id>")
    def order(id: str) -> str:  # noqa: A002
        rows = (
            database.cursor()
            .execute("SELECT id, sku, price FROM orders WHERE id = ? OR rev LIKE 'v%'", (id,))
            .fetchall()
        )
        log.info("order %s: %d rows, revision %s, took %s ms", id, len(rows), shop.sha(), shop.money())
        return pages.get_template("order.html").render(id=id, rows=rows)

    @app.put("/orders/<id>")
    def put(id: str) -> dict[str, object]:  # noqa: A002
        sql = f"INSERT INTO orders VALUES ('{id}', '{shop.sku()}', {shop.money()}, '{shop.time()}', '{shop.version()}')"
        with contextlib.suppress(sqlite3.IntegrityError):
            database.cursor().execute(sql)
        log.info("stored %s", json.dumps(shop.item()))
        return shop.item()

    @app.get("/search")
    def search() -> flask.Response:
        log.warning(
            "cache miss for %s, shard %s, after %s", shop.etag(), shop.digits(1, 3), flask.request.args["after"]
        )
        answer = flask.jsonify([shop.item()])
        answer.headers["ETag"] = shop.etag()
        answer.headers["X-Request-Id"] = shop.uuid()
        return answer

    @app.get("/fail/<int:kind>")
    def fail(kind: int) -> str:
        log.error("about to fail: %s", shop.phrase())
        return str(failures()[kind]())

    return app


def calls(base: str, times: int) -> None:
    """Use the shop as browsers and services do."""
    pool = urllib3.PoolManager()
    for _ in range(times):
        headers = {
            "User-Agent": shop.pick(*AGENTS),
            "X-Request-Id": shop.pick(shop.uuid(), shop.ulid(), shop.hex(32)),
            "If-None-Match": shop.etag(),
            "X-B3-TraceId": shop.hex(32),
            "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
        }
        requests.get(f"{base}/orders/{shop.order()}", headers=headers, timeout=5)
        pool.request("PUT", f"{base}/orders/{shop.order()}?rev={shop.sha()}&at={shop.epoch()}", headers=headers)
        after = f"{base}/search?q={shop.pick(*NOUNS)}&after={shop.cursor()}&size=50&from={shop.snowflake()}"
        urllib.request.urlopen(urllib.request.Request(after, headers=headers)).read()
    for kind in range(len(failures())):
        requests.get(f"{base}/fail/{kind}", timeout=5)


def main(times: int) -> None:
    stop = telemetry.start("orders", shop)
    for instrumentor in (Jinja2Instrumentor, RequestsInstrumentor, SQLite3Instrumentor, SystemMetricsInstrumentor):
        instrumentor().instrument()
    for another in (ThreadingInstrumentor, URLLibInstrumentor, URLLib3Instrumentor):
        another().instrument()
    app = application()
    FlaskInstrumentor().instrument_app(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    calls(f"http://127.0.0.1:{server.server_port}", times)
    server.shutdown()
    stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))

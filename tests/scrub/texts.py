"""Texts in which secrets stand: what programs, protocols and people write around them, with nothing else to find."""

# ruff: noqa: RUF001 -- texts in several languages
from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from labelled import HEX, Found, chars


@dataclass(frozen=True)
class Text:
    """A text with a secret in it."""

    before: str
    """Up to the secret, with the words that belong to it."""
    secret: str
    """As it stands here, whatever escapes that takes."""
    behind: str
    core: str
    """The part of the secret that must not survive."""

    @property
    def whole(self) -> str:
        """All of it."""
        return self.before + self.secret + self.behind


Encode = Callable[[str], str]


@dataclass(frozen=True)
class Template:
    """A text with a hole, and how what is put in is written there."""

    name: str
    text: str
    encode: Encode = str
    urls: bool = False
    """Where only what stands for itself can be: a value in a URL, a field, an identifier."""


def quoted(text: str) -> str:
    return json.dumps(text)[1:-1]


def quoted_twice(text: str) -> str:
    return quoted(quoted(text))


def unicode_kept(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def sql(text: str) -> str:
    return text.replace("'", "''")


def html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&#39;").replace('"', "&quot;")


def one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")


def percent(text: str) -> str:
    return quote(text, safe="")


TEMPLATES = (
    Template("alone", "{}"),
    Template("log line", "2026-11-20T23:43:40.123Z INFO  [worker-3] c.s.checkout.Handler - handled {} in 42 ms"),
    Template("log line, at the end", "W1120 23:43:40.123456       1 reconciler.go:142] requeue after error for {}"),
    Template("log line, key and value",
    'level=warn ts=1732146220.123 caller=main.go:88 subject={} msg="not accepted"', one_line),
    Template("access log",
    '10.0.3.7 - - [20/Nov/2026:23:43:40 +0000] "GET /items HTTP/1.1" 200 512 "-" "{}"', one_line),
    Template("SQL", "SELECT id, total FROM orders WHERE contact = '{}' AND state <> 'done' LIMIT 50", sql),
    Template("SQL, insert", "INSERT INTO audit (at, who, n) VALUES ('2026-11-20', '{}', 42)", sql),
    Template("SQL, list", "DELETE FROM queue WHERE subject IN ('a1', '{}', 'b2') -- nightly", sql),
    Template("JSON", '{{"level": "info", "subject": "{}", "count": 3}}', quoted),
    Template("JSON, dense", '{{"a":{{"b":[1,"{}",true]}},"c":"2026-11-20T23:43:40Z"}}', unicode_kept),
    Template("JSON in JSON", '{{"event":"{{\\"subject\\":\\"{}\\",\\"n\\":1}}"}}', quoted_twice),
    Template("stack trace, Python",
    'Traceback (most recent call last):\n  File "/app/shop/api.py", line 88, in create\n    '
             "raise Rejected(subject)\nshop.errors.Rejected: not accepted: {}\n"),
    Template("stack trace, Java",
    "com.shop.Rejected: {} was not accepted\n\tat com.shop.api.Orders.create(Orders.java:88)\n\t"
             "at java.base/java.lang.Thread.run(Thread.java:1583)\nCaused by: java.io.IOException: reset by peer"),
    Template("exception message", "ValueError: could not convert '{}' to a known type"),
    Template("Go error", 'rpc error: code = InvalidArgument desc = subject "{}" is not known: retry in 30s', one_line),
    Template("Kubernetes event",
    "Warning  Failed  3m (x4 over 9m)  kubelet  Error: container command '/app/run --for {}' exited with 137"),
    Template("CSV", '4711,2026-11-20,"{}",12.50,EUR', lambda text: text.replace('"', '""')),
    Template("semicolons", "4711;2026-11-20;{};12,50;EUR", one_line),
    Template("tabs", "4711\t2026-11-20\t{}\t12.50"),
    Template("XML", '<event at="2026-11-20"><subject>{}</subject><n>42</n></event>', html),
    Template("YAML", "event:\n  subject: {}\n  attempts: 3\n", one_line),
    Template("Markdown", "- subject: `{}` (since build 4711)"),
    Template("English", "The customer asked us to update {}, and we did so on Tuesday."),
    Template("English, in brackets", "we reached them (under {}) twice."),
    Template("English, at the end of a sentence", "Please use {}. Thank you!"),
    Template("German", "Der Kunde bat um Rückruf; hinterlegt ist {} – bitte prüfen."),
    Template("French", "L’adresse saisie (« {} ») n’a pas été acceptée."),
    Template("Spanish", "¿Es correcto {}? El pedido sigue pendiente."),
    Template("Russian", "Не удалось обработать: {} — повторите попытку."),
    Template("Japanese", "入力された値「{}」は無効です。"),
    Template("Chinese", "用户提交的内容：{}，请核对。"),
    Template("Arabic", "تعذر التحقق من {} حتى الآن"),
    Template("Korean", "입력값 {} 은(는) 사용할 수 없습니다"),
    Template("URL query", "https://api.shop.example/v1/items?page=2&q={}&size=50", percent, urls=True),
    Template("URL query, plus for spaces", "/search?from=app&q={}", quote_plus, urls=True),
    Template("URL path", "GET /v1/subjects/{}/orders HTTP/1.1", percent, urls=True),
    Template("query as JSON", "filter=%7B%22subject%22%3A%22{}%22%7D", percent, urls=True),
    Template("header", "x-shop-subject: {}", one_line),
    Template("form", "step=2&subject={}&confirm=yes", quote_plus, urls=True),
    Template("baggage", "shop.tier=gold,shop.subject={},shop.region=eu", percent, urls=True),
    Template("array as text", "['a', '{}', 'b']", lambda text: one_line(text).replace("'", "\\'")),
    Template("Python dict", "{{'subject': '{}', 'n': 1}}", lambda text: one_line(text).replace("'", "\\'")),
    Template("cache key", "GET shop|subject|{}|v2", percent, urls=True),
    Template("command line", "/app/run --subject {} --verbose", one_line),
    Template("file name", "/var/spool/export/{}/part-0001.csv", percent, urls=True),
)  # fmt: skip


def fits(template: Template, texts: str) -> bool:
    """Return whether a secret can stand in a text."""
    if texts == "alone":
        return template.name == texts
    if texts == "whole":
        return template.name in ("alone", "stack trace, Python", "JSON")
    return texts == "any" or not template.urls


def filled(template: Template, found: Found, random: random.Random) -> Text:
    """Return the text with the secret in it."""
    before, behind = template.text.format("\0").split("\0")
    start, secret, end, core = map(
        template.encode, (found.before, found.secret, found.behind, found.core or found.secret)
    )
    head = f"trace_id={chars(random, HEX, 32)} " if template.name == "log line" else ""
    return Text(head + before + start, secret, end + behind, core)

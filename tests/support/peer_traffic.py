"""The traffic of the comparison with a collector: seeded, and with everything in it that may be read differently.

Spans of late requests come after their trace was judged; attributes have every type, stand twice, and have keys that
their resource has too.
"""

from __future__ import annotations

import random
from typing import Any

from otlp_words import Pairs, Words, pairs

BASE = 1_700_000_000_000_000_000
"""What span times count from, ns: any time does, as long as both get the same."""
LATE = "6s"
"""When late spans come: after the two seconds that the scenarios wait, and two more."""
SERVICES = ("checkout", "pay", "payments", "shop", None)
KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
NAMES = ("/orders/17/items/4", "/orders/230", "debug dump", "GET /cart", "checkout", "/users/99/items/12")
VALUES: tuple[Any, ...] = (
    *("text", "", "Zürich ☂", 0, 7, -(2**63), 2**63 - 1, 0.0, -1.5, 1e300, True, False, None, b"", b"\x00\xff"),
    [1, "two", 3.5, False, None, b"x"],
    [],
    {"a": 1, "b": {"c": [1, {"d": "deep"}]}, "mail": "nested@mail.example"},
    {},
    ["list@mail.example", "x"],
)


class Traffic:
    """Requests as steps of `otlp_words`, made once from a seed."""

    def __init__(self, seed: int = 20, traces: int = 240) -> None:
        self._random = random.Random(seed)
        self._span = 0
        early: dict[tuple[str, str], list[tuple[Words, Words]]] = {}
        for _ in range(traces):
            trace = self._random.randbytes(16).hex()
            for at, resource, span in self._trace(trace):
                early.setdefault((at, str(resource)), []).append((resource, span))
        self.steps = [
            self._step(at, batch[0][0], [span for _, span in batch[first : first + 25]])
            for (at, _), batch in sorted(early.items(), key=lambda item: item[0][0])
            for first in range(0, len(batch), 25)
        ]

    def _trace(self, trace: str) -> list[tuple[str, Words, Words]]:
        """The spans of one trace: some at once, some a second later, a few when it has long been judged."""
        out = []
        count, root = self._random.choice((1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8)), 0
        state = self._random.choice(("", "", "", "vendor=x", "ot=th:4", "ot=rv:c0ffee00c0ffee;th:8,vendor=y"))
        health = self._random.random() < 0.12
        for number in range(count):
            span = self._spans_words(trace, state)
            span |= {"parent": root} if number else {}
            root = root or span["id"]
            if health and number == 0:
                span["attributes"].append(("path", "/healthz"))
            at = "0s" if number == 0 else self._random.choice(("0s", "0s", "1s", "1s", LATE))
            out.append((at, self._resource(), span))
        return out

    def _spans_words(self, trace: str, state: str) -> Words:
        self._span += 1
        duration = self._random.choice((0, 1, 5, 100, 899, 900, 901, 1500))
        span: Words = {
            "trace": trace,
            "id": self._span,
            "name": self._random.choice(NAMES),
            "kind": self._random.choice(KINDS),
            "start": f"{self._random.randrange(50)}ms",
            "duration": f"{duration}ms" if duration else 0,
            "attributes": self._attributes(),
            "state": state,
            "flags": self._random.choice((0, 0, 1, 257, 0x300)),
            "dropped": self._random.choice((0, 0, 0, 3)),
        }
        code = self._random.choice(("UNSET", "UNSET", "UNSET", "OK", "ERROR"))
        if code != "UNSET":
            span["status"] = {"code": code, "message": "me@mail.example failed" if code == "ERROR" else ""}
        span["events"] = [self._item("event") for _ in range(self._random.choice((0, 0, 1, 2)))]
        span["links"] = [{"trace": 5, "id": 6, **self._item("")} for _ in range(self._random.choice((0, 0, 0, 1)))]
        for link in span["links"]:
            link.pop("name")
        return span

    def _item(self, name: str) -> Words:
        attributes = {"noise": self._random.random() < 0.5, "user.email": "x@y.example", "secret.k": "s"}
        return {"name": name, "attributes": attributes}

    def _attributes(self) -> Pairs:
        chance = self._random.random
        found: list[tuple[str, Any]] = []
        for key, value in (
            ("n", self._random.randrange(100)),
            ("tier", self._random.choice(("gold", "tin", "silver"))),
            ("env", self._random.choice(("prod", "test"))),
            ("http.status", self._random.choice((200, 302, 404, 503, "500"))),
            ("user.email", self._random.choice(("bob@mail.example and eve@mail.example", "none", 5))),
            ("url", self._random.choice(("https://shop.example/cart?x=1", "nothing", 7))),
            ("amount", self._random.choice((12.9, "42", "4x", True, 7))),
            ("count", self._random.choice((3, "2.5", "x", False))),
            ("debug", self._random.choice((True, False, "true"))),
            ("card", "paid with 4111111111111111 today"),
            ("api.token", self._random.choice(("abcdef", "two\nlines", ""))),
            ("secret.pin", "1234"),
            ("safe", "safe@mail.example"),
            ("public.mail", "public@mail.example"),
            ("internal.id", 5),
            ("mixed.flag", self._random.choice((True, False, "x", 1))),
        ):
            if chance() < 0.25:
                found.append((key, value))
        found += [("mixed.value", value) for value in VALUES if chance() < 0.06][:1]
        found += [("kept", value) for value in VALUES if chance() < 0.06][:1]
        if chance() < 0.2 and found:
            twice = self._random.choice(found)[0]
            found.append((twice, self._random.choice(("second", 77, True))))
        return found

    def _resource(self) -> Words:
        service = self._random.choice(SERVICES)
        words: Words = {"host.id": self._random.choice(("h1", "h2")), "port": 8080}
        if service:
            words["service.name"] = service
        if service in ("pay", "shop"):  # the same keys as on spans
            words |= {"tier": "gold" if service == "pay" else "tin", "env": "test", "user.email": "ops@mail.example"}
        return words

    def _step(self, at: str, resource: Words, spans: list[Words]) -> Words:
        version = self._random.choice(("", "1"))
        scope = {"name": "lib" if version else "", "version": version, "attributes": {"n": 3, "secret.scope": "x"}}
        schema = f"https://schemas.example/{version}" if version else ""
        headers = {"x-tenant": self._random.choice((["acme"], ["umbrella", "sub"]))} if version else {}
        words = {"at": at, "resource": resource, "scope": scope, "spans": spans, "metadata": headers}
        return {**words, "resource_schema": schema, "scope_schema": schema}


def features(steps: list[Words]) -> dict[str, int]:
    """Count what the traffic is meant to have in it, so that a comparison can say what it compared."""
    spans = [(step, span) for step in steps for span in step["spans"]]
    keys = [[key for key, _ in pairs(span["attributes"])] for _, span in spans]
    values = [value for _, span in spans for _, value in pairs(span["attributes"])]
    return {
        "requests": len(steps),
        "traces": len({span["trace"] for _, span in spans}),
        "spans": len(spans),
        "late spans": sum(step["at"] == LATE for step, _ in spans),
        "spans with a key twice": sum(len(set(k)) < len(k) for k in keys),
        "spans with a key of their resource": sum(
            bool(set(k) & set(step["resource"])) for k, (step, _) in zip(keys, spans, strict=True)
        ),
        **{f"values: {kind.__name__}": sum(type(v) is kind for v in values) for kind in _TYPES},
    }


_TYPES = (str, int, float, bool, bytes, list, dict, type(None))

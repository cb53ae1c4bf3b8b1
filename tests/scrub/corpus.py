"""The labelled corpus: positives made of kinds, texts and positions, and hard negatives, recorded and made."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import lookalikes
import lookalikes_code
import planting
import secrets_credentials
import secrets_financial
import secrets_named
import secrets_national
import secrets_network
import secrets_personal
import secrets_tokens
import texts
from labelled import Kind
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from recorded_spans import MESSAGES, recordings, requests

SEED = 20261120
KINDS: tuple[Kind, ...] = (
    *secrets_personal.KINDS,
    *secrets_financial.KINDS,
    *secrets_network.KINDS,
    *secrets_credentials.KINDS,
    *secrets_named.KINDS,
    *secrets_tokens.KINDS,
    secrets_national.TAXPAYER,
)
NATIONAL: tuple[Kind, ...] = secrets_national.KINDS
"""Those for which the pack `national` must be asked for."""
FIELDS = {
    "logs": ("resource_logs", "scope_logs", "log_records"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
}
KEYED = ("resource", "scope", "nested", "event", "link")
"""Positions that have a key."""
HALVES = 16
"""A secret of so many signs must not survive by halves either."""


@dataclass(frozen=True)
class Positive:
    """A text with something that must be found in it."""

    kind: Kind
    template: str
    position: str
    text: texts.Text
    key: str = "note"

    def request(self) -> bytes:
        """Return the request in which it stands."""
        return planting.planted(self.position, self.text.whole, self.key).SerializeToString()

    def must_go(self) -> list[str]:
        """Return the texts that must not survive."""
        secret = self.text.core
        middle = len(secret) // 2
        return [secret, secret[:middle], secret[middle:]] if len(secret) >= HALVES else [secret]


@dataclass(frozen=True)
class Negative:
    """A request in which nothing is to be found."""

    source: str
    """`made` or the name of a recording."""
    kind: str
    body: bytes
    records: int = 1


def positives(kinds: tuple[Kind, ...] = KINDS, seed: int = SEED) -> Iterator[Positive]:
    """Yield all positives; each kind has a random source of its own, so that a new kind changes no other."""
    for kind in kinds:
        source = random.Random(f"{seed} {kind.name}")
        for number in range(kind.weight):
            yield _positive(kind, number, source)


def _positive(kind: Kind, number: int, source: random.Random) -> Positive:
    """Half of them stand in an attribute of the span, the others in every other position by turns."""
    others = KEYED if kind.keys else planting.POSITIONS[1:]
    position = planting.POSITIONS[0] if number % 2 == 0 else others[(number // 2) % len(others)]
    while True:
        found = kind.draw(source)
        template = source.choice([one for one in texts.TEMPLATES if texts.fits(one, kind.texts)])
        text = texts.filled(template, found, source)
        if text.whole.count(text.core) == 1:
            return Positive(kind, template.name, position, text, source.choice(kind.keys or ("note",)))


def made(seed: int = SEED) -> Iterator[Negative]:
    """Yield the values that only look like something."""
    for name, (key, draw) in {**lookalikes.LOOKALIKES, **lookalikes_code.CODE, **lookalikes.DECIMAL}.items():
        source = random.Random(f"{seed} {name}")
        for number in range(lookalikes.EXAMPLES):
            position = "span" if number % 4 else source.choice(planting.POSITIONS)
            request = planting.planted(position, draw(source), key)
            yield Negative("made", name, request.SerializeToString())


def recorded() -> Iterator[Negative]:
    """Yield the requests of the recordings; log records and data points become spans with their attributes."""
    for signal in MESSAGES:
        for path in recordings(signal):
            for message in requests(signal, path):
                body, records = _as_spans(signal, message)
                yield Negative(path.name.partition("-")[0], signal, body, records)


def one_by_one(negative: Negative) -> Iterator[Negative]:
    """Yield each span of a request by itself."""
    for group in ExportTraceServiceRequest.FromString(negative.body).resource_spans:
        for scope in group.scope_spans:
            for span in scope.spans:
                request = ExportTraceServiceRequest()
                above = request.resource_spans.add(resource=group.resource, schema_url=group.schema_url)
                above.scope_spans.add(scope=scope.scope, schema_url=scope.schema_url, spans=[span])
                yield replace(negative, body=request.SerializeToString(), records=1)


def _as_spans(signal: str, message: Any) -> tuple[bytes, int]:
    if signal == "traces":
        return message.SerializeToString(), sum(len(s.spans) for g in message.resource_spans for s in g.scope_spans)
    group, scope, items = FIELDS[signal]
    request, count = ExportTraceServiceRequest(), 0
    for outer in getattr(message, group):
        above = request.resource_spans.add(resource=outer.resource, schema_url=outer.schema_url)
        for inner in getattr(outer, scope):
            spans = above.scope_spans.add(scope=inner.scope, schema_url=inner.schema_url).spans
            for record in getattr(inner, items):
                _as_span(signal, record, spans)
            count += len(spans)
    return request.SerializeToString(), count


def _as_span(signal: str, record: Any, spans: Any) -> None:
    span = spans.add(name=record.name if signal == "metrics" else record.severity_text)
    if signal == "logs":
        span.attributes.extend(record.attributes)
        span.attributes.add(key="body").value.CopyFrom(record.body)
        return
    span.attributes.add(key="description").value.string_value = record.description
    for point in getattr(record, record.WhichOneof("data")).data_points:
        span.events.add(name=record.unit).attributes.extend(point.attributes)

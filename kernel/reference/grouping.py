"""Spans (log records, metrics) on the way out: grouped by resource and scope header, cut into requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .wire import tagged


class Packed(NamedTuple):
    """A span with its headers."""

    resource: bytes
    scope: bytes
    span: bytes
    records: int
    """What it counts for."""


def pack(spans: Iterable[Packed], max_spans: int, max_bytes: int) -> list[tuple[bytes, int]]:
    """Return requests with their span counts, none larger than the bounds (0: none) but for a single span."""
    out: list[tuple[bytes, int]] = []
    chosen: list[Packed] = []
    size, records = _Size(), 0
    for one in _grouped(spans):
        grown = size.grown(chosen[-1] if chosen else None, one)
        full = max_spans and records + one.records > max_spans
        if chosen and (full or (max_bytes and grown.total > max_bytes)):
            out.append((_request(chosen), records))
            chosen, grown, records = [], _Size().grown(None, one), 0
        chosen.append(one)
        size, records = grown, records + one.records
    return [*out, (_request(chosen), records)] if chosen else out


def _tree(spans: Iterable[Packed]) -> dict[bytes, dict[bytes, list[Packed]]]:
    """Return the spans by resource and scope, in order of first appearance."""
    tree: dict[bytes, dict[bytes, list[Packed]]] = {}
    for one in spans:
        tree.setdefault(one.resource, {}).setdefault(one.scope, []).append(one)
    return tree


def _grouped(spans: Iterable[Packed]) -> Iterator[Packed]:
    for scopes in _tree(spans).values():
        for members in scopes.values():
            yield from members


def _request(spans: list[Packed]) -> bytes:
    return b"".join(
        tagged(1, resource + b"".join(tagged(2, _scope_spans(scope, members)) for scope, members in scopes.items()))
        for resource, scopes in _tree(spans).items()
    )


def _scope_spans(header: bytes, spans: list[Packed]) -> bytes:
    return header + b"".join(tagged(2, one.span) for one in spans)


class _Size(NamedTuple):
    """How long a request is that is not finished: the parts still open, and what stands before them."""

    resources: int = 0
    """Finished `resource_spans` fields."""
    scopes: int = 0
    """The open `ResourceSpans`: its header and finished `scope_spans` fields."""
    spans: int = 0
    """The open `ScopeSpans`."""

    @property
    def total(self) -> int:
        """The request's length in bytes."""
        return self.resources + _field_size(self.scopes + _field_size(self.spans))

    def grown(self, last: Packed | None, new: Packed) -> _Size:
        """Return the size with one span more; `last` is the one before it."""
        resource, scope, span = len(new[0]), len(new[1]), _field_size(len(new[2]))
        if last is None:
            return _Size(0, resource, scope + span)
        if last[0] != new[0]:
            return _Size(self.total, resource, scope + span)
        if last[1] != new[1]:
            return _Size(self.resources, self.scopes + _field_size(self.spans), scope + span)
        return _Size(self.resources, self.scopes, self.spans + span)


def _field_size(payload: int) -> int:
    """Return the length of a length-delimited field with a tag of one byte."""
    return 1 + (max(payload.bit_length(), 1) + 6) // 7 + payload

"""Spans on the way out: grouped by resource and scope header, cut into requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .wire import tagged

Packed = tuple[bytes, bytes, bytes]
"""Resource header, scope header, span."""


def pack(spans: Iterable[Packed], max_spans: int, max_bytes: int) -> list[tuple[bytes, int]]:
    """Return requests with their span counts, none larger than the bounds (0: none) but for a single span."""
    out: list[tuple[bytes, int]] = []
    chosen: list[Packed] = []
    size = _Size()
    for one in _grouped(spans):
        grown = size.grown(chosen[-1] if chosen else None, one)
        if chosen and ((max_spans and len(chosen) == max_spans) or (max_bytes and grown.total > max_bytes)):
            out.append((_request(chosen), len(chosen)))
            chosen, grown = [], _Size().grown(None, one)
        chosen.append(one)
        size = grown
    return [*out, (_request(chosen), len(chosen))] if chosen else out


def _tree(spans: Iterable[Packed]) -> dict[bytes, dict[bytes, list[bytes]]]:
    """Return the spans by resource and scope, in order of first appearance."""
    tree: dict[bytes, dict[bytes, list[bytes]]] = {}
    for resource, scope, span in spans:
        tree.setdefault(resource, {}).setdefault(scope, []).append(span)
    return tree


def _grouped(spans: Iterable[Packed]) -> Iterator[Packed]:
    for resource, scopes in _tree(spans).items():
        for scope, members in scopes.items():
            for span in members:
                yield resource, scope, span


def _request(spans: list[Packed]) -> bytes:
    return b"".join(
        tagged(1, resource + b"".join(tagged(2, _scope_spans(scope, members)) for scope, members in scopes.items()))
        for resource, scopes in _tree(spans).items()
    )


def _scope_spans(header: bytes, spans: list[bytes]) -> bytes:
    return header + b"".join(tagged(2, span) for span in spans)


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

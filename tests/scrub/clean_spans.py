"""Any number of clean spans: the recorded ones over and over, each time with other identifiers of the same shape."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import NamedTuple

import planting
from recorded_spans import recordings, requests

_WORD = re.compile(rb"[A-Za-z0-9]+")
_LONGEST_FIXED = 7
"""Longer runs with a digit in them are drawn again: no version, port, octet or short name is that long."""
_TIMES = {10, 13, 16, 19}
"""How many digits a time since 1970 has, in s, ms, us and ns."""
_POOL = 1 << 16


class _Run(NamedTuple):
    """A part of a request that is drawn again."""

    start: int
    size: int
    pool: int


def _alphabets(run: bytes) -> list[bytes]:
    """Return the pools of a run's letters: decimal, hexadecimal, or each sign's own class."""
    if run.isdigit():
        return [b"0123456789"]
    if re.fullmatch(rb"[0-9a-f]+", run):
        return [b"0123456789abcdef"]
    if re.fullmatch(rb"[0-9A-F]+", run):
        return [b"0123456789ABCDEF"]
    return [
        b"0123456789" if c in b"0123456789" else bytes(range(97, 123)) if c > 96 else bytes(range(65, 91)) for c in run
    ]


def runs(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (start, size, alphabet) of what is drawn again in a text."""
    for match in _WORD.finditer(text):
        word, at = match[0], match.start()
        if len(word) <= _LONGEST_FIXED or not re.search(rb"\d", word) or word.startswith(b"0x"):
            continue
        alphabets = _alphabets(word)
        if len(alphabets) > 1:
            yield from ((at + index, 1, alphabet) for index, alphabet in enumerate(alphabets))
            continue
        fixed = 0
        if word.isdigit():  # a time stays in its years; a number does not begin with zero
            fixed = 2 if len(word) in _TIMES and word[:2] in (b"17", b"18") else 1
        yield at + fixed, len(word) - fixed, alphabets[0]


class CleanSpans:
    """Requests of recorded spans, drawn again and again."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._pools: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self._templates: list[tuple[bytes, list[_Run], int]] = []
        for path in recordings("traces"):
            for message in requests("traces", path):
                spans = sum(len(scope.spans) for group in message.resource_spans for scope in group.scope_spans)
                self._templates.append((*self._template(message.SerializeToString(), planting.strings(message)), spans))

    def _template(self, body: bytes, texts: list[str]) -> tuple[bytes, list[_Run]]:
        found: list[_Run] = []
        for text in sorted({text.encode() for text in texts}, key=lambda text: (-len(text), text)):
            here = list(runs(text))
            start = body.find(text) if here else -1
            while start >= 0:
                found += [_Run(start + at, size, self._pool(alphabet)) for at, size, alphabet in here]
                start = body.find(text, start + 1)
        return body, found

    def _pool(self, alphabet: bytes) -> int:
        if alphabet not in self._numbers:
            self._numbers[alphabet] = len(self._pools)
            self._pools.append(bytes(self._random.choices(alphabet, k=_POOL)))
        return self._numbers[alphabet]

    def requests(self, spans: int) -> Iterator[tuple[bytes, int]]:
        """Yield requests with how many spans they have, until there were that many."""
        left = spans
        while left > 0:
            for body, changes, count in self._templates:
                if left <= 0:
                    return
                yield self._drawn(body, changes), count
                left -= count

    def _drawn(self, body: bytes, changes: list[_Run]) -> bytes:
        drawn, pools, number = bytearray(body), self._pools, self._random.random
        for start, size, pool in changes:
            at = int(number() * (_POOL - size))
            drawn[start : start + size] = pools[pool][at : at + size]
        return bytes(drawn)

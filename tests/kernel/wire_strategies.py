"""Random requests on the wire: OTLP, shuffled, repeated, padded, in other wire types, with unknown fields.

Everything made by `requests_on_the_wire` is accepted by upb; `mutated` need not be.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from kernel_helpers import field, tag, varint

Draw = Callable[[st.SearchStrategy[Any]], Any]

KEYS = ["k", "a", "n", "password", "m.x", "", "service.name", "é"]
TEXTS = [
    "",
    "v",
    "secret",
    "a secret b secret",
    "12",
    "1.5",
    "bob@example.com",
    "4111 1111 1111 1111",
    "10.0.0.1 8.8.8.8",
    "漢字 é",
    "line\nline",
    "ot=th:8;rv:0123456789abcd,x=y",
    "ot=rv:00000000000005",
    "x=a b ,k@s=1",
    "x=1,x=2",
]
IDS = [b"", b"\1" * 16, b"\2" * 16, b"\3" * 16, b"short", b"\4" * 20]

keys = st.sampled_from(KEYS).map(str.encode)
texts = st.one_of(st.sampled_from(TEXTS), st.text(max_size=8)).map(lambda text: text.encode(errors="replace"))
blobs = st.one_of(st.binary(max_size=6), texts)
integers = st.one_of(st.sampled_from([0, 1, 2, 5, 1000, 2**31, 2**63, 2**64 - 1]), st.integers(0, 2**64 - 1))
doubles = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, -0.0, 0.5, 1.0, 2.5, 1e22, 1e-7])
)


@st.composite
def unknown_fields(draw: Draw, known: int = 100) -> bytes:
    """Return one field that the schema does not know."""
    number = known + draw(st.integers(0, 3))
    wire = draw(st.sampled_from([0, 1, 2, 3, 5]))
    return _field_of(draw, number, wire)


def _field_of(draw: Draw, number: int, wire: int) -> bytes:
    head = varint(number << 3 | wire, draw(st.sampled_from([0, 0, 0, 3, 5])))
    if wire == 0:
        return head + varint(draw(integers), draw(st.sampled_from([0, 0, 10])))
    if wire == 1:
        return head + draw(st.binary(min_size=8, max_size=8))
    if wire == 2:
        payload = draw(blobs)
        return head + varint(len(payload), draw(st.sampled_from([0, 0, 2, 5]))) + payload
    if wire == 3:
        inner = draw(st.lists(st.deferred(lambda: unknown_fields()), max_size=2))
        return head + b"".join(inner) + tag(number, 4)
    return head + draw(st.binary(min_size=4, max_size=4))


@st.composite
def message(
    draw: Draw, parts: dict[int, tuple[int, st.SearchStrategy[Any]]], most: int = 5, often: tuple[int, ...] = ()
) -> bytes:
    """Return a message of some of its fields, in any order, any number of times, and odd ones between.

    The fields in `often` stand there more often than others, and at least one of them nearly always.
    """
    weighted = st.sampled_from([*parts, *often * (1 + len(parts) // max(1, len(often)))])
    numbers = draw(st.lists(weighted, min_size=min(most, len(often)), max_size=most))
    return b"".join([one for number in numbers for one in _some_field(draw, number, *parts[number])])


def _some_field(draw: Draw, number: int, wire: int, content: st.SearchStrategy[Any]) -> list[bytes]:
    odd = draw(st.integers(0, 19))
    if odd == 0:
        return [draw(unknown_fields())]
    if odd == 1:
        other = draw(st.sampled_from([kind for kind in (0, 1, 2, 3, 5) if kind != wire]))
        return [_field_of(draw, number, other)]
    padded = draw(st.sampled_from([0, 0, 0, 0, 3]))
    head = varint(number << 3 | wire, padded)
    value = draw(content)
    if wire == 2:
        return [head + varint(len(value), padded) + value]
    if wire == 0:
        return [head + varint(value, draw(st.sampled_from([0, 0, 0, 4, 10])))]
    return [head + value]


any_values: st.SearchStrategy[bytes] = st.deferred(lambda: message(_ANY_VALUE, most=2))
_fixed = doubles.map(lambda number: struct.pack("<d", number))
_ANY_VALUE: dict[int, tuple[int, st.SearchStrategy[Any]]] = {
    1: (2, texts),
    2: (0, st.integers(0, 3)),
    3: (0, integers),
    4: (1, _fixed),
    5: (2, message({1: (2, any_values)}, most=3)),
    6: (2, message({1: (2, st.deferred(lambda: key_values))}, most=3)),
    7: (2, blobs),
    8: (0, st.integers(0, 3)),
}


@st.composite
def plain_pairs(draw: Draw) -> bytes:
    """Return a KeyValue as everybody writes it."""
    kind = draw(st.sampled_from([1, 1, 1, 2, 3, 4, 5, 6, 7]))
    wire, content = _ANY_VALUE[kind]
    value = draw(content)
    value = varint(len(value)) + value if wire == 2 else varint(value) if wire == 0 else value
    return field(1, draw(keys)) + field(2, tag(kind, wire) + value)


_odd_pairs = message({1: (2, keys), 2: (2, any_values)}, most=3, often=(1, 2))
key_values: st.SearchStrategy[bytes] = st.one_of(plain_pairs(), plain_pairs(), _odd_pairs)
_times = st.sampled_from([0, 1, 5, 10, 100, 2**63, 2**64 - 1]).map(lambda time: time.to_bytes(8, "little"))
_ids = st.sampled_from(IDS)
_span_ids = st.sampled_from([b"", bytes(8), b"\1" * 8, b"\2" * 8, b"\x80" * 8, b"\1"])
_counts = st.integers(0, 9)
_status = message({2: (2, texts), 3: (0, st.one_of(_counts, integers))}, most=3)
_event = message({1: (1, _times), 2: (2, texts), 3: (2, key_values), 4: (0, _counts)}, most=3)
_link = message({1: (2, _ids), 2: (2, _span_ids), 3: (2, texts), 4: (2, key_values), 5: (0, _counts)}, most=3)
spans: st.SearchStrategy[bytes] = message(
    {
        1: (2, _ids),
        2: (2, _span_ids),
        3: (2, texts),
        4: (2, _span_ids),
        5: (2, texts),
        6: (0, st.one_of(_counts, integers)),
        7: (1, _times),
        8: (1, _times),
        9: (2, key_values),
        10: (0, _counts),
        11: (2, _event),
        13: (2, _link),
        15: (2, _status),
        16: (5, st.binary(min_size=4, max_size=4)),
    },
    most=9,
    often=(1, 2, 9, 9, 9),
)
_entity = message({1: (2, texts), 2: (2, texts), 3: (2, texts), 4: (2, texts)}, most=2)
_resource = message({1: (2, key_values), 2: (0, _counts), 3: (2, _entity)}, most=3)
_scope = message({1: (2, texts), 2: (2, texts), 3: (2, key_values), 4: (0, _counts)}, most=3)
logs: st.SearchStrategy[bytes] = message(
    {
        1: (1, _times),
        2: (0, st.one_of(_counts, integers)),
        3: (2, texts),
        5: (2, any_values),
        6: (2, key_values),
        7: (0, _counts),
        8: (5, st.binary(min_size=4, max_size=4)),
        9: (2, _ids),
        10: (2, _span_ids),
        11: (1, _times),
        12: (2, texts),
    },
    most=7,
    often=(9, 5, 6, 6),
)
_exemplar = message({7: (2, key_values), 3: (1, _fixed), 6: (1, _times), 4: (2, _span_ids), 5: (2, _ids)}, most=3)
_number_point = {7: (2, key_values), 2: (1, _times), 3: (1, _times), 4: (1, _fixed), 6: (1, _times), 8: (0, integers)}
_packed = st.lists(_times, max_size=3).map(b"".join)
_buckets = message({1: (0, _counts), 2: (2, st.lists(integers.map(varint), max_size=3).map(b"".join))}, most=2)
_quantile = message({1: (1, _fixed), 2: (1, _fixed)}, most=2)
_extremes = {4: (1, _times), 5: (1, _fixed), 12: (1, _fixed)}
_histogram_point = _extremes | {
    9: (2, key_values),
    6: (2, _packed),
    7: (2, _packed),
    8: (2, _exemplar),
    10: (0, _counts),
}
_exponential_point = _extremes | {
    1: (2, key_values),
    8: (2, _buckets),
    9: (2, _buckets),
    10: (0, integers),
    11: (2, _exemplar),
}
_summary_point = {
    7: (2, key_values),
    3: (1, _times),
    4: (1, _times),
    5: (1, _fixed),
    6: (2, _quantile),
    8: (0, _counts),
}


def _data(point: dict[int, tuple[int, st.SearchStrategy[Any]]], *often: int) -> tuple[int, st.SearchStrategy[Any]]:
    points = message(point, most=4, often=often)
    return 2, message({1: (2, points), 2: (0, st.one_of(_counts, integers)), 3: (0, _counts)}, most=3, often=(1, 1))


metrics: st.SearchStrategy[bytes] = message(
    {
        1: (2, texts),
        2: (2, texts),
        3: (2, texts),
        5: _data(_number_point | {5: (2, _exemplar)}, 7, 7),
        7: _data(_number_point | {5: (2, _exemplar)}, 7, 5),
        9: _data(_histogram_point, 9, 9),
        10: _data(_exponential_point, 1, 1),
        11: _data(_summary_point, 7, 7),
        12: (2, key_values),
    },
    most=4,
    often=(5, 7, 9, 10, 11),
)


def _requests(children: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    scoped = message({1: (2, _scope), 2: (2, children), 3: (2, texts)}, most=4, often=(2, 2))
    of_resource = message({1: (2, _resource), 2: (2, scoped), 3: (2, texts)}, most=3, often=(2, 2))
    return message({1: (2, of_resource)}, most=3, often=(1, 1))


_REQUESTS = {"traces": _requests(spans), "logs": _requests(logs), "metrics": _requests(metrics)}


def requests_on_the_wire(signal: str = "traces") -> st.SearchStrategy[bytes]:
    """Return requests that upb accepts, nearly all of them with spans (log records, data points)."""
    return _REQUESTS[signal]


@st.composite
def mutated(draw: Draw, signal: str = "traces") -> bytes:
    """Return a request with some bytes changed, cut out, doubled or put in; mostly malformed, some of them not."""
    data = bytearray(draw(requests_on_the_wire(signal)))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        size = draw(st.integers(0, 3))
        piece = draw(
            st.one_of(
                st.just(b""),
                st.binary(max_size=3),
                st.just(bytes(data[start : start + 2 * size])),
                st.sampled_from([b"\xff", b"\x80", b"\x00", b"\x0b", b"\x0c", b"\x0a\x01", b"\xff\xff\xff\xff\x0f"]),
            )
        )
        data[start : start + size] = piece
    return bytes(data)

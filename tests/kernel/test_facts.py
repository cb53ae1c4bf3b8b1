"""Facts: what a trace's spans add up to, in whatever order they come, and the mask that comparisons make of it."""

from __future__ import annotations

import itertools
import math
from array import array

import pytest
from kernel_helpers import EMPTY, edit, encoded, field, grouped, request, span, spec, wrapped

A, B = b"a" * 16, b"b" * 16


def columns(kernel, *spans, **facts):
    """Return the columns of a digest of these spans."""
    return kernel.compile(spec(**facts)).digest(request(*spans)).columns()


def mask(got, row=0):
    return got.masks[got.mask_index[row]]


def test_columns_of_several_traces(kernel):
    """A row a trace in order of first appearance, the distinct masks once, arrays with the types of the contract."""
    spans = [
        span(trace_id=B, start_time_unix_nano=10, end_time_unix_nano=40),
        span(trace_id=A, start_time_unix_nano=5, end_time_unix_nano=6, parent_span_id=b"\1" * 8),
        span(trace_id=B, start_time_unix_nano=20, end_time_unix_nano=90, parent_span_id=b"\1" * 8),
    ]
    got = columns(kernel, *spans)
    assert got.count == 2
    assert got.trace_ids() == [B, A]
    assert got.spans == array("Q", [2, 1])
    sizes = [len(one.SerializeToString()) for one in spans]
    assert got.bytes == array("Q", [sizes[0] + sizes[2], sizes[1]])
    assert got.duration == array("Q", [80, 1])
    assert got.first_seen == array("q", [0, 0])
    assert got.masks == [1, 0]
    assert got.mask_index == array("I", [0, 1])
    assert got.randomness == array("Q", [int.from_bytes(b"b" * 7, "big"), int.from_bytes(b"a" * 7, "big")])
    types = [one.typecode for one in (got.spans, got.bytes, got.duration, got.first_seen, got.mask_index)]
    assert types == ["Q", "Q", "Q", "q", "I"]


def test_no_spans(kernel):
    """A request without spans has no traces."""
    got = columns(kernel, leaves=[["true"]], keys=[["field", "name"]])
    assert (got.count, got.masks, list(got.mask_index), got.keys(0), got.trace_ids()) == (0, [], [], [], [])


def test_fnv(kernel):
    """FNV-1a, 64 bits, over salt and trace id (checked against a fold written here)."""
    got = columns(kernel, span(trace_id=A), span(trace_id=bytes(16)))
    for salt in (b"", b"x", b"\xff" * 100):
        expected = []
        for trace_id in (A, bytes(16)):
            state = 14695981039346656037
            for byte in salt + trace_id:
                state = ((state ^ byte) * 1099511628211) % 2**64
            expected.append(state)
        assert got.fnv(salt) == array("Q", expected)


def test_fnv_of_a_known_text(kernel):
    """A published value: FNV-1a of `foobar` is 0x85944171f73967e8 (the id's ten other bytes come after it)."""
    salt = b"foobar"
    state = 0x85944171F73967E8
    for byte in A:
        state = ((state ^ byte) * 1099511628211) % 2**64
    assert list(columns(kernel, span(trace_id=A)).fnv(salt)) == [state]


def test_any_and_all(kernel):
    """Bit 0 on: `any` of each leaf, `all` of each leaf, comparisons, root."""
    leaves = [["exists", ["attr", "span", key]] for key in "abc"]
    compare = [
        {"of": ["spans"], "op": ">", "value": "1"},
        {"of": ["spans"], "op": "<", "value": "2"},
    ]
    got = columns(kernel, span({"a": 1, "b": 1}), span({"a": 1}), leaves=leaves, compare=compare)
    assert mask(got) == 0b1_01_001_011
    got = columns(kernel, span({"c": 1}, parent_span_id=b"\1"), leaves=leaves, compare=compare)
    assert mask(got) == 0b0_10_100_100


def test_many_leaves(kernel):
    """Masks are wider than a machine word: 300 leaves, each with its own bits."""
    leaves = [["cmp", "==", ["attr", "span", "n"], index] for index in range(300)]
    got = columns(kernel, span({"n": 7}), span({"n": 299}), leaves=leaves)
    assert mask(got) == 1 << 7 | 1 << 299 | 1 << 600
    got = columns(kernel, span({"n": 299}), leaves=leaves)
    assert mask(got) == 1 << 299 | 1 << 599 | 1 << 600


NUMBERS = [
    # (values, sum, min, max) in units of 10^-6
    ([1], 1_000_000, 1_000_000, 1_000_000),
    ([1, 2.5, -3], 500_000, -3_000_000, 2_500_000),
    ([0.1, 0.2], 300_000, 100_000, 200_000),
    ([0.0000005], 0, 0, 0),
    ([0.0000015], 2, 2, 2),  # the double is just above 1.5e-6 or below: exactly
    ([5e-7 + 1e-22], 1, 1, 1),
    ([2**-7 * 1e-0], 7812, 7812, 7812),  # 7812.5, half to even
    ([3 * 2**-7], 23438, 23438, 23438),  # 23437.5, half to even
    ([-(2**-7)], -7812, -7812, -7812),
    ([2**63 - 1, 2**63 - 1], (2**64 - 2) * 10**6, (2**63 - 1) * 10**6, (2**63 - 1) * 10**6),
    ([1e30], 10**36, 10**36, 10**36),
    ([1e30, -1e30], 0, -(10**36), 10**36),
    ([1e31], 10**36, 10**36, 10**36),
    ([-1e300], -(10**36), -(10**36), -(10**36)),
    ([math.inf], 10**36, 10**36, 10**36),
    ([-math.inf, 1], -(10**36) + 10**6, -(10**36), 10**6),
    ([1e22 + 0.0], 10**28, 10**28, 10**28),
    ([123456789.123456789], 123456789123457, 123456789123457, 123456789123457),
    ([math.nan, 1], 10**6, 10**6, 10**6),
    (["7", True, b"1", [1], {"a": 1}, EMPTY, 1], 10**6, 10**6, 10**6),
    ([-0.0], 0, 0, 0),
    ([5e-324], 0, 0, 0),
]


@pytest.mark.parametrize("row", NUMBERS, ids=[str(row[0])[:40] for row in NUMBERS])
def test_numbers(kernel, row):
    """Sum, minimum and maximum in fixed point: exact, rounded half to even, clamped."""
    values, total, least, most = row
    compare = [
        {"of": [name, 0], "op": op, "value": str(expected + step)}
        for name, expected in (("sum", total), ("min", least), ("max", most))
        for op, step in (("==", 0), ("<", 1), (">", -1), ("<=", 0), (">=", 0), ("<", 0), (">", 0))
    ]
    spans = [span({"n": value}) for value in values]
    got = columns(kernel, *spans, numbers=[{"value": ["attr", "span", "n"], "if": None}], compare=compare)
    assert mask(got) == int("1" + "0011111" * 3, 2)


def test_nothing_was_summed(kernel):
    """Without a number the sum is 0, and every comparison of the minimum or maximum is false."""
    compare = [
        {"of": [name, 0], "op": op, "value": "0"}
        for name in ("sum", "min", "max")
        for op in ("<", "<=", ">", ">=", "==")
    ]
    numbers = [{"value": ["attr", "span", "n"], "if": None}]
    assert mask(columns(kernel, span({"n": "1"}), numbers=numbers, compare=compare)) == 1 << 15 | 0b11010


def test_counting_and_conditions(kernel):
    """`value: null` counts the spans for which the condition holds; numbers respect theirs."""
    only_a = ["exists", ["attr", "span", "a"]]
    numbers = [
        {"value": None, "if": only_a},
        {"value": None, "if": None},
        {"value": ["attr", "span", "n"], "if": only_a},
        {"value": ["field", "duration"], "if": None},
    ]
    compare = [
        {"of": ["sum", index], "op": "==", "value": str(value)}
        for index, value in enumerate((2_000_000, 3_000_000, 11_000_000, 60_000_000))
    ]
    times = {"start_time_unix_nano": 10, "end_time_unix_nano": 30}
    spans = [span({"a": 1, "n": 4}, **times), span({"n": 5}, **times), span({"a": 1, "n": 7}, **times)]
    assert mask(columns(kernel, *spans, numbers=numbers, compare=compare)) == 0b11111


SUBJECTS = [
    ("duration", {"start_time_unix_nano": 5, "end_time_unix_nano": 25}, 20),
    ("duration", {"start_time_unix_nano": 5}, 0),
    ("duration", {"end_time_unix_nano": 5}, 0),
    ("duration", {"start_time_unix_nano": 9, "end_time_unix_nano": 5}, 0),
    ("duration", {"start_time_unix_nano": 1, "end_time_unix_nano": 2**64 - 1}, 2**64 - 2),
    ("spans", {}, 1),
    ("bytes", {"trace_id": b"", "span_id": b"", "name": "n" * 10}, 12),
]


@pytest.mark.parametrize(("subject", "fields", "value"), SUBJECTS)
def test_subjects(kernel, subject, fields, value):
    """Duration (never negative), spans and bytes are compared with every operator."""
    steps = [("==", (0, 1)), ("<", (1, 0)), ("<=", (0, -1)), (">", (-1, 0)), (">=", (0, 1))]
    compare = [{"of": [subject], "op": op, "value": str(value + step)} for op, two in steps for step in two]
    assert mask(columns(kernel, span(**fields), compare=compare)) == 0b1_0101010101


def test_duration_of_a_trace(kernel):
    """Latest end less earliest start over all spans; zeros are left out."""
    spans = [
        span(start_time_unix_nano=50, end_time_unix_nano=0),
        span(start_time_unix_nano=0, end_time_unix_nano=70),
        span(start_time_unix_nano=40, end_time_unix_nano=45),
    ]
    assert list(columns(kernel, *spans).duration) == [30]


def test_bytes_are_those_after_the_stages(kernel):
    """`bytes` is the length of the span messages as they are written, and facts see what the stages made."""
    stage = edit({"do": "insert", "key": "k", "value": encoded("v")})
    program = kernel.compile(spec([stage], leaves=[["exists", ["attr", "span", "k"]]]))
    got = program.digest(request(span())).columns()
    assert list(got.bytes) == [len(span({"k": "v"}).SerializeToString())]
    assert mask(got) == 0b111


# -- keys ---------------------------------------------------------------------------------------------------------


def key(kernel, *spans):
    [value] = columns(kernel, *spans, keys=[["attr", "span", "k"]]).keys(0)
    return value


def child(value=None, start=0, span_id=b"\5" * 8):
    values = {} if value is None else {"k": value}
    return span(values, parent_span_id=b"\1" * 8, start_time_unix_nano=start, span_id=span_id)


def root(value=None, start=0, span_id=b"\5" * 8):
    values = {} if value is None else {"k": value}
    return span(values, start_time_unix_nano=start, span_id=span_id)


KEYS = [
    ("the only one", [child("a")], b"a"),
    ("nobody's", [child(), root()], None),
    ("the root's", [child("a", 1), root("r", 9), child("b", 2)], b"r"),
    ("the root has none", [child("b", 2), root(None, 1), child("a", 1)], b"a"),
    ("the earliest root's", [root("b", 5), root("a", 4), child("c", 1)], b"a"),
    ("the earliest start's", [child("c", 3), child("a", 1), child("b", 2)], b"a"),
    ("a start of 0 is the earliest", [child("a", 1), child("z", 0)], b"z"),
    ("ties by span id", [child("b", 1, b"\2" * 8), child("a", 1, b"\1" * 8), child("c", 1, b"\3" * 8)], b"a"),
    ("span ids are bytes", [child("b", 1, b"\x80" * 8), child("a", 1, b"\x7f" * 8)], b"a"),
    ("a shorter id that is a prefix is smaller", [child("b", 1, b"\1\0"), child("a", 1, b"\1")], b"a"),
    ("ties by the text", [child("b", 1), child("a", 1)], b"a"),
    ("text is compared as bytes", [child("é", 1), child("z", 1)], b"z"),
    ("an int", [child(7)], b"7"),
    ("a bool", [child(False)], b"false"),
    ("a double", [child(1e21)], b"1000000000000000000000"),
    ("no text", [child([1]), child(b"x"), child(EMPTY), child({"a": "b"})], None),
    ("the next with a text", [root(["a"]), child("x", 5)], b"x"),
    ("the empty text is one", [root(""), child("x", 5)], b""),
    ("cut at 256 bytes", [child("x" * 300)], b"x" * 256),
    ("not cut at 256", [child("x" * 256)], b"x" * 256),
    ("cut inside a character", [child("x" * 255 + "é")], b"x" * 255 + b"\xc3"),
]


@pytest.mark.parametrize(("spans", "expected"), [row[1:] for row in KEYS], ids=[str(row[0]) for row in KEYS])
def test_keys(kernel, spans, expected):
    """One value a trace: the root's, else the earliest start's, ties by span id, the same in any order."""
    for order in itertools.permutations(spans):
        assert key(kernel, *order) == expected


def test_keys_of_several_kinds(kernel):
    """Each key has its own operand, and an index beyond them is an IndexError."""
    keys = [["attr", "any", "service.name"], ["field", "name"], ["field", "kind"], ["attr", "span", "none"]]
    program = kernel.compile(spec(keys=keys))
    got = program.digest(request(span(name="n", kind=3), resource={"service.name": "shop"})).columns()
    assert [got.keys(index) for index in range(4)] == [[b"shop"], [b"n"], [b"3"], [None]]
    with pytest.raises(IndexError):
        got.keys(4)


# -- randomness ---------------------------------------------------------------------------------------------------

OF_ID = int.from_bytes(bytes(range(10, 17)), "big")
STATES = [
    ("", OF_ID),
    ("ot=rv:0123456789abcd", 0x0123456789ABCD),
    ("ot=rv:00000000000000", 0),
    ("ot=th:8;rv:0123456789abcd;x:y", 0x0123456789ABCD),
    ("a=b,ot=rv:0123456789abcd", 0x0123456789ABCD),
    ("a=b \t,\t ot=rv:0123456789abcd \t", 0x0123456789ABCD),
    ("ot=rv:ffffffffffffff", 2**56 - 1),
    ("ot=rv:0123456789abc", OF_ID),
    ("ot=rv:0123456789abcde", OF_ID),
    ("ot=rv:0123456789ABCD", OF_ID),
    ("ot=rv:0123456789abcg", OF_ID),
    ("ot=rv:", OF_ID),
    ("ot=x:rv:0123456789abcd", OF_ID),
    ("ot= rv:0123456789abcd", OF_ID),
    ("ot=rv:0123456789abcd;broken", OF_ID),
    ("ot=rv:0123456789abcd;", OF_ID),
    ("Ot=rv:0123456789abcd", OF_ID),
    ("ot =rv:0123456789abcd", OF_ID),
    ("xot=rv:0123456789abcd", OF_ID),
    ("ot=rv:00000000000001,ot=rv:00000000000002", 1),
    ("ot=rv:00000000000001;rv:00000000000002", 1),
    ("ot=rv:é", OF_ID),
]


@pytest.mark.parametrize(("state", "expected"), STATES)
def test_randomness(kernel, state, expected):
    """`rv` where it is well formed, else the last seven bytes of the trace id."""
    assert list(columns(kernel, span(trace_state=state)).randomness) == [expected]


def test_randomness_is_the_largest(kernel):
    """Over the spans of a trace the largest `rv` counts, also 0 over the trace id's."""
    states = ["ot=rv:00000000000003", "", "ot=rv:00000000000005", "ot=rv:00000000000004"]
    for order in itertools.permutations(states):
        assert list(columns(kernel, *(span(trace_state=state) for state in order)).randomness) == [5]
    assert list(columns(kernel, span(), span(trace_state="ot=rv:00000000000000")).randomness) == [0]


IDS = [
    (b"", bytes(16)),
    (b"\1", b"\1" + bytes(15)),
    (b"\1" * 8, b"\1" * 8 + bytes(8)),
    (b"\1" * 15, b"\1" * 15 + b"\0"),
    (b"\1" * 17, b"\1" * 16),
    (bytes(range(40)), bytes(range(16))),
]


@pytest.mark.parametrize(("raw", "filed"), IDS)
def test_trace_ids_of_other_lengths(kernel, raw, filed):
    """They are cut or padded to 16 bytes for filing; the randomness is that of the filed id."""
    got = columns(kernel, span(trace_id=raw), span(trace_id=filed))
    assert got.trace_ids() == [filed]
    assert list(got.randomness) == [int.from_bytes(filed[9:], "big")]


def test_the_last_trace_id_counts(kernel):
    """Where a field stands several times the last one is read, for ids too; a wrong wire type is none."""
    raw = field(1, A) + field(1, B) + b"\x08\x05"
    got = kernel.compile(spec()).digest(wrapped(raw)).columns()
    assert got.trace_ids() == [B]


def test_resources_differ_within_a_trace(kernel):
    """Spans of one trace under several resources share their facts; each sees its own resource."""
    leaf = ["cmp", "==", ["attr", "resource", "n"], 1]
    data = grouped(({"n": 1}, None, [span()]), ({"n": 2}, None, [span()]))
    got = kernel.compile(spec(leaves=[leaf])).digest(data).columns()
    assert got.count == 1
    assert mask(got) == 0b101


def test_a_sum_over_two_hundred_spans_saturates(kernel):
    """Sums stop at the bounds of 128 bits instead of wrapping round."""
    compare = [{"of": ["sum", 0], "op": "==", "value": str(2**127 - 1)}]
    spans = [span({"n": math.inf}) for _ in range(200)]
    got = columns(kernel, *spans, numbers=[{"value": ["attr", "span", "n"], "if": None}], compare=compare)
    assert mask(got) == 0b11

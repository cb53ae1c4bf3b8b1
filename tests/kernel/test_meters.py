"""Meters: spans counted by key, how long they took, exemplars, and requests between services; all of it bounded."""

from __future__ import annotations

import pytest
from kernel_helpers import grouped, request, span, spec
from tailgate.kernel.contract import BadProgram, Malformed

NAME, KIND = {"of": [["field", "name"]], "default": None}, {"of": [["field", "kind"]], "default": None}
SERVICE = {"of": [["attr", "resource", "service.name"]], "default": "unknown_service"}
SPANS = {
    "kind": "spans",
    "by": [SERVICE, NAME],
    "bounds": [10, 20],
    "keys": 50,
    "series": 100,
    "groups": 10,
    "exemplars": 2,
}
EDGES = {
    "kind": "edges",
    "service": SERVICE,
    "by": [],
    "peer": {"of": [["attr", "span", "peer.service"]], "default": "unknown"},
    "database": {"of": [["attr", "any", "db.name"]], "default": None},
    "ttl": 100,
    "items": 10,
    "virtual": "plain",
    "bounds": [10],
    "keys": 50,
    "series": 100,
    "groups": 10,
}
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(1, 6)
OK, ERROR = {}, {"status": {"code": 2}}


def measure(number=0, count=True, exemplars=False):
    return {"kind": "measure", "in": number, "count": count, "exemplars": exemplars}


def timed(duration, name="work", span_id=1, trace=1, **fields):
    ids = {"trace_id": bytes([trace]) * 16, "span_id": span_id.to_bytes(8, "big")}
    return span(
        fields.pop("values", ()),
        name=name,
        **ids,
        start_time_unix_nano=1000,
        end_time_unix_nano=1000 + duration,
        **fields,
    )


class Counted:
    """A meter with a program that counts in it."""

    def __init__(self, kernel, options, *stages):
        self.meter = kernel.meter(options)
        self.program = kernel.compile(spec(stages or [measure()]), [], [self.meter])

    def __call__(self, *spans, now=1, service="shop"):
        resource = None if service is None else {"service.name": service}
        records = self.program.digest(request(*spans, resource=resource))
        records.measure(now)
        return records

    def counts(self):
        series = self.meter.series()
        return dict(zip(series.keys, series.counts, strict=True))


def test_spans_are_counted_by_key_with_their_durations(kernel):
    """Count, exact sum in ns and distribution of each series; a bound belongs to the bucket below it."""
    counted = Counted(kernel, SPANS)
    counted(timed(10), timed(11), timed(21, name="other"), timed(0))
    counted(timed(10), now=5, service=None)
    series = counted.meter.series()
    assert series.keys == [("shop", "work"), ("shop", "other"), ("unknown_service", "work")]
    assert list(series.counts) == [3, 1, 1]
    assert series.sums == [21, 21, 10]
    assert list(series.buckets) == [2, 1, 0, 0, 0, 1, 1, 0, 0]
    assert series.overflow == [False] * 3
    assert counted.meter.stats() == (3, 0, 0, 0, 0, 0)


def test_nothing_is_counted_until_the_request_is_accepted_and_then_once(kernel):
    """A digest alone counts nothing, nor does a request that is refused; a second call counts nothing more."""
    counted = Counted(kernel, SPANS)
    records = counted.program.digest(request(timed(1)))
    assert counted.counts() == {}
    with pytest.raises(Malformed):
        counted.program.digest(request(timed(1)) + b"\x0a")
    records.measure(1)
    records.measure(2)
    assert counted.counts() == {("unknown_service", "work"): 1}


def test_spans_are_measured_as_the_stages_before_have_left_them(kernel):
    """Names written before the stage count, those written after it do not; what is dropped after it has counted."""
    rename = {"do": "set", "field": "name", "of": ["lit", "before"]}
    later = {"do": "set", "field": "name", "of": ["lit", "after"]}
    stages = [
        {"kind": "edit", "on": "span", "if": None, "actions": [rename]},
        {"kind": "filter", "on": "span", "if": ["cmp", "==", ["field", "kind"], 3]},
        measure(),
        {"kind": "edit", "on": "span", "if": None, "actions": [later]},
        {"kind": "filter", "on": "span", "if": ["true"]},
    ]
    counted = Counted(kernel, SPANS, *stages)
    assert counted(timed(1), timed(1, kind=CLIENT), timed(1)).spans == 0
    assert counted.counts() == {("shop", "before"): 2}


def test_a_text_is_of_the_first_operand_that_is_there_and_bounded(kernel):
    """Defaults, absent and empty texts differ; values of any type have a text; long ones are cut between characters."""
    dims = [{"of": [["attr", "span", "d"], ["attr", "resource", "d"]], "default": None}]
    counted = Counted(kernel, SPANS | {"by": dims})
    values = ["", "x", 7, 12, True, 1.5, ["a", 1], "é" * 200]
    counted(*[timed(1, values={"d": value}) for value in values], timed(1))
    expected = ["", "x", "7", "12", "true", "1.5", '["a",1]', "é" * 128, None]
    assert [texts for (texts,) in counted.meter.series().keys] == expected


def test_series_beyond_the_limit_go_to_an_overflow_series_of_their_group(kernel):
    """No span is lost: what has no room is counted by its first text alone, and when groups are out by none."""
    counted = Counted(kernel, SPANS | {"series": 2, "groups": 1})
    for number in range(4):
        counted(timed(1, name=f"n{number}"))
        counted(timed(1, name=f"n{number}"), service="other")
    series = counted.meter.series()
    assert series.keys == [("shop", "n0"), ("other", "n0"), ("shop", None), (None, None)]
    assert series.overflow == [False, False, True, True]
    assert list(series.counts) == [1, 1, 3, 3]
    assert counted.meter.stats().overflowed == 6


def test_the_keys_that_one_request_brings_are_bounded(kernel):
    """At the limit all have series of their own; past it further keys count by their first text, and no span is lost.

    The next request is looked at anew, so that a request with a name for each span takes no more memory than others.
    """
    names = [f"n{number}" for number in range(300)]
    counted = Counted(kernel, SPANS | {"keys": 299, "series": 1000}, measure(exemplars=True))
    counted(*[timed(1, name=name) for name in names[:299] * 3])
    assert counted.meter.stats() == (299, 0, 0, 0, 0, 0)
    counted(*[timed(1, name=name) for name in ["n299", *names[:299], "other", "n0", "more"]])
    series = counted.meter.series()
    assert [key for key, over in zip(series.keys, series.overflow, strict=True) if over] == [("shop", None)]
    assert counted.counts()["shop", None] == 3
    assert sum(series.counts) == 3 * 299 + 303
    assert counted.counts()["shop", "n0"] == 5
    assert not [one for one in series.exemplars if series.overflow[one.row]]


def test_the_texts_that_one_request_brings_to_edges_are_bounded(kernel):
    """Sides beyond are counted as dropped."""
    peers = [timed(1, kind=CLIENT, span_id=one + 1, values={"peer.service": f"p{one}"}) for one in range(5)]
    counted = Counted(kernel, EDGES | {"keys": 4})  # the service, no database, two peers
    counted(*peers)
    assert counted.meter.stats()[2:] == (2, 2, 0, 3)


def test_series_that_are_no_longer_counted_are_forgotten_and_their_room_is_free_again(kernel):
    """`forget` takes what was last counted before a time, overflow series too."""
    counted = Counted(kernel, SPANS | {"series": 1})
    counted(timed(1, name="old"), timed(1, name="over"), now=1)
    assert counted.meter.forget(1) == 0
    assert counted.meter.forget(2) == 2
    counted(timed(1, name="new"), now=3)
    assert counted.counts() == {("shop", "new"): 1}


def test_exemplars_are_those_of_the_walk_that_notes_them(kernel):
    """Kept records refined by a stage for exemplars give them to series that exist: the newest one of each bucket."""
    counted = Counted(kernel, SPANS)
    shown = kernel.compile(spec([measure(count=False, exemplars=True)]), [], [counted.meter])
    dropped = counted(timed(5, trace=9, span_id=9), timed(5, name="never kept"))
    kept = counted(timed(5, trace=1, span_id=1), timed(15, trace=2, span_id=2), timed(25, trace=3, span_id=3))
    assert dropped.spans == 2
    shown.refine(kept).measure(7)
    series = counted.meter.series()
    assert [(one.bucket, one.trace_id[0], one.value, one.time) for one in series.exemplars] == [
        (1, 2, 15, 7),
        (2, 3, 25, 7),
    ]
    assert series.exemplars[0].span_id == (2).to_bytes(8, "big")
    shop = {"service.name": "shop"}
    more = counted.program.digest(request(timed(16, trace=4), timed(1, name="never counted"), resource=shop))
    shown.refine(more).measure(8)
    assert [(one.row, one.trace_id[0]) for one in counted.meter.series().exemplars] == [(0, 3), (0, 4)]
    assert counted.counts() == {
        ("shop", "work"): 4,
        ("shop", "never kept"): 1,
    }  # the stage for exemplars counts nothing


def test_a_stage_may_count_and_note_exemplars(kernel):
    """In a row that samples nothing one stage does both; a span without a trace id is no exemplar."""
    counted = Counted(kernel, SPANS, measure(exemplars=True))
    counted(timed(5, trace=1), span((), trace_id=b"", name="work"))
    assert [one.trace_id[0] for one in counted.meter.series().exemplars] == [1]
    assert counted.counts() == {("shop", "work"): 2}


def edge(counted):
    """Return (client, server, connection, failed, virtual) with count, server's and client's sums."""
    series = counted.meter.series()
    sums = zip(series.sums[::2], series.sums[1::2], strict=True)
    return [(key, count, *two) for key, count, two in zip(series.keys, series.counts, sums, strict=True)]


@pytest.mark.parametrize("first", ["client", "server"])
def test_client_and_server_make_an_edge_in_any_order(kernel, first):
    """Paired by trace and span id; failed when either side is."""
    counted = Counted(kernel, EDGES)
    client = lambda: counted(timed(30, kind=CLIENT, span_id=5), timed(1, kind=INTERNAL, span_id=7))  # noqa: E731
    server = lambda: counted(  # noqa: E731
        timed(20, kind=SERVER, span_id=6, parent_span_id=(5).to_bytes(8, "big"), **ERROR), service="pay", now=2
    )
    for step in (client, server) if first == "client" else (server, client):
        step()
    assert edge(counted) == [(("shop", "pay", "", "true", None), 1, 20, 30)]
    assert counted.meter.stats() == (1, 0, 0, 1, 0, 0)


def test_messages_and_databases_are_told_apart(kernel):
    """Producer and consumer are a messaging system; a client that names its database waits for nobody."""
    counted = Counted(kernel, EDGES)
    counted(timed(3, kind=PRODUCER, span_id=1), timed(9, kind=CLIENT, span_id=2, values={"db.name": "users"}))
    counted(timed(4, kind=CONSUMER, span_id=3, parent_span_id=(1).to_bytes(8, "big")), service="mail")
    assert edge(counted) == [
        (("shop", "users", "database", "false", None), 1, 9, 9),
        (("shop", "mail", "messaging_system", "false", None), 1, 4, 3),
    ]


def test_requests_that_never_see_their_other_side_expire(kernel):
    """A client is joined to its peer, a root server to the user; a server whose client is elsewhere is only counted."""
    counted = Counted(kernel, EDGES | {"virtual": "labelled"})
    counted(timed(5, kind=CLIENT, span_id=1, values={"peer.service": "bank"}), timed(5, kind=CLIENT, span_id=2))
    counted(timed(6, kind=SERVER, span_id=3), timed(7, kind=SERVER, span_id=4, parent_span_id=b"\x09" * 8), now=1)
    counted.meter.advance(100)
    assert counted.meter.stats()[2:] == (3, 4, 1, 0)
    counted.meter.advance(101)
    assert counted.meter.stats()[2:] == (0, 4, 4, 0)
    assert edge(counted) == [
        (("user", "shop", "virtual_node", "false", "client"), 1, 6, 0),
        (("shop", "bank", "virtual_node", "false", "server"), 1, 0, 5),
        (("shop", "unknown", "virtual_node", "false", "server"), 1, 0, 5),
    ]
    assert list(counted.meter.series().buckets) == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0]


def test_no_virtual_nodes_where_nobody_wants_them(kernel):
    """Then what expires is counted and makes no series."""
    counted = Counted(kernel, EDGES | {"virtual": "none"})
    counted(timed(5, kind=CLIENT, span_id=1), timed(6, kind=SERVER, span_id=3))
    counted.meter.advance(1000)
    assert counted.meter.stats()[1:] == (0, 0, 2, 2, 0)
    assert edge(counted) == []


def test_the_store_is_bounded(kernel):
    """At the limit one waits; past it sides are dropped and counted, and what expires makes room."""
    counted = Counted(kernel, EDGES | {"items": 2})
    counted(*[timed(1, kind=CLIENT, span_id=number) for number in (1, 2, 3)], now=1)
    assert counted.meter.stats()[2:] == (2, 2, 0, 1)
    counted(timed(1, kind=CLIENT, span_id=4), now=101)
    assert counted.meter.stats()[2:] == (1, 3, 2, 1)


def test_dimensions_of_both_sides(kernel):
    """What tells series apart is read of each side; a side that was not seen has none."""
    counted = Counted(kernel, EDGES | {"by": [{"of": [["attr", "resource", "zone"]], "default": None}]})
    both = [({"service.name": "a", "zone": "1"}, None, [timed(1, kind=CLIENT, span_id=1)])]
    both.append(
        ({"service.name": "b"}, None, [timed(1, kind=SERVER, span_id=2, parent_span_id=(1).to_bytes(8, "big"))])
    )
    both.append(({"service.name": "c", "zone": "3"}, None, [timed(1, kind=SERVER, span_id=3)]))
    counted.program.digest(grouped(*both)).measure(1)
    assert list(counted.counts()) == [
        ("a", "b", "", "false", None, "1", None),
        ("user", "c", "virtual_node", "false", None, None, "3"),
    ]


COSTS = SPANS | {"value": ["attr", "span", "cost"], "bounds": [10**9]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1] * 10, 10**9),
        ([1.5e-7, 4e-9, 2], 2 * 10**9 + 154),
        ([1 / 1024, 3 / 1024], 976_562 + 2_929_688),  # both are halves
        ([0, 0.0, -0.0], 0),
        ([18_446_744_073], (1 << 64) - 1),
        ([18_446_744_073.0, float("inf")], 2 * ((1 << 64) - 1)),
        ([18_446_744_072], 18_446_744_072 * 10**9),
    ],
)
def test_a_number_is_summed_instead_of_the_duration(kernel, values, expected):
    """In billionths, exactly: the order of the spans does not matter; buckets are over the same."""
    counted = Counted(kernel, COSTS)
    counted(*(timed(5, values=[("cost", one)]) for one in values))
    series = counted.meter.series()
    assert (list(series.counts), series.sums) == ([len(values)], [expected])
    assert sum(series.buckets) == len(values)


def test_spans_without_the_number_are_not_noted(kernel):
    """Absent, negative, NaN, a text or a boolean: no series comes of it, and no key of a request is used up."""
    counted = Counted(kernel, COSTS | {"keys": 1}, measure(exemplars=True))
    wrong = [-1, -0.001, float("nan"), float("-inf"), "0.5", True, b"1", [1]]
    counted(timed(5, name="absent"), *(timed(5, name=f"n{at}", values=[("cost", one)]) for at, one in enumerate(wrong)))
    assert counted.counts() == {}
    counted(timed(5, name="none"), timed(5, name="paid", values=[("cost", 0.25)]), now=3)
    assert counted.counts() == {("shop", "paid"): 1}
    assert [(one.bucket, one.value, one.time) for one in counted.meter.series().exemplars] == [(0, 250_000_000, 3)]


def test_several_programs_count_in_one_meter(kernel):
    """Pipelines share a connector."""
    meter = kernel.meter(SPANS)
    for _ in range(2):
        program = kernel.compile(spec([measure(1)]), [], [kernel.meter(EDGES), meter])
        program.digest(request(timed(1))).measure(1)
    assert list(meter.series().counts) == [2]


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "other"},
        SPANS | {"more": 1},
        SPANS | {"bounds": [2, 1]},
        SPANS | {"bounds": [1, 1]},
        SPANS | {"series": -1},
        SPANS | {"value": ["attr", "nowhere", "x"]},
        EDGES | {"value": ["attr", "span", "x"]},
        SPANS | {"by": [{"of": [["attr", "nowhere", "x"]], "default": None}]},
        SPANS | {"by": [{"of": [], "default": 1}]},
        {key: value for key, value in SPANS.items() if key != "exemplars"},
        EDGES | {"virtual": "maybe"},
        EDGES | {"ttl": 1 << 63},
        EDGES | {"exemplars": 1},
        {key: value for key, value in EDGES.items() if key != "peer"},
    ],
)
def test_what_is_no_meter(kernel, options):
    """`BadProgram`, whatever is wrong."""
    with pytest.raises(BadProgram):
        kernel.meter(options)


@pytest.mark.parametrize("stage", [measure(1), measure(count=1), {"kind": "measure", "in": 0, "count": True}])
def test_what_is_no_stage(kernel, stage):
    """`BadProgram`, whatever is wrong."""
    with pytest.raises(BadProgram):
        kernel.compile(spec([stage]), [], [kernel.meter(SPANS)])

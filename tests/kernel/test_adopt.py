"""A table goes on with another program: what is held stays, and is walked anew before anybody sees it."""

from __future__ import annotations

import threading
from array import array

import pytest
from desks import PARENT, ids, one
from kernel_helpers import all_spans, grouped, pairs, parsed, request, rule, scrub, span, spec
from tailgate.kernel.contract import Early, TableStats

NAMED = ["cmp", "==", ["field", "name"], "bob"]
FORGOTTEN = ["cmp", "==", ["field", "name"], "X"]
KEEP = {"keep": True, "span": [], "resource": [], "threshold": "leave"}
LEAVES, KEYS = [FORGOTTEN], [["attr", "any", "k"]]


class Shop:
    """A table, and the programs that it has had."""

    def __init__(self, kernel, *stages, **facts):
        self.kernel, self.book = kernel, kernel.labels()
        self.keep = self.book.add(KEEP)
        self.drop = self.book.add(KEEP | {"keep": False})
        self.program = kernel.compile(spec(stages, **facts))
        self.table = kernel.table(self.program, self.book, 10, 10)

    def adopt(self, *stages, upgrade=None, sizes=(10, 10), **facts):
        """Go on with these stages; `upgrade` are those for what is held (the same, unless given)."""
        upgrading = self.kernel.compile(spec(stages if upgrade is None else upgrade, **facts))
        self.program = self.kernel.compile(spec(stages, **facts))
        self.upgrades = dict.fromkeys(self.table.epochs(), upgrading)
        return self.table.adopt(self.program, self.upgrades, *sizes)

    def file(self, now, *spans):
        """File these spans, or one request as it is."""
        data = spans[0] if isinstance(spans[0], bytes) else request(*spans)
        return self.table.file(self.program.digest(data), now)

    def settle(self, columns, label=None):
        return self.table.settle(columns, array("I", [label or self.keep]) * columns.count, None)

    def out(self, columns):
        """Keep these traces; return the one request that they make."""
        [(data, _)] = self.settle(columns).kept.requests(0, 0)
        return data


def bits(columns, row=0):
    return columns.masks[columns.mask_index[row]]


@pytest.fixture
def shop(kernel):
    return Shop(kernel, leaves=[NAMED])


SCRUB = scrub(rule("bob"))


def test_held_spans_get_the_new_stages_and_facts(shop):
    """Names, attributes, resources and scopes alike; facts are those of the new bytes."""
    data = grouped(({"k": "bob", "r": "bob"}, {"s": "bob"}, [span({"a": ["bob", 1]}, name="bob")]))
    shop.file(5, data)
    assert shop.adopt(SCRUB, leaves=LEAVES, keys=KEYS) == 1
    columns = shop.table.due(5, None, 9)
    assert bits(columns) & 1
    assert columns.keys(0) == [b"X"]
    assert list(columns.first_seen) == [5]
    out = shop.out(columns)
    assert b"bob" not in out
    assert pairs(all_spans(out)[0].attributes) == [("a", ["X", 1])]
    assert out == shop.kernel.compile(spec([SCRUB])).digest(data).request()


@pytest.mark.parametrize("path", ["due", "root", "heaviest", "file"])
def test_nobody_sees_what_the_new_rules_have_not_seen(shop, path):
    """However a trace is touched, it is brought up to date first; spans that come later join it."""
    shop.file(1, span(name="bob"))
    shop.adopt(SCRUB, leaves=LEAVES)
    if path == "file":
        assert shop.file(2, request(span(name="eve", parent_span_id=b"p" * 8))).new_traces == 0
        assert shop.table.epochs() == [1]
    choose = {"root": lambda: shop.table.due(0, 9, 9), "heaviest": lambda: shop.table.heaviest(9, 1, 9)}
    columns = choose.get(path, lambda: shop.table.due(1, None, 9))()
    assert bits(columns) & 1
    assert [one.name for one in all_spans(shop.out(columns))] == ["X", "eve"][: 1 + (path == "file")]


def test_what_is_not_touched_stays_as_it_is(shop):
    """`adopt` alone changes nothing: counts, bytes, deadlines; walked is what is handed out, and no more."""
    shop.file(1, one(1))
    shop.file(2, one(2, root=True))
    before = shop.table.stats(), shop.table.next_due()
    shop.adopt(SCRUB)
    assert (shop.table.stats(), shop.table.next_due()) == before
    assert shop.table.epochs() == [0, 1]
    columns = shop.table.due(1, None, 9)
    assert ids(columns) == [1]
    assert shop.table.epochs() == [0, 1]
    rest = shop.table.due(9, None, 9)
    assert (ids(rest), shop.table.epochs()) == ([2], [1])


def test_each_epoch_has_its_own_upgrade(kernel):
    """Scenario: three programs, a trace held under each. Each is walked once, by what it has not seen."""
    shop = Shop(kernel)
    shop.file(1, request(span(name="a b c", trace_id=b"1" * 16)))
    shop.adopt(scrub(rule("b", redact_to("bb"))), upgrade=[scrub(rule("b", redact_to("bb")))])
    shop.file(2, request(span(name="a b c", trace_id=b"2" * 16)))
    assert shop.table.epochs() == [0, 1]
    new = kernel.compile(spec())
    both, last = scrub(rule("b", redact_to("bb")), rule("c", redact_to("cc"))), scrub(rule("c", redact_to("cc")))
    upgrades = {0: kernel.compile(spec([both])), 1: kernel.compile(spec([last])), 7: new}
    assert shop.table.adopt(new, upgrades, 10, 10) == 2
    shop.program = new
    shop.file(3, request(span(name="a b c", trace_id=b"3" * 16)))
    out = shop.out(shop.table.due(9, None, 9))
    assert [one.name for one in all_spans(out)] == ["a bb cc", "a bb cc", "a b c"]
    assert [program.counters() for program in upgrades.values()] == [[1, 1], [1], []]


def redact_to(text):
    return {"do": "redact", "text": text}


def test_an_upgrade_walks_a_trace_once(shop):
    """A second look, and a trace that was put back, are not walked again."""
    shop.file(1, span(name="bob"))
    longer = scrub(rule("b", redact_to("bb")))
    shop.adopt(longer)
    for _ in range(2):
        columns = shop.table.due(1, None, 9)
        shop.table.settle(columns, array("I", [0]), None)
    assert all_spans(shop.out(shop.table.due(1, None, 9)))[0].name == "bbobb"


def test_held_bytes_are_counted_anew(shop):
    """Spans and headers in their new size, once each; nothing is left when the traces are gone."""
    for number in (1, 2):
        shop.file(number, grouped(({"k": "bob"}, {"s": "bob"}, [span(name="bob", trace_id=bytes([number]) * 16)])))
    shop.adopt(scrub(rule("bob", redact_to("somebody"))))
    columns = shop.table.due(1, None, 9)
    stats = shop.table.stats()
    assert (stats.traces, stats.spans, stats.headers) == (2, 2, 4)
    rest = shop.table.due(2, None, 9)
    fresh = Shop(shop.kernel)
    for number in (1, 2):
        data = ({"k": "somebody"}, {"s": "somebody"}, [span(name="somebody", trace_id=bytes([number]) * 16)])
        fresh.file(number, grouped(data))
    assert shop.table.stats() == fresh.table.stats()
    shop.settle(columns)
    shop.settle(rest, shop.drop)
    assert shop.table.stats() == TableStats(0, 0, 0, 0, 1, 1)


def test_late_spans_follow_what_was_decided_before(shop):
    """The decision cache outlives the program; late spans are of the new one, with the labels of before."""
    shop.file(1, request(span(trace_id=b"1" * 16), span(trace_id=b"2" * 16)))
    columns = shop.table.due(1, None, 9)
    shop.table.settle(columns, array("I", [shop.keep, shop.drop]), None)
    shop.adopt(SCRUB, leaves=LEAVES)
    filed = shop.file(2, request(span(name="bob", trace_id=b"1" * 16), span(name="bob", trace_id=b"2" * 16)))
    assert filed.late == {shop.keep: 1, shop.drop: 1}
    assert list(filed.late_kept.labels(0)) == [shop.keep]
    assert bits(filed.late_kept.columns()) & 1
    [(data, _)] = filed.late_kept.requests(0, 0)
    assert all_spans(data)[0].name == "X"


def test_early_conditions_are_those_of_the_new_rules(shop):
    """What had satisfied an old one is forgotten; a new one is asked when spans come, after the walk anew."""
    shop.table = shop.kernel.table(shop.program, shop.book, 10, 10, [Early((0,))])
    shop.file(1, span(name="bob"), one(7))
    assert shop.table.stats().early == 1
    new = shop.kernel.compile(spec([SCRUB], leaves=LEAVES))
    with pytest.raises(ValueError, match="early: masks have"):
        shop.table.adopt(new, {0: new}, 10, 10, [Early((9,))])
    assert shop.table.stats().early == 1
    shop.table.adopt(new, {0: new}, 10, 10, [Early((0,))])
    shop.program = new
    assert (shop.table.stats().early, shop.table.early(9).count) == (0, 0)
    shop.file(2, span(name="eve"), one(7))
    columns = shop.table.early(9)
    assert (shop.table.stats().early, columns.count) == (1, 1)
    assert [one.name for one in all_spans(shop.out(columns))] == ["X", "eve"]
    assert shop.table.stats().early == 0


@pytest.mark.parametrize(("sizes", "left"), [((0, 0), (0, 0)), ((1, 2), (1, 2)), ((9, 9), (3, 3))])
def test_the_decision_cache_gets_another_size(shop, sizes, left):
    """With less room the least recently used are forgotten."""
    for number in range(1, 7):
        shop.file(number, one(number))
        shop.settle(shop.table.due(number, None, 9), shop.keep if number % 2 else shop.drop)
    shop.adopt(sizes=sizes)
    stats = shop.table.stats()
    assert (stats.kept_decisions, stats.dropped_decisions) == left
    filed = [sum(shop.file(9, one(number)).late.values()) for number in range(1, 7)]
    assert filed == [int(number > 6 - 2 * (left[0] if number % 2 else left[1])) for number in range(1, 7)]


def test_columns_that_are_out_are_put_back(shop):
    """Their traces are due again, under the new rules; what was made of the old facts cannot be settled."""
    shop.file(1, span(name="bob"))
    old = shop.table.due(1, None, 9)
    shop.adopt(SCRUB, leaves=LEAVES)
    with pytest.raises(ValueError, match="not out"):
        shop.settle(old)
    columns = shop.table.due(1, None, 9)
    del old
    assert b"bob" not in shop.out(columns)


def test_what_cannot_be_adopted_changes_nothing(shop):
    """A missing upgrade, one with other facts, records of the program before."""
    shop.file(1, span(name="bob"))
    old, before = shop.program, shop.table.stats()
    new = shop.kernel.compile(spec(leaves=LEAVES))
    with pytest.raises(ValueError, match="no upgrade for what is held under epoch 0"):
        shop.table.adopt(new, {}, 10, 10)
    with pytest.raises(ValueError, match="other facts"):
        shop.table.adopt(new, {0: shop.kernel.compile(spec())}, 10, 10)
    assert (shop.table.stats(), shop.table.epochs()) == (before, [0])
    shop.adopt(SCRUB)
    with pytest.raises(ValueError, match="not those of the table's program"):
        shop.table.file(old.digest(b""), 2)


def test_many_programs_under_load(kernel):
    """Threads file and judge while programs come and go. Nothing is lost, and nothing leaves as it came."""
    shop = Shop(kernel, SCRUB)
    kept, over = [], threading.Event()

    def judge():
        while not over.is_set() or shop.table.stats().traces:
            columns = shop.table.due(99, None, 7)
            try:
                settled = shop.settle(columns)
            except ValueError:
                continue
            kept.extend(settled.kept.requests(0, 0) if settled.kept else [])

    judging = threading.Thread(target=judge)
    judging.start()
    filed = 0
    for number in range(300):
        if number % 3 == 0:
            shop.adopt(SCRUB, leaves=[NAMED] * (number % 4))
        trace = (number % 40 + number).to_bytes(16, "big")
        shop.file(1, request(span(name="bob", trace_id=trace, parent_span_id=PARENT)))
        filed += 1
    over.set()
    judging.join(30)
    late = filed - sum(spans for _, spans in kept)
    assert late >= 0
    assert shop.table.stats().spans == 0
    assert not any(b"bob" in data for data, _ in kept)
    assert all(parsed(data).resource_spans for data, _ in kept)

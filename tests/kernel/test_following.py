"""Log records follow the verdicts of their traces: held with them, kept and dropped with them, counted with them."""

from __future__ import annotations

from array import array

import pytest
from desks import Desk, ids, one, trace
from kernel_helpers import LIMITS, edit, encoded, request, spec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

PLAIN = {"signal": "logs", "stages": [], "limits": LIMITS, "context": 0}


def logs(*numbers: int, resource: str | None = None) -> bytes:
    """Return a request with a log record for each trace (0: without one); its event name says which and where."""
    out = ExportLogsServiceRequest()
    of = out.resource_logs.add()
    if resource is not None:
        of.resource.attributes.add(key="service.name").value.string_value = resource
    scope = of.scope_logs.add()
    for place, number in enumerate(numbers):
        scope.log_records.add(trace_id=trace(number) if number else b"", event_name=f"{number}/{place}")
    return out.SerializeToString()


def sent(records) -> list[str]:
    """Return the event names of records, none for no records."""
    if records is None:
        return []
    [(data, count)] = records.requests(0, 0)
    parsed = ExportLogsServiceRequest.FromString(data)
    found = [log.event_name for of in parsed.resource_logs for scope in of.scope_logs for log in scope.log_records]
    assert count == records.spans == len(found)
    return found


def by_follower(found) -> dict[int, list[str]]:
    return {follower: sent(records) for follower, records in found.items()}


class LogDesk(Desk):
    """A desk with a program of logs."""

    def __init__(self, kernel, **more):
        super().__init__(kernel, **more)
        self.logs = kernel.compile(PLAIN)

    def follow(self, now, *numbers, follower=0, resource=None):
        return self.table.follow(self.logs.digest(logs(*numbers, resource=resource)), now, follower)


@pytest.fixture
def desk(kernel):
    return LogDesk(kernel)


def test_kept_and_dropped_with_their_trace(desk):
    """What came before the verdict follows it, in the order of rows, then of arrival; counts are by verdict."""
    desk.file(1, one(1), one(2), one(3))
    followed = desk.follow(2, 2, 1, 1)
    assert tuple(followed) == (3, None, 0, {})
    desk.follow(3, 2, 3)
    settled = desk.settle(desk.due(1), desk.keep, desk.keep, desk.drop)
    assert by_follower(settled.logs) == {0: ["1/1", "1/2", "2/0", "2/0"]}
    assert settled.followed == {desk.keep: 4, desk.drop: 1}
    assert desk.table.stats()[:4] == (0, 0, 0, 0)
    assert desk.table.stats()[7:] == (0, 0)


def test_traces_are_not_judged_by_logs(desk):
    """Facts, first_seen, what is due: the same as without logs."""
    desk.follow(1, 1, 2)
    desk.file(5, one(1))
    desk.follow(6, 1)
    assert desk.table.next_due() == (5, None)
    assert ids(desk.due(4)) == []
    columns = desk.due(5)
    assert ids(columns) == [1]
    assert (list(columns.first_seen), list(columns.spans)) == ([5], [1])
    assert desk.table.stats()[:2] == (1, 1)


def test_logs_that_came_first_join_their_trace(desk):
    """They wait apart, then count with the trace."""
    assert desk.follow(1, 1, 2).held == 2
    assert (desk.table.stats().logs, desk.table.stats().log_traces, desk.table.next_unmatched()) == (2, 2, 1)
    desk.file(2, one(1))
    assert (desk.table.stats().logs, desk.table.stats().log_traces) == (2, 1)
    assert by_follower(desk.settle(desk.due(2), desk.keep).logs) == {0: ["1/0"]}
    assert by_follower(desk.table.unmatched(1, 10)) == {0: ["2/1"]}
    assert desk.table.next_unmatched() is None


def test_unmatched(desk):
    """Whose trace has not come goes by when its first record came, the oldest first, at most the limit."""
    for now, number in ((1, 4), (2, 2), (3, 9)):
        desk.follow(now, number)
    desk.follow(4, 4)
    assert by_follower(desk.table.unmatched(0, 10)) == {}
    assert by_follower(desk.table.unmatched(9, 1)) == {0: ["4/0", "4/0"]}
    assert desk.table.next_unmatched() == 2
    assert by_follower(desk.table.unmatched(9, 0)) == {}
    assert by_follower(desk.table.unmatched(2, 10)) == {0: ["2/0"]}
    assert desk.follow(10, 4).held == 1
    assert desk.table.next_unmatched() == 3
    assert by_follower(desk.table.unmatched(99, 10)) == {0: ["9/0", "4/0"]}
    assert desk.table.held_bytes == 0


def test_late_logs_follow_the_remembered_verdict(desk):
    """Kept ones pass at once, dropped ones do not; those without a trace pass, in the order of the request."""
    desk.decide(1, True, 1)
    desk.decide(1, False, 2)
    followed = desk.follow(2, 0, 2, 1, 3, 0, 1)
    assert (followed.held, followed.untraced, followed.late) == (1, 2, {desk.keep: 2, desk.drop: 1})
    assert sent(followed.passed) == ["0/0", "1/2", "0/4", "1/5"]
    assert followed.passed.traces == 2


def test_late_logs_refresh_the_decision(kernel):
    """As late spans do."""
    desk = LogDesk(kernel, kept=2)
    desk.decide(1, True, 1, 2)
    desk.follow(2, 1)
    desk.decide(3, True, 3)
    assert desk.follow(4, 1).late == {desk.keep: 1}
    assert desk.follow(4, 2).held == 1


def test_all_zero_trace_id_is_none(desk):
    """Neither held nor judged."""
    out = ExportLogsServiceRequest()
    out.resource_logs.add().scope_logs.add().log_records.add(trace_id=bytes(16), event_name="zero")
    followed = desk.table.follow(desk.logs.digest(out.SerializeToString()), 1)
    assert (followed.held, followed.untraced, sent(followed.passed)) == (0, 1, ["zero"])


def test_each_follower_gets_its_own_back(desk):
    """Whoever gave log records gets them, from traces that are kept and from those that never came."""
    desk.file(1, one(1))
    desk.follow(1, 1, 2, follower=7)
    desk.follow(1, 1, follower=3)
    desk.follow(1, 1, follower=7)
    assert by_follower(desk.settle(desk.due(1), desk.keep).logs) == {3: ["1/0"], 7: ["1/0", "1/0"]}
    assert by_follower(desk.table.unmatched(1, 10)) == {7: ["2/1"]}


def test_put_back_keeps_them(desk):
    """A trace that is put back, and log records that come while it is out."""
    desk.file(1, one(1))
    desk.follow(1, 1)
    columns = desk.due(1)
    desk.follow(2, 1)
    settled = desk.settle(columns, 0)
    assert (settled.logs, settled.followed) == ({}, {})
    assert settled.kept is None
    assert by_follower(desk.settle(desk.due(1), desk.keep).logs) == {0: ["1/0", "1/0"]}


def test_held_bytes(desk):
    """Their bytes, 24 each, 128 for a trace of which only they came, each header once with those of spans."""
    message, header = len(b"\x4a\x10" + trace(1) + b"\x62\x031/0"), len(request(resource={"service.name": "a"})) - 4
    desk.follow(1, 1, resource="a")
    alone = desk.table.held_bytes
    assert alone == 128 + 24 + message + header
    desk.follow(1, 1, resource="a")
    assert desk.table.held_bytes == alone + 24 + message
    desk.file(2, one(1))
    with_span = desk.table.held_bytes
    spans = len(one(1).SerializeToString()) + 24
    assert with_span == alone + 24 + message + spans
    desk.table.unmatched(99, 10)
    assert desk.table.held_bytes == with_span
    desk.settle(desk.due(2), desk.drop)
    assert desk.table.held_bytes == 0


def test_the_heaviest_by_its_logs(desk):
    """A trace whose log records weigh more is evicted first."""
    desk.file(1, one(1), one(2), one(3))
    desk.follow(1, *[2] * 10)
    assert ids(desk.table.heaviest(5, 1, 1)) == [2]


def test_new_rules_keep_them(kernel, desk):
    """Held spans are walked anew; log records stay as they are, with traces and alone."""
    desk.file(1, one(1))
    desk.follow(1, 1, 2)
    before = desk.table.stats()
    stage = edit({"do": "insert", "key": "new", "value": encoded("x")})
    program = kernel.compile(spec([stage]))
    desk.table.adopt(program, {0: program}, 10, 10)
    assert (desk.table.stats().logs, desk.table.stats().log_traces) == (before.logs, before.log_traces)
    desk.program = program
    desk.file(2, one(2))
    settled = desk.settle(desk.due(2), desk.keep, desk.keep)
    assert by_follower(settled.logs) == {0: ["1/0", "2/1"]}
    assert desk.table.stats()[:4] == (0, 0, 0, 0)


def test_they_come_back_as_records_of_logs(kernel, desk):
    """They can be walked by further stages, and carry no labels of traces."""
    desk.file(1, one(1))
    desk.follow(1, 1, 1)
    [records] = desk.settle(desk.due(1), desk.keep).logs.values()
    assert list(records.labels(0)) == [0]
    later = kernel.compile(PLAIN | {"stages": [edit({"do": "insert", "key": "k", "value": encoded(1)}, on="log")]})
    [(data, count)] = later.refine(records).requests(0, 0)
    assert count == 2
    assert data.count(b"\x0a\x01k") == 2
    with pytest.raises(ValueError, match="records"):
        kernel.compile(spec()).refine(records)


def test_only_logs_follow(desk):
    """Spans are filed, and log records are not."""
    with pytest.raises(ValueError, match="log records"):
        desk.table.follow(desk.program.digest(request(one(1))), 1)
    with pytest.raises(ValueError, match="program"):
        desk.table.file(desk.logs.digest(logs(1)), 1)


def test_tables_are_of_traces(kernel, desk):
    """A table for log records, or one that adopts their program, is a ValueError."""
    with pytest.raises(ValueError, match="holds traces"):
        kernel.table(desk.logs, desk.book, 1, 1)
    with pytest.raises(ValueError, match="holds traces"):
        desk.table.adopt(desk.logs, {0: desk.logs}, 1, 1)


def test_dropped_verdict_without_logs_counts_nothing(desk):
    """Verdicts of traces without log records are not in `followed`."""
    desk.file(1, one(1))
    settled = desk.table.settle(desk.due(1), array("I", [desk.drop]), None)
    assert (settled.logs, settled.followed) == ({}, {})

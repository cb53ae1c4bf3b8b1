"""A table with its program and labels, and short ways to use them."""

from __future__ import annotations

from array import array

from kernel_helpers import all_spans, request, span, spec

KEEP = {"keep": True, "span": [], "resource": [], "threshold": "leave"}
DROP = KEEP | {"keep": False}
PARENT = b"\1" * 8


def trace(number):
    return bytes([number]) * 16


def one(number, root=False, **fields):
    parent = {} if root else {"parent_span_id": PARENT}
    return span(trace_id=trace(number), **({"name": f"t{number}"} | parent | fields))


class Desk:
    """A table with its program and two labels, and short ways to use them."""

    def __init__(self, kernel, kept=10, dropped=10, **facts):
        self.program, self.book = kernel.compile(spec(**facts)), kernel.labels()
        self.keep, self.drop = self.book.add(KEEP), self.book.add(DROP)
        self.table = kernel.table(self.program, self.book, kept, dropped)

    def file(self, now, *spans):
        return self.table.file(self.program.digest(request(*spans)), now)

    def due(self, first_seen, root_seen=None, limit=100):
        return self.table.due(first_seen, root_seen, limit)

    def settle(self, columns, *verdicts):
        return self.table.settle(columns, array("I", verdicts), None)

    def decide(self, now, keep, *numbers):
        """File and judge these traces at once."""
        for number in numbers:
            self.file(now, one(number))
            self.settle(self.due(now), self.keep if keep else self.drop)


def ids(columns):
    return [trace_id[0] for trace_id in columns.trace_ids()]


def names(records):
    [(data, _)] = records.requests(0, 0)
    return [each.name for each in all_spans(data)]

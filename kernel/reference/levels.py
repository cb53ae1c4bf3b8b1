"""The levels that have attributes, from the resource to the event, each with its fields and what is read of them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from .wire import SHORT, Field, field, is_len, join, last_payload, replaced, split


class Shape(NamedTuple):
    """Where a level keeps things."""

    name: str
    rank: int
    """A condition may use operands of its own rank and of lower ones."""
    owner: int | None
    """The field that holds the message with the attributes, which may stand several times; None: the level itself."""
    attributes: int
    children: int | None
    data: int = 0
    """Of a data point: the field of its metric that holds it."""


RESOURCE = Shape("resource", 0, 1, 1, 2)
SCOPE = Shape("scope", 1, 1, 3, 2)
SPAN = Shape("span", 2, None, 9, None)
EVENT = Shape("event", 3, None, 3, None)
LOG = Shape("log", 2, None, 6, None)
METRIC = Shape("metric", 2, None, 12, None)
DATAPOINT = Shape("datapoint", 3, None, 7, None)
"""Where a stage stands; each kind of metric has data points of a shape of its own, see `points.py`."""
SHAPES = {shape.name: shape for shape in (RESOURCE, SCOPE, SPAN, EVENT, LOG, METRIC, DATAPOINT)}
LEVELS = {
    "traces": (RESOURCE, SCOPE, SPAN, EVENT),
    "logs": (RESOURCE, SCOPE, LOG),
    "metrics": (RESOURCE, SCOPE, METRIC, DATAPOINT),
}
"""The levels of each signal; a scope's children are those in the third place."""


def sees(shape: Shape, name: str) -> bool:
    """Return whether what stands on a level can see the level of that name: its own, or one around it."""
    ranked = [level.name for levels in LEVELS.values() if shape in levels for level in levels[: shape.rank + 1]]
    return name in ranked


Messages = Sequence[Sequence[Field]]
Change = Callable[[bytes, bytes], bytes | None]
"""From an attribute's key and its `KeyValue` to the new `KeyValue`, or None to remove it."""


def pair_of(key_value: bytes) -> tuple[bytes, bytes]:
    """Return the key and the `AnyValue` of a `KeyValue`."""
    return _short_pair(key_value) if len(key_value) <= SHORT else _pair(key_value)


def _pair(key_value: bytes) -> tuple[bytes, bytes]:
    fields = split(key_value)
    return last_payload(fields, 1) or b"", last_payload(fields, 2) or b""


_short_pair = lru_cache(8192)(_pair)


@dataclass(frozen=True)
class Level:
    """A `ResourceSpans`, a `ScopeSpans` (both without looking at their children), a `Span` or an event; immutable."""

    shape: Shape
    fields: Sequence[Field]

    @cached_property
    def messages(self) -> Messages:
        """The messages that hold attributes: each occurrence of the resource or scope, or the span itself."""
        owner = self.shape.owner
        if owner is None:
            return [self.fields]
        return [split(one.payload) for one in self.fields if is_len(one, owner)]

    @cached_property
    def merged(self) -> Sequence[Field]:
        """The fields of all `messages`, one after the other."""
        return [one for message in self.messages for one in message]

    @cached_property
    def attributes(self) -> dict[bytes, bytes]:
        """From key to `AnyValue`; a key that stands twice is read at its first place."""
        found: dict[bytes, bytes] = {}
        for one in self.merged:
            if is_len(one, self.shape.attributes):
                found.setdefault(*pair_of(one.payload))
        return found

    @cached_property
    def header(self) -> bytes:
        """Every byte outside the children."""
        return join(one for one in self.fields if not self._is_child(one))

    @property
    def children(self) -> list[Field]:
        """The fields that hold the children."""
        return [one for one in self.fields if self._is_child(one)]

    def _is_child(self, one: Field) -> bool:
        return self.shape.children is not None and is_len(one, self.shape.children)

    def with_messages(self, messages: Messages) -> Level:
        """Return the level with other contents of its `messages`; those beyond the present ones are appended."""
        owner = self.shape.owner
        if owner is None:
            return self.with_fields(messages[0])
        payloads = [join(message) for message in messages]
        fields = [replaced(one, payloads.pop(0)) if is_len(one, owner) else one for one in self.fields]
        return self.with_fields([*fields, *(field(owner, payload) for payload in payloads)])

    def with_fields(self, fields: Sequence[Field]) -> Level:
        """Return the level with other fields; itself, with what it has read already, when none is another."""
        same = len(fields) == len(self.fields) and all(map(operator.is_, fields, self.fields))
        return self if same else Level(self.shape, fields)

    def with_children(self, payloads: Sequence[bytes | None]) -> bytes | None:
        """Return the whole message, its children replaced in their places; None for a child: it goes.

        None when there were children and all of them went.
        """
        if payloads and all(payload is None for payload in payloads):
            return None
        rest, out = iter(payloads), []
        for one in self.fields:
            if self._is_child(one):
                new = next(rest)
                if new is None:
                    continue
                one = replaced(one, new)
            out.append(one)
        return join(out)

    def changed(self, change: Change) -> Level:
        """Return the level with `change` applied to each of its attributes."""
        return self.with_messages([change_attributes(one, self.shape.attributes, change) for one in self.messages])

    def appended(self, key_value: bytes) -> Level:
        """Return the level with one attribute more, at the end of the last message."""
        messages = list(self.messages) or [[]]
        messages[-1] = [*messages[-1], field(self.shape.attributes, key_value)]
        return self.with_messages(messages)


def change_attributes(fields: Sequence[Field], number: int, change: Change) -> Sequence[Field]:
    """Return the fields of a message with `change` applied to the `KeyValue`s in its field `number`."""
    out = []
    for one in fields:
        if not is_len(one, number):
            out.append(one)
        elif (new := change(pair_of(one.payload)[0], one.payload)) is not None:
            out.append(replaced(one, new))
    return out


def change_values(key_value: bytes, change: Callable[[bytes], bytes | None]) -> bytes | None:
    """Return the `KeyValue` with `change` applied to every `AnyValue` in it; None as soon as `change` says None.

    A `KeyValue` without a value counts as one with an empty value, which is appended when it is changed.
    """
    fields, out = split(key_value), []
    for one in fields:
        if is_len(one, 2):
            new = change(one.payload)
            if new is None:
                return None
            out.append(replaced(one, new))
        else:
            out.append(one)
    if not any(is_len(one, 2) for one in fields):
        new = change(b"")
        if new is None:
            return None
        if new:
            out.append(field(2, new))
    return join(out)


def put(level: Level, key: bytes, value: bytes, update: bool, insert: bytes | None) -> Level:
    """Return the level with the attribute updated where it stands, or the `KeyValue` `insert` appended where not."""
    if key not in level.attributes:
        return level if insert is None else level.appended(insert)
    if not update:
        return level
    return level.changed(lambda found, pair: change_values(pair, lambda _: value) if found == key else pair)


class View(NamedTuple):
    """What a condition sees: a level and those around it."""

    resource: Level
    scope: Level | None = None
    span: Level | None = None
    event: Level | None = None
    log: Level | None = None
    metric: Level | None = None
    datapoint: Level | None = None

    def on(self, level: Level) -> View:
        """Return the view with this level in its place."""
        return self._replace(**{level.shape.name: level})

"""Stage `scrub`: personal data and secrets in every string position that the stage names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

from .form_rules import compile_form, system_of
from .gotext import go_text
from .levels import SPAN, Level, Shape, View, change_attributes, change_values, pair_of
from .operands import EVENTS, LINKS, NAME, STATUS, TRACE_STATE
from .patterns import Pattern, compile_pattern
from .rules import Rule, compile_key_rule, compile_value_rule
from .spec import choice, listed, only
from .tally import SUMMARIES, Tally
from .values import ARRAY, BYTES, KVLIST, STRING, decode, of_string, text_of
from .wire import Field, is_len, join, last_payload, replaced, split

POSITIONS = {
    "resource",
    "scope",
    "span",
    "event",
    "link",
    "span_name",
    "status",
    "event_name",
    "trace_state",
    "scope_name",
    "schema_url",
}
TYPES = ("strings", "all")
_OPTIONAL = ("types", "summary", "forms")
_CACHED = 512  # bytes; longer texts seldom come twice


class Scrub:
    """A compiled scrub stage. Raises `BadProgram`."""

    def __init__(self, stage: Any) -> None:
        only(stage, {"kind", "positions", "skip", "only", "allow", "keep", "keys", "values", *_OPTIONAL}, "scrub")
        self.positions = {choice(one, POSITIONS, "positions") for one in listed(stage.get("positions"), "positions")}
        self.skip, self.only = _optional(stage, "skip"), _optional(stage, "only")
        self.allow, self.keep = _optional(stage, "allow"), _optional(stage, "keep")
        self.types = None if stage.get("types") is None else choice(stage["types"], TYPES, "types")
        self.summary = None if stage.get("summary") is None else choice(stage["summary"], SUMMARIES, "summary")
        self.keys = [compile_key_rule(rule) for rule in listed(stage.get("keys"), "keys")]
        self.values = [compile_value_rule(rule) for rule in listed(stage.get("values"), "values")]
        self.drops = False
        self.first_key = 0 if self.allow is None else 1
        self.forms = [compile_form(form) for form in listed(stage.get("forms") or [], "forms")]
        self.first_form = self.first_key + len(self.keys) + len(self.values)
        self.rules = self.first_form + len(self.forms)
        self._key_rule = lru_cache(4096)(self._find_key_rule)
        self._short = lru_cache(4096)(self._through_rules)
        self.skipped = lru_cache(4096)(self.skipped_rules) if any(rule.skip for rule in self.values) else None

    def bind(self, context: object, counters: list[int], first: int) -> Callable[[View, Level], Level]:
        """Return the stage for one request; it counts replacements in `counters` from position `first` on."""
        walk = _Walk(self, counters, first)
        return lambda view, level: walk.level(level)

    def is_skipped(self, key: bytes) -> bool:
        """Return whether a top-level attribute with this key is left alone."""
        if self.only is not None and self.only.search(key) is None:
            return True
        return self.skip is not None and self.skip.search(key) is not None

    def is_denied(self, key: bytes) -> bool:
        """Return whether a top-level attribute with this key is not allowed."""
        return self.allow is not None and self.allow.search(key) is None

    def text(self, payload: bytes) -> str:
        """Return what `keep` and the rules of `keys` see of an `AnyValue`."""
        value = decode(payload)
        if self.types == "all":
            return go_text(value)
        return value if isinstance(value, str) else "" if self.types else text_of(value) or ""

    def key_rule(self, key: bytes) -> int | None:
        """Return the index of the first `keys` rule that finds its pattern in the key."""
        return self._key_rule(key) if len(key) <= _CACHED else self._find_key_rule(key)

    def _find_key_rule(self, key: bytes) -> int | None:
        return next((index for index, rule in enumerate(self.keys) if rule.pattern.search(key)), None)

    def skipped_rules(self, key: bytes) -> frozenset[int]:
        """Return the indexes of the `values` rules that leave a top-level attribute with this key alone."""
        return frozenset(index for index, rule in enumerate(self.values) if rule.is_skipped(key))

    def through_rules(self, content: bytes, skipped: frozenset[int]) -> tuple[bytes | None, Sequence[tuple[int, int]]]:
        """Return the text after the other `values` rules (None: dropped), and (rule, matches) of what they replaced."""
        return (self._short if len(content) <= _CACHED else self._through_rules)(content, skipped)

    def _through_rules(self, content: bytes, skipped: frozenset[int]) -> tuple[bytes | None, Sequence[tuple[int, int]]]:
        counted = []
        for index, rule in enumerate(self.values):
            if index in skipped:
                continue
            new, matches = rule.apply(content)
            if matches:
                counted.append((index, matches))
            if new is None:
                return None, counted
            content = new
        return content, counted


def _optional(stage: Any, name: str) -> Pattern | None:
    return None if stage.get(name) is None else compile_pattern(stage[name], name)


class _Walk:
    """One scrub stage on its way through one request."""

    def __init__(self, scrub: Scrub, counters: list[int], first: int) -> None:
        self._scrub = scrub
        self._counters = counters
        self._first = first
        self._skipped: frozenset[int] = frozenset()

    def level(self, level: Level) -> Level:
        """Return the resource, scope or span without what the rules find."""
        positions, name = self._scrub.positions, level.shape.name
        if name in positions:
            level = self._attributes(level)
        if name == "span":
            return self._renamed(level.with_fields([self._span_field(one) for one in level.fields]))
        if "scope_name" in positions and name == "scope":
            level = level.with_messages([[self._text(one, 1, 2) for one in message] for message in level.messages])
        if "schema_url" in positions and level.shape is not SPAN:
            level = level.with_fields([self._text(one, 3) for one in level.fields])
        return level

    def _span_field(self, one: Field) -> Field:
        positions = self._scrub.positions
        if is_len(one, NAME):
            return self._text(one, NAME) if "span_name" in positions else one
        if is_len(one, TRACE_STATE):
            return self._text(one, TRACE_STATE) if "trace_state" in positions else one
        if is_len(one, STATUS) and "status" in positions:
            return replaced(one, join(self._text(inner, 2) for inner in split(one.payload)))
        if is_len(one, EVENTS):
            return self._part(one, "event", 3, "event_name", 2)
        if is_len(one, LINKS):
            return self._part(one, "link", 4, "trace_state", 3)
        return one

    def _part(self, one: Field, attributes: str, number: int, text: str, text_number: int) -> Field:
        """Scrub an event or a link: its attributes (field `number`) and its one string."""
        fields: Sequence[Field] = split(one.payload)
        if attributes in self._scrub.positions:
            fields = self._attributes(Level(Shape(attributes, 3, None, number, None), fields)).fields
        if text in self._scrub.positions:
            fields = [self._text(inner, text_number) for inner in fields]
        return replaced(one, join(fields))

    def _text(self, one: Field, *numbers: int) -> Field:
        """Scrub a string that is no attribute, where the field is one of these; dropped ones become empty."""
        if not any(is_len(one, number) for number in numbers):
            return one
        return replaced(one, self._string(one.payload) or b"")

    def _string(self, content: bytes) -> bytes | None:
        new, counted = self._scrub.through_rules(content, self._skipped)
        for index, matches in counted:
            self._counters[self._first + self._scrub.first_key + len(self._scrub.keys) + index] += matches
        return new

    def _attributes(self, level: Level) -> Level:
        """Return the level with its attributes after the rules, and the summary of that."""
        tally, system = Tally(), system_of(level)
        level = level.changed(lambda key, pair: self._attribute(key, pair, tally, system))
        return tally.onto(level, self._scrub.summary)

    def _attribute(self, key: bytes, pair: bytes, tally: Tally, system: str) -> bytes | None:
        scrub = self._scrub
        if scrub.is_skipped(key):
            tally.ignored.append(key)
            return pair
        if scrub.is_denied(key):
            tally.redacted.append(key)
            self._counters[self._first] += 1
            return None
        if scrub.keep is not None and scrub.keep.search(scrub.text(pair_of(pair)[1]).encode()):
            tally.allowed.append(key)
            return pair
        if scrub.skipped is not None:
            self._skipped = scrub.skipped(key)
        new = self._pair(key, pair, self._any_type if scrub.types == "all" else self._any_value)
        self._skipped = frozenset()
        if new is not None and scrub.key_rule(key) is None:
            new = self._formed(key, new, system)
        if new is None:
            tally.redacted.append(key)
        elif new != pair or scrub.key_rule(key) is not None:
            tally.masked.append(key)
        return new

    def _formed(self, key: bytes, pair: bytes | None, system: str) -> bytes | None:
        """Return an attribute after the forms for its key."""
        for index, form in enumerate(self._scrub.forms):
            if pair is not None and form.key.search(key):
                pair = change_values(pair, partial(self._by_form, index, system))
        return pair

    def _by_form(self, index: int, system: str, payload: bytes) -> bytes:
        value = decode(payload)
        new = self._scrub.forms[index].rewritten(value, system) if isinstance(value, str) else None
        if new is None:
            return payload
        self._counters[self._first + self._scrub.first_form + index] += 1
        return of_string(new)

    def _renamed(self, span: Level) -> Level:
        """Return the span with another name, by the first form that has one."""
        old = (last_payload(span.fields, NAME) or b"").decode()
        if self._scrub.keep is not None and self._scrub.keep.search(old.encode()):
            return span
        for index, form in enumerate(self._scrub.forms):
            if form.name and (new := form.renamed(old, span)) is not None:
                self._counters[self._first + self._scrub.first_form + index] += 1
                payload = new.encode()
                return span.with_fields([replaced(one, payload) if is_len(one, NAME) else one for one in span.fields])
        return span

    def _entry(self, key: bytes, pair: bytes) -> bytes | None:
        return self._pair(key, pair, self._any_value)

    def _pair(self, key: bytes, pair: bytes, change: Callable[[bytes], bytes | None]) -> bytes | None:
        """Return an attribute or map entry after the rules, None to remove it."""
        index = self._scrub.key_rule(key)
        if index is None:
            return change_values(pair, change)
        self._counters[self._first + self._scrub.first_key + index] += 1
        rule = self._scrub.keys[index]
        return None if rule.replace is None else change_values(pair, lambda value: self._by_key(rule, value))

    def _by_key(self, rule: Rule, payload: bytes) -> bytes:
        """Return what a `keys` rule that replaces makes of an `AnyValue`."""
        if rule.replace is None:
            raise AssertionError("a rule that drops replaces nothing")
        return of_string(rule.replace(self._scrub.text(payload)))

    def _any_type(self, payload: bytes) -> bytes | None:
        """Return an `AnyValue` after the `values` rules, applied to the text of what is no string, then within it."""
        value = decode(payload)
        if isinstance(value, str):
            return self._any_value(payload)
        text = go_text(value).encode()
        new = self._string(text)
        if new is None:
            return None
        return self._any_value(payload) if new == text else of_string(new)

    def _any_value(self, payload: bytes) -> bytes | None:
        """Return an `AnyValue` after the `values` rules, None when what holds it is to be removed."""
        out = []
        for one in split(payload):
            new = self._member(one)
            if new is None:
                return None
            out.append(replaced(one, new) if new is not one.payload else one)
        return join(out)

    def _member(self, one: Field) -> bytes | None:
        if is_len(one, STRING) or (is_len(one, BYTES) and _is_text(one.payload)):
            return self._string(one.payload)
        if is_len(one, ARRAY):
            return join(self._elements(split(one.payload)))
        if is_len(one, KVLIST):
            return join(change_attributes(split(one.payload), 1, self._entry))
        return one.payload

    def _elements(self, fields: Sequence[Field]) -> list[Field]:
        out = []
        for one in fields:
            new = self._any_value(one.payload) if is_len(one, 1) else one.payload
            if new is not None:
                out.append(one if new is one.payload else replaced(one, new))
        return out


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True

"""Stage `scrub`: personal data and secrets in every string position that the stage names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

from .form_rules import compile_form, system_of
from .gotext import go_text
from .levels import LOG, METRIC, RESOURCE, SCOPE, Level, Shape, View, change_attributes, change_values, pair_of
from .marks import DEPTH, LIMIT, PATIENCE, RULE, SIZE, Counters, Limits, compile_limits, tagged
from .operands import EVENTS, LINKS, NAME, STATUS, TRACE_STATE
from .patterns import Pattern, compile_pattern
from .positions import OF_SIGNAL
from .rules import Rule, compile_key_rule, compile_value_rule
from .scrub_others import Others
from .spec import choice, listed, need, only, text
from .tally import SUMMARIES, Tally
from .values import BYTES, KVLIST, STRING, decode, is_nested, is_text, number_text, of_string, text_of
from .wire import Field, is_len, join, last_payload, replaced, split

TYPES = ("strings", "numbers", "all")
_OPTIONAL = ("types", "summary", "forms", "forms_first", "tag", "limits")
_CACHED = 512  # bytes; longer texts seldom come twice
Through = tuple[bytes | None, Sequence[tuple[int, int]], bool]
"""A text after the rules (None: dropped), (rule, matches) of those that replaced, whether something went unchecked."""


class Scrub:
    """A compiled scrub stage. Raises `BadProgram`."""

    def __init__(self, stage: Any, signal: str = "traces") -> None:
        only(stage, {"kind", "positions", "skip", "only", "allow", "keep", "keys", "values", *_OPTIONAL}, "scrub")
        known = OF_SIGNAL[signal]
        self.positions = {choice(one, known, "positions") for one in listed(stage.get("positions"), "positions")}
        self.skip, self.only = _optional(stage, "skip"), _optional(stage, "only")
        self.allow, self.keep = _optional(stage, "allow"), _optional(stage, "keep")
        self.types = None if stage.get("types") is None else choice(stage["types"], TYPES, "types")
        self.summary = None if stage.get("summary") is None else choice(stage["summary"], SUMMARIES, "summary")
        self.keys = [compile_key_rule(rule) for rule in listed(stage.get("keys"), "keys")]
        self.values = [compile_value_rule(rule) for rule in listed(stage.get("values"), "values")]
        self.tag = None if stage.get("tag") is None else text(stage["tag"], "tag")
        self.limits: Limits | None = compile_limits(stage.get("limits"))
        rules = (*self.keys, *self.values)
        tags = any(rule.tag is not None for rule in rules)
        need(self.tag is not None or not tags, "tag: no attribute for what is found")
        self.doomed_by_rules = any(rule.dooms for rule in rules)
        self.drops = self.doomed_by_rules + (self.limits is not None and self.limits.drops)
        self.first_key = 0 if self.allow is None else 1
        self.forms = [compile_form(form) for form in listed(stage.get("forms") or [], "forms")]
        self.forms_first = stage.get("forms_first", False)
        need(isinstance(self.forms_first, bool), f"forms_first: {self.forms_first!r}")
        self.first_form = self.first_key + len(self.keys) + len(self.values)
        self.first_failure = self.first_form + len(self.forms)
        self.rules = self.first_failure + (0 if self.limits is None else 3)
        self._key_rule = lru_cache(4096)(self._find_key_rule)
        self._short = lru_cache(4096)(self._through_rules)
        self.skipped = lru_cache(4096)(self.skipped_rules) if any(rule.skip for rule in self.values) else None

    def bind(self, context: object, counters: Counters, first: int) -> Callable[[View, Level], Level | None]:
        """Return the stage for one request; it counts replacements in `counters` from position `first` on."""
        return _Walk(self, counters, first)

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
        return value if isinstance(value, str) else "" if self.types == "strings" else text_of(value) or ""

    def key_rule(self, key: bytes) -> int | None:
        """Return the index of the first `keys` rule that finds its pattern in the key; those that tag aside."""
        return self._key_rule(key) if len(key) <= _CACHED else self._find_key_rule(key)

    def _find_key_rule(self, key: bytes) -> int | None:
        chosen = (index for index, rule in enumerate(self.keys) if rule.tag is None and rule.pattern.search(key))
        return next(chosen, None)

    def key_tags(self, key: bytes) -> list[int]:
        """Return the indexes of the `keys` rules that tag and find their pattern in the key."""
        return [index for index, rule in enumerate(self.keys) if rule.tag is not None and rule.pattern.search(key)]

    def skipped_rules(self, key: bytes) -> frozenset[int]:
        """Return the indexes of the `values` rules that leave a top-level attribute with this key alone."""
        return frozenset(index for index, rule in enumerate(self.values) if rule.is_skipped(key))

    def through_rules(self, content: bytes, skipped: frozenset[int]) -> Through:
        """Take a text through the other `values` rules."""
        return (self._short if len(content) <= _CACHED else self._through_rules)(content, skipped)

    def _through_rules(self, content: bytes, skipped: frozenset[int]) -> Through:
        counted, tired = [], False
        for index, rule in enumerate(self.values):
            if index in skipped:
                continue
            new, matches, unchecked = rule.apply(content)
            tired = tired or unchecked
            if matches:
                counted.append((index, matches))
            if new is None:
                return None, counted, tired
            content = new
        return content, counted, tired


def _optional(stage: Any, name: str) -> Pattern | None:
    return None if stage.get(name) is None else compile_pattern(stage[name], name)


class _Walk(Others):
    """One scrub stage on its way through one request."""

    def __init__(self, scrub: Scrub, counters: Counters, first: int) -> None:
        self._scrub = scrub
        self._counters = counters
        self._first = first
        self._skipped: frozenset[int] = frozenset()
        self._at = ""
        self._depth = 0
        self._doom = 0
        self._tags: set[str] = set()
        self._doomed: dict[int, tuple[Level, int]] = {}
        """Resources and scopes all of whose spans go (held, so that their ids stay theirs)."""
        self.why = 0
        """Which of the stage's reasons the span that went last went for."""

    def __call__(self, view: View, level: Level) -> Level | None:
        """Return the resource, scope or span after the stage, None for a span that goes."""
        self._tags.clear()
        self._doom = 0
        new = self.level(level)
        if self._scrub.tag is not None and self._tags:
            new = tagged(new, self._scrub.tag, self._tags)
        if level.shape in (RESOURCE, SCOPE):
            if self._doom:
                self._doomed[id(level)] = level, self._doom
            return new
        doom = self._doom
        for one in (view.resource, view.scope):
            doom |= self._doomed.get(id(one), (one, 0))[1]
        self.why = int(bool(doom & LIMIT) and self._scrub.doomed_by_rules)
        return None if doom else new

    def level(self, level: Level) -> Level:
        """Return the level without what the rules find."""
        positions, name, forms_first = self._scrub.positions, level.shape.name, self._scrub.forms_first
        before = level
        if name == "span" and forms_first:
            level = self._renamed(level)
        if name in positions:
            level = self._attributes(level)
        if name == "span":
            level = level.with_fields([self._span_field(one) for one in level.fields])
            return level if forms_first else self._renamed(level)
        if level.shape in (LOG, METRIC):
            return self._log(level, system_of(before)) if level.shape is LOG else self._metric(level)
        if "scope_name" in positions and name == "scope":
            named = [[self._text(one, "scope_name", 1, 2) for one in message] for message in level.messages]
            level = level.with_messages(named)
        if "schema_url" in positions:
            level = level.with_fields([self._text(one, "schema_url", 3) for one in level.fields])
        return level

    def _span_field(self, one: Field) -> Field:
        positions = self._scrub.positions
        if is_len(one, NAME):
            return self._text(one, "span_name", NAME) if "span_name" in positions else one
        if is_len(one, TRACE_STATE):
            return self._text(one, "trace_state", TRACE_STATE) if "trace_state" in positions else one
        if is_len(one, STATUS) and "status" in positions:
            return replaced(one, join(self._text(inner, "status", 2) for inner in split(one.payload)))
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
            fields = [self._text(inner, text, text_number) for inner in fields]
        return replaced(one, join(fields))

    def _text(self, one: Field, position: str, *numbers: int) -> Field:
        """Scrub a string that is no attribute, where the field is one of these; dropped ones become empty."""
        if not any(is_len(one, number) for number in numbers):
            return one
        self._at = position
        return replaced(one, self._string(one.payload) or b"")

    def _count(self, number: int, count: int = 1) -> None:
        self._counters.add(self._first + number, self._at, count)

    def _fail(self, what: int) -> None:
        """Count that something could not be scrubbed as it should be."""
        self._count(self._scrub.first_failure + what)
        if self._scrub.limits is not None and self._scrub.limits.drops:
            self._doom |= LIMIT

    def _found(self, rule: Rule) -> None:
        """Note what else a rule that found something asks for."""
        if rule.tag is not None:
            self._tags.add(rule.tag)
        if rule.dooms:
            self._doom |= RULE

    def _string(self, content: bytes) -> bytes | None:
        scrub: Scrub = self._scrub
        limits = scrub.limits
        if limits is not None and scrub.values and len(content) > limits.size:
            self._fail(SIZE)
            return limits.text
        new, counted, tired = scrub.through_rules(content, self._skipped)
        for index, matches in counted:
            self._count(scrub.first_key + len(scrub.keys) + index, matches)
            self._found(scrub.values[index])
        if tired and limits is not None:
            self._fail(PATIENCE)
        return new

    def _attributes(self, level: Level) -> Level:
        """Return the level with its attributes after the rules, and the summary of that."""
        self._at = level.shape.name
        tally, system = Tally(), system_of(level)
        level = level.changed(lambda key, pair: self._attribute(key, pair, tally, system))
        return tally.onto(level, self._scrub.summary)

    def _attribute(self, key: bytes, pair: bytes, tally: Tally, system: str) -> bytes | None:
        scrub = self._scrub
        if scrub.is_skipped(key):
            tally.ignored.append(key)
            return pair
        name, now = self._key(key, pair)
        if now is None:
            tally.redacted.append(name)
            return None
        if scrub.is_denied(key):
            tally.redacted.append(name)
            self._count(0)
            return None
        if scrub.keep is not None and scrub.keep.search(scrub.text(pair_of(now)[1]).encode()):
            tally.allowed.append(name)
            return now
        has_form = scrub.key_rule(key) is None
        first = self._formed(key, now, system) if has_form and scrub.forms_first else now
        if scrub.skipped is not None:
            self._skipped = scrub.skipped(key)
        new = self._pair(key, first, self._any_type if scrub.types == "all" else self._any_value)
        self._skipped = frozenset()
        if new is not None and has_form and not scrub.forms_first:
            new = self._formed(key, new, system)
        if new is None:
            tally.redacted.append(name)
        elif new != pair or scrub.key_rule(key) is not None:
            tally.masked.append(name)
        return new

    def _key(self, key: bytes, pair: bytes) -> tuple[bytes, bytes | None]:
        """Return the key of a `KeyValue` after the rules, and the `KeyValue` with it, None to remove it."""
        if "attribute_key" not in self._scrub.positions:
            return key, pair
        before, self._at = self._at, "attribute_key"
        name, fields = b"", []
        for one in split(pair):
            if is_len(one, 1):
                new = self._string(one.payload)
                if new is None:
                    self._at = before
                    return b"", None
                name, one = new, replaced(one, new)
            fields.append(one)
        self._at = before
        return name, join(fields)

    def _formed(self, key: bytes, pair: bytes, system: str) -> bytes:
        """Return an attribute after the forms for its key."""
        for index, form in enumerate(self._scrub.forms):
            if form.key.search(key):
                pair = change_values(pair, partial(self._by_form, index, system)) or b""
        return pair

    def _by_form(self, index: int, system: str, payload: bytes) -> bytes:
        value = decode(payload)
        new = self._scrub.forms[index].rewritten(value, system) if isinstance(value, str) else None
        if new is None:
            return payload
        self._count(self._scrub.first_form + index)
        return of_string(new)

    def _renamed(self, span: Level) -> Level:
        """Return the span with another name, by the first form that has one."""
        old = (last_payload(span.fields, NAME) or b"").decode()
        if self._scrub.keep is not None and self._scrub.keep.search(old.encode()):
            return span
        for index, form in enumerate(self._scrub.forms):
            if form.name and (new := form.renamed(old, span)) is not None:
                self._at = "span_name"
                self._count(self._scrub.first_form + index)
                payload = new.encode()
                return span.with_fields([replaced(one, payload) if is_len(one, NAME) else one for one in span.fields])
        return span

    def _entry(self, key: bytes, pair: bytes) -> bytes | None:
        now = self._key(key, pair)[1]
        return None if now is None else self._pair(key, now, self._any_value)

    def _pair(self, key: bytes, pair: bytes, change: Callable[[bytes], bytes | None]) -> bytes | None:
        """Return an attribute or map entry after the rules, None to remove it."""
        for tag in self._scrub.key_tags(key):
            self._count(self._scrub.first_key + tag)
            self._found(self._scrub.keys[tag])
        index = self._scrub.key_rule(key)
        if index is None:
            return change_values(pair, change)
        self._count(self._scrub.first_key + index)
        rule = self._scrub.keys[index]
        self._found(rule)
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
        limits, out = self._scrub.limits, []
        if limits is not None and self._depth >= limits.depth and any(map(is_nested, split(payload))):
            self._fail(DEPTH)
            return of_string(limits.text)
        if self._scrub.types == "numbers" and (number := number_text(payload)) is not None:
            new = self._string(number)
            if new != number:
                return None if new is None else of_string(new)
        for one in split(payload):
            new = self._member(one)
            if new is None:
                return None
            out.append(replaced(one, new) if new is not one.payload else one)
        return join(out)

    def _member(self, one: Field) -> bytes | None:
        if is_len(one, STRING) or (is_len(one, BYTES) and is_text(one.payload)):
            return self._string(one.payload)
        if not is_nested(one):
            return one.payload
        self._depth += 1
        fields, maps = split(one.payload), is_len(one, KVLIST)
        new = join(change_attributes(fields, 1, self._entry) if maps else self._elements(fields))
        self._depth -= 1
        return new

    def _elements(self, fields: Sequence[Field]) -> list[Field]:
        out = []
        for one in fields:
            new = self._any_value(one.payload) if is_len(one, 1) else one.payload
            if new is not None:
                out.append(one if new is one.payload else replaced(one, new))
        return out

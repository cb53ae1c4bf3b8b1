"""Further actions of stage `edit`: fields that are set, texts that are replaced, attributes that are kept or cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ..contract import BadProgram
from .levels import Level, Shape, View, change_values, pair_of, put
from .operands import BODY, EVENT_NAME, KIND, NAME, SEVERITY_NUMBER, SEVERITY_TEXT, STATUS, TRACE_STATE
from .ottl import compile_value
from .ottl_calls import Failed
from .patterns import Pattern, compile_pattern
from .spec import choice, listed, natural, need, only, text
from .values import Value, decode, key_value, of_string, of_value
from .wire import VARINT, Field, field, is_len, join, last_payload, replaced, signed, split, varint

Compute = Callable[[View], Value | None]
Change = Callable[[View, Level], Level]
Fields = Sequence[Field]
_I32 = range(-(1 << 31), 1 << 31)


class _Place(NamedTuple):
    """Where a field stands: in the level's messages, or in the message `inside` them."""

    shape: str
    number: int
    is_text: bool = True
    inside: int | None = None
    is_value: bool = False
    """It is an `AnyValue`, which takes what every attribute does."""


_PLACES = {
    "name": _Place("span", NAME),
    "trace_state": _Place("span", TRACE_STATE),
    "kind": _Place("span", KIND, is_text=False),
    "status.message": _Place("span", 2, inside=STATUS),
    "status.code": _Place("span", 3, is_text=False, inside=STATUS),
    "scope.name": _Place("scope", 1),
    "scope.version": _Place("scope", 2),
    "event.name": _Place("event", 2),
    "body": _Place("log", BODY, is_value=True),
    "severity_number": _Place("log", SEVERITY_NUMBER, is_text=False),
    "severity_text": _Place("log", SEVERITY_TEXT),
    "event_name": _Place("log", EVENT_NAME),
    "metric.name": _Place("metric", 1),
    "metric.description": _Place("metric", 2),
    "metric.unit": _Place("metric", 3),
}


def computed(spec: Any, shape: Shape) -> Compute:
    """Return how to compute a value; nil where that fails. Raises `BadProgram`."""
    value = compile_value(spec, shape)

    def compute(view: View) -> Value | None:
        try:
            return value(view)
        except Failed:
            return None

    return compute


def computed_bytes(spec: Any, shape: Shape) -> Callable[[View, Any], bytes | None]:
    """Return how to compute an `AnyValue`: the empty one for nil, None where it fails. Raises `BadProgram`."""
    value = compile_value(spec, shape)

    def compute(view: View, _: Any) -> bytes | None:
        try:
            found = value(view)
        except Failed:
            return None
        return b"" if found is None else of_value(found)

    return compute


def _place(name: Any, shape: Shape, what: str) -> _Place:
    place = _PLACES[choice(name, _PLACES, what)]
    need(place.shape == shape.name, f"{what}: {name} is no field of a {shape.name}")
    return place


def set_field(spec: Any, shape: Shape) -> Change:
    """Return the action `set`."""
    only(spec, {"do", "field", "of"}, "set")
    place, value = _place(spec.get("field"), shape, "set"), computed(spec.get("of"), shape)

    def action(view: View, level: Level) -> Level:
        found = value(view)
        if place.is_value:
            return level if found is None else with_field(level, place, of_value(found))
        fits = isinstance(found, str) if place.is_text else _is_enum(found)
        return with_field(level, place, found) if fits else level

    return action


def _is_enum(value: Value | None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in _I32


def with_field(level: Level, place: _Place, value: Any) -> Level:
    """Return the level with the field replaced wherever it stands, or appended to the last message that may hold it."""
    if place.inside is None:
        return level.with_messages(_put(level.messages or [[]], place, value))
    holders = [split(one.payload) for one in level.fields if is_len(one, place.inside)]
    changed = [join(one) for one in _put(holders or [[]], place, value)]
    fields = [replaced(one, changed.pop(0)) if is_len(one, place.inside) else one for one in level.fields]
    return level.with_fields([*fields, *(field(place.inside, one) for one in changed)])


def _put(messages: Sequence[Fields], place: _Place, value: Any) -> list[Fields]:
    def mine(one: Field) -> bool:
        return is_len(one, place.number) if place.is_text else one.number == place.number and one.wire == VARINT

    out: list[Fields] = [[_with(one, value) if mine(one) else one for one in message] for message in messages]
    if not any(mine(one) for message in messages for one in message):
        new = field(place.number, _payload(value)) if place.is_text else _enum(place.number, value)
        out[-1] = [*out[-1], new]
    return out


def _payload(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _with(one: Field, value: Any) -> Field:
    if isinstance(value, (str, bytes)):
        return replaced(one, _payload(value))
    return one if signed(one.integer, 32) == value else _enum(one.number, value)


def _enum(number: int, value: int) -> Field:
    return Field(number, VARINT, varint(number << 3 | VARINT) + varint(value), b"", value & ((1 << 64) - 1))


def _text_field(level: Level, place: _Place) -> bytes | None:
    """Return the field as it is read, None where it does not stand."""
    fields: Iterable[Field] = level.merged
    if place.inside is not None:
        fields = [inner for one in level.fields if is_len(one, place.inside) for inner in split(one.payload)]
    return last_payload(list(fields), place.number)


def keep(spec: Any, shape: Shape) -> Change:
    """Return the action `keep`."""
    only(spec, {"do", "keys", "pattern"}, "keep")
    need((spec.get("keys") is None) != (spec.get("pattern") is None), "keep: expected keys or pattern")
    if spec.get("keys") is not None:
        keys = {text(one, "keep: keys").encode() for one in listed(spec["keys"], "keep: keys")}
        return lambda view, level: level.changed(lambda key, pair: pair if key in keys else None)
    pattern = compile_pattern(spec["pattern"])
    return lambda view, level: level.changed(lambda key, pair: pair if pattern.search(key) else None)


def truncate(spec: Any, shape: Shape) -> Change:
    """Return the action `truncate`."""
    only(spec, {"do", "limit"}, "truncate")
    limit = natural(spec.get("limit"), "truncate: limit")
    return lambda view, level: level.changed(
        lambda key, pair: change_values(pair, _on_text(lambda content: _cut(content, limit)))
    )


def _cut(content: bytes, limit: int) -> bytes:
    while limit < len(content) and content[limit] & 0xC0 == 0x80:
        limit -= 1
    return content[:limit]


def _on_text(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Return a change of `AnyValue`s that hold a string."""

    def changed(payload: bytes) -> bytes:
        value = decode(payload)
        if not isinstance(value, str):
            return payload
        content = value.encode()
        new = change(content)
        return payload if new == content else of_string(new)

    return changed


def limit_count(spec: Any, shape: Shape) -> Change:
    """Return the action `limit`."""
    only(spec, {"do", "count", "keys"}, "limit")
    count = natural(spec.get("count"), "limit: count")
    first = {text(one, "limit: keys").encode() for one in listed(spec.get("keys"), "limit: keys")}

    def action(view: View, level: Level) -> Level:
        number = level.shape.attributes
        if sum(is_len(one, number) for one in level.merged) <= count:
            return level
        left = count - len(first & level.attributes.keys())

        def kept(key: bytes, pair: bytes) -> bytes | None:
            nonlocal left
            if key in first:
                return pair
            left -= 1
            return pair if left >= 0 else None

        return level.changed(kept)

    return action


def replace_text(spec: Any, shape: Shape) -> Change:
    """Return the action `replace`."""
    only(spec, {"do", "key", "field", "pattern", "with"}, "replace")
    pattern = compile_pattern(spec.get("pattern"))
    parts = _template(spec.get("with"), pattern)

    def new(content: bytes) -> bytes:
        return _replaced(content, pattern, parts)

    if spec.get("field") is not None:
        need(spec.get("key") is None, "replace: expected key or field")
        place = _place(spec["field"], shape, "replace")
        need(place.is_text, f"replace: {spec['field']} is no text")
        return _replace_value(place, new) if place.is_value else _replace_field(place, new)
    wanted = None if spec.get("key") is None else text(spec["key"], "replace: key").encode()

    def changed(key: bytes, pair: bytes) -> bytes | None:
        return change_values(pair, _on_text(new)) if wanted in (None, key) else pair

    return lambda view, level: level.changed(changed)


def rename_keys(spec: Any, shape: Shape) -> Change:
    """Return the action `rename`."""
    only(spec, {"do", "pattern", "with"}, "rename")
    pattern = compile_pattern(spec.get("pattern"))
    parts = _template(spec.get("with"), pattern)

    def renamed(key: bytes, pair: bytes) -> bytes | None:
        new = _replaced(key, pattern, parts)
        return pair if new == key else key_value(new, last_payload(split(pair), 2) or b"")

    def action(view: View, level: Level) -> Level:
        changed = level.changed(renamed)
        return level if changed.merged == level.merged else changed.changed(_last_of_each(changed))

    return action


def _last_of_each(level: Level) -> Callable[[bytes, bytes], bytes | None]:
    """Return a change that removes all attributes with a key but the last."""
    left = Counter(pair_of(one.payload)[0] for one in level.merged if is_len(one, level.shape.attributes))

    def kept(key: bytes, pair: bytes) -> bytes | None:
        left[key] -= 1
        return None if left[key] else pair

    return kept


def _replace_field(place: _Place, new: Callable[[bytes], bytes]) -> Change:
    def action(view: View, level: Level) -> Level:
        content = _text_field(level, place)
        changed = None if content is None else new(content)
        return level if changed is None or changed == content else with_field(level, place, changed.decode())

    return action


def _replace_value(place: _Place, new: Callable[[bytes], bytes]) -> Change:
    change = _on_text(new)

    def action(view: View, level: Level) -> Level:
        payload = _text_field(level, place)
        changed = None if payload is None else change(payload)
        return level if changed is None or changed == payload else with_field(level, place, changed)

    return action


def _template(spec: Any, pattern: Pattern) -> list[bytes | int]:
    parts: list[bytes | int] = []
    for part in listed(spec, "replace: with"):
        if isinstance(part, str):
            parts.append(text(part, "replace: with").encode())
        else:
            group = natural(part, "replace: with")
            need(group <= pattern.groups, f"replace: group {group}: the pattern has {pattern.groups}")
            parts.append(group)
    return parts


def _replaced(content: bytes, pattern: Pattern, parts: list[bytes | int]) -> bytes:
    """Return the text with every match replaced; not an empty one right behind another, or within a character."""
    out, copied, position, last = [], 0, 0, -1
    while position <= len(content) and (match := pattern.search(content, position)):
        start, end = match.span()
        within = start < len(content) and content[start] & 0xC0 == 0x80
        if start < end or not (end == last or within):
            out.append(content[copied:start])
            for part in parts:
                begin, stop = match.span(part) if isinstance(part, int) else (0, 0)
                out.append(part if isinstance(part, bytes) else content[begin:stop] if begin >= 0 else b"")
            copied = last = end
        position = end if end > start else _after(content, end)
    return b"".join([*out, content[copied:]])


def _after(content: bytes, position: int) -> int:
    """Return where the next character begins."""
    position += 1
    while position < len(content) and content[position] & 0xC0 == 0x80:
        position += 1
    return position


def parse_name(spec: Any, shape: Shape) -> Change:
    """Return the action `parse_name`."""
    only(spec, {"do", "patterns", "rename", "first"}, "parse_name")
    need(shape.name == "span", f"parse_name: a {shape.name} is no span")
    patterns = [compile_pattern(one) for one in listed(spec.get("patterns"), "parse_name")]
    for pattern in patterns:
        need(len(pattern.groupindex) == pattern.groups, "parse_name: a group has no name")
    rename, first = spec.get("rename"), spec.get("first")
    if not (isinstance(rename, bool) and isinstance(first, bool)):
        raise BadProgram("parse_name: rename and first are booleans")
    place = _PLACES["name"]

    def action(view: View, level: Level) -> Level:
        name = _text_field(level, place) or b""
        for pattern in patterns if name else ():
            if (match := pattern.search(name)) is None:
                continue
            new, done = [], 0
            for index, group in sorted((index, group.encode()) for group, index in pattern.groupindex.items()):
                start, end = match.span(index)
                found = of_string(name[start:end] if start >= 0 else b"")
                level = put(level, group, found, update=True, insert=key_value(group, found))
                if start >= done:
                    new += [name[done:start], b"{" + group + b"}"]
                    done = end
            if rename:
                name = b"".join([*new, name[done:]])
                level = with_field(level, place, name.decode())
            if first:
                break
        return level

    return action

"""What a scrub stage did to the attributes of one message, and the summary of it among them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .levels import Level, put
from .values import decode, key_value, of_string, of_value

SUMMARIES = ("counts", "keys")


@dataclass
class Tally:
    """The keys of attributes, in their order, by what became of them."""

    redacted: list[bytes] = field(default_factory=list)
    masked: list[bytes] = field(default_factory=list)
    allowed: list[bytes] = field(default_factory=list)
    ignored: list[bytes] = field(default_factory=list)

    def onto(self, level: Level, summary: str | None) -> Level:
        """Return the level with the summary upserted; it adds to one that is there already."""
        for name in ("redacted", "masked", "allowed", "ignored"):
            keys = getattr(self, name)
            if keys and summary is not None:
                if summary == "keys" and name != "ignored":
                    level = _named(level, f"redaction.{name}.keys".encode(), keys)
                level = _counted(level, f"redaction.{name}.count".encode(), len(keys))
        return level


def _named(level: Level, key: bytes, keys: list[bytes]) -> Level:
    before = decode(level.attributes.get(key, b""))
    known = before.encode().split(b",") if isinstance(before, str) and before else []
    return _upsert(level, key, of_string(b",".join(sorted(keys + known))))


def _counted(level: Level, key: bytes, count: int) -> Level:
    before = decode(level.attributes.get(key, b""))
    if isinstance(before, int) and not isinstance(before, bool):
        count += before
    return _upsert(level, key, of_value((count + (1 << 63)) % (1 << 64) - (1 << 63)))


def _upsert(level: Level, key: bytes, value: bytes) -> Level:
    return put(level, key, value, True, key_value(key, value))

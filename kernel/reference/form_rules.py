"""Which attributes and span names are texts of a known form, and for which database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .forms import FORMS
from .levels import Level
from .operands import KIND
from .patterns import Pattern, compile_pattern
from .spec import choice, listed, need, only, text
from .uri import URIS, Uri, compile_uri
from .values import decode
from .wire import VARINT, last_integer

_SYSTEM = (b"db.system.name", b"db.system")
_HTTP = (
    b"http.route",
    b"http.request.method",
    b"http.request.method_original",
    b"http.response.status_code",
    b"url.full",
    b"http.scheme",
    b"http.target",
    b"http.method",
    b"http.url",
)
_INTERNAL, _SERVER, _CLIENT = 1, 2, 3


@dataclass(frozen=True)
class Form:
    """A compiled form; `systems` None: whatever the database."""

    kind: str
    key: Pattern
    systems: list[str] | None
    name: bool
    uri: Uri | None = None

    def rewritten(self, old: str, system: str) -> str | None:
        """Return the text as it is written; None when the form does not apply or changes nothing."""
        if self.systems is not None and system not in self.systems:
            return None
        new = FORMS[self.kind](old, system) if self.uri is None else self.uri.rewritten(old)
        return new if new != old else None

    def renamed(self, old: str, span: Level) -> str | None:
        """Return the name of a span, likewise."""
        kind = last_integer(span.fields, KIND, VARINT) % (1 << 32)
        http = self.kind == "url" or self.uri is not None
        if kind not in ((_SERVER, _CLIENT) if http else (_INTERNAL, _SERVER, _CLIENT)):
            return None
        if not http:
            system = system_of(span)
            return (self.rewritten(old, system) or None) if system else None
        if "/" not in old and not any(key in span.attributes for key in _HTTP):
            return None
        new = self.rewritten(old, "") or None
        return None if new is not None and "*" in new and set(new.split("/")) <= {"", "*"} else new


def system_of(level: Level) -> str:
    """Return the database that the attributes name, in small letters; `""` when they name none."""
    for key in _SYSTEM:
        value = decode(level.attributes.get(key, b""))
        if isinstance(value, str) and value:
            return "".join(one.lower() if one.isascii() else one for one in value)
    return ""


def compile_form(spec: Any) -> Form:
    """Return a form. Raises `BadProgram`."""
    only(spec, {"as", "key", "systems", "name", "uri"}, "form")
    systems, name = spec.get("systems"), spec.get("name")
    if systems is not None:
        systems = [text(one, "systems") for one in listed(systems, "systems")]
    need(name is None or isinstance(name, bool), f"name: {name!r}")
    kind = choice(spec.get("as"), (*FORMS, *URIS), "as")
    need((kind in URIS) == (spec.get("uri") is not None), f"uri: it belongs to {' and '.join(URIS)}")
    uri = compile_uri(kind, spec["uri"]) if kind in URIS else None
    return Form(kind, compile_pattern(spec.get("key"), "key"), systems, bool(name), uri)

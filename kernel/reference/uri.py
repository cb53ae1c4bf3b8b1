"""URLs and queries of which names stay and values go: user-info, values of parameters, identifiers in the path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .forms import is_plain, split_url
from .patterns import Pattern, compile_pattern
from .spec import need, only, text

URIS = ("uri", "query")


@dataclass(frozen=True)
class Uri:
    """What goes: where `query` the text is a query alone, else a URL or a path with what may follow it."""

    query: bool
    path: bool
    text: str
    allow: Pattern | None
    deny: Pattern | None

    def rewritten(self, old: str) -> str:
        """Return the text without what goes."""
        if self.query:
            return self._parameters(old)
        head, rest = split_url(old)
        before, number, fragment = rest.partition("#")
        path, mark, query = before.partition("?")
        if self.path:
            path = "/".join(segment if is_plain(segment) else "*" for segment in path.split("/"))
        return head + path + mark + self._parameters(query) + number + self._parameters(fragment)

    def _parameters(self, query: str) -> str:
        return "".join(self._parameter(part) for part in re.split("([&;])", query))

    def _parameter(self, part: str) -> str:
        """Return `name=value` with the value or without; one without `=` is a value without a name."""
        name, equals, value = part.partition("=")
        if part in ("", "&", ";") or (equals and not value) or not self._goes(name, bool(equals)):
            return part
        return name + equals + self.text if equals else self.text

    def _goes(self, name: str, named: bool) -> bool:
        decoded = re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes.fromhex(found[1].decode()), name.encode())
        decoded = decoded.replace(b"+", b" ")
        try:
            decoded.decode()
        except UnicodeDecodeError:
            return self.allow is not None or (self.deny is not None and named)
        if self.deny is not None and named and self.deny.search(decoded):
            return True
        return self.allow is not None and self.allow.search(decoded) is None


def compile_uri(kind: str, spec: Any) -> Uri:
    """Return the form. Raises `BadProgram`."""
    given = only(spec, {"path", "text", "allow", "deny"}, "uri")
    need(isinstance(given.get("path"), bool), f"uri: path: {given.get('path')!r}")
    allow, deny = (
        None if given.get(name) is None else compile_pattern(given[name], f"uri: {name}") for name in ("allow", "deny")
    )
    return Uri(kind == "query", given["path"], text(given.get("text"), "uri: text"), allow, deny)

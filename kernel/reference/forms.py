"""Texts of a known form, without what is particular in them: statements, commands, documents, URLs."""

from __future__ import annotations

import re
from collections.abc import Callable

from .sql import sql

_PLAIN = re.compile(r"(?:[A-Za-z._ -](?:[0-9A-Za-z._ -][A-Za-z._ -]*)?)?", re.ASCII)
_ODD = re.compile(r"[bcdfghjklmnpqrstvwxz]{6}|[A-Za-z]{33}", re.ASCII)
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", re.ASCII)
_KEYLESS = {
    "AUTH",
    "HELLO",
    "ECHO",
    "PING",
    "EVAL",
    "EVALSHA",
    "EVAL_RO",
    "EVALSHA_RO",
    "FCALL",
    "ACL",
    "CONFIG",
    "CLIENT",
    "SCRIPT",
    "MIGRATE",
}


def url(text: str, system: str = "") -> str:
    """Return a URL, or a path, with `*` for each segment that reads like an identifier; without query and fragment."""
    head, rest = split_url(text)
    path = re.split("[?#]", rest, maxsplit=1)[0]
    return head + "/".join(segment if is_plain(segment) else "*" for segment in path.split("/"))


def split_url(text: str) -> tuple[str, str]:
    """Return scheme and authority without its user-info, `""` where there is no scheme, and what follows them."""
    head = found[0] if (found := _AUTHORITY.match(text)) else ""
    scheme, slashes, authority = head.partition("://")
    return scheme + slashes + authority.rpartition("@")[2], text[len(head) :]


def is_plain(segment: str) -> bool:
    """Return whether a segment of a path is a word: letters, `.`, `_`, `-` and blanks, the second may be a digit."""
    return _PLAIN.fullmatch(segment) is not None and _ODD.search(segment) is None


def redis(text: str, system: str = "") -> str:
    """Return the commands (a line each) with their keys, `?` for the other arguments."""
    return "\n".join(map(_command, text.split("\n")))


def _command(line: str) -> str:
    words = re.findall(r"[^ \t\r]+", line)
    if not words:
        return ""
    keyless = (words[0].isascii() and words[0].upper() in _KEYLESS) or (len(words) > 1 and words[1][0] in "\"'")
    kept = words[: 1 if keyless else 2]
    return " ".join([*kept, "?"] if len(words) > len(kept) else kept)


def memcached(text: str, system: str = "") -> str:
    """Return the command's line, without the data behind it."""
    return re.split("\r?\n", text, maxsplit=1)[0]


_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"')
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_VALUE = re.compile(f"{_STRING.pattern}|true|false|null|{_NUMBER}")


def document(text: str, system: str = "") -> str:
    """Return JSON with `"?"` for every value that is no object or array; what is no JSON as it is."""
    new = _document(text)
    return text if new is None else new


def _document(text: str) -> str | None:
    out, open_, position, expected = [], [], 0, "value"
    while True:
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        out.append(space[0] if space else "")
        if position == len(text):
            return "".join(out) if expected == "end" else None
        one = text[position]
        if expected in ("value", "value or ]") and one in "{[":
            open_.append(one)
            expected = "key or }" if one == "{" else "value or ]"
            token = one
        elif expected in ("value", "value or ]") and (found := _VALUE.match(text, position)):
            out.append('"?"')
            position, expected, token = found.end(), _after(open_), ""
        elif expected in ("key", "key or }") and (found := _STRING.match(text, position)):
            token, expected = found[0], ":"
        elif expected == ":" and one == ":":
            token, expected = one, "value"
        elif expected == "more" and one == ",":
            token, expected = one, "key" if open_[-1] == "{" else "value"
        elif expected in ("more", "key or }", "value or ]") and open_ and one == {"{": "}", "[": "]"}[open_[-1]]:
            open_.pop()
            token, expected = one, _after(open_)
        else:
            return None
        out.append(token)
        position += len(token)


def _after(open_: list[str]) -> str:
    return "more" if open_ else "end"


def statement(text: str, system: str = "") -> str:
    """Return what is said to a database, whichever it is, without the values in it."""
    if system in _REDIS:
        return redis(text)
    if system == "memcached":
        return memcached(text)
    new = _document(text)
    return sql(text, system) if new is None else new


_REDIS = ("redis", "valkey")
FORMS: dict[str, Callable[[str, str], str]] = {
    "url": url,
    "sql": sql,
    "redis": redis,
    "memcached": memcached,
    "json": document,
    "statement": statement,
}

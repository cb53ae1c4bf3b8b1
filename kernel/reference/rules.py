"""Scrub rules on one text: what they find, and what becomes of it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..contract import BadProgram
from .checks import compiled
from .near import Near, compile_near, next_code_point
from .patterns import Pattern, compile_pattern
from .spec import choice, natural, need, only, text

Replace = Callable[[str], str]
"""What an action makes of a text."""


@dataclass(frozen=True)
class Rule:
    """A compiled rule; `replace` is None where the action is drop."""

    pattern: Pattern
    group: int
    check: Callable[[str], bool] | None
    replace: Replace | None
    tag: str | None = None
    """What it is called in the attribute that says what was found, where it only says so."""
    dooms: bool = False
    """The span goes in which it finds something."""
    near: Near | None = None
    skip: Pattern | None = None

    def passes(self, found: bytes) -> bool:
        """Return whether the text passes the rule's check; text that is not ASCII passes none."""
        return self.check is None or (found.isascii() and self.check(found.decode("ascii")))

    def is_skipped(self, key: bytes) -> bool:
        """Return whether the rule leaves a top-level attribute with this key alone."""
        return self.skip is not None and self.skip.search(key) is not None

    def apply(self, content: bytes) -> tuple[bytes | None, int, bool]:
        """Return the text (UTF-8) after the rule, None when it is dropped, and how many matches it replaced.

        And whether one of them was replaced although nobody checked it any more.
        """
        out, copied, position, count, tired = [], 0, 0, 0, False
        patience = 8 * len(content) + 4096
        is_near = None if self.near is None else self.near.of(content)
        while position <= len(content) and (match := self.pattern.search(content, position)):
            start, end = match.span(self.group)
            first, last = match.span()
            empty = start >= end
            if not empty and is_near is not None and not is_near(start, end):
                position = max(next_code_point(content, first), last)
                continue
            if empty or (patience > 0 and not self.passes(content[start:end])):
                patience -= last - first
                after = next_code_point(content, first)
                position = max(after, last) if empty and patience <= 0 else after
                continue
            count += 1
            tired = tired or (self.check is not None and patience <= 0)
            if self.replace is None:
                return None, count, tired
            out += [content[copied:start], self.replace(content[start:end].decode()).encode()]
            copied, position = end, match.span()[1]
        return (b"".join([*out, content[copied:]]) if count else content), count, tired


def compile_key_rule(spec: Any) -> Rule:
    """Return a rule of `keys`. Raises `BadProgram`."""
    only(spec, {"pattern", "action"}, "key rule")
    return Rule(compile_pattern(spec.get("pattern")), 0, None, *_deed(spec.get("action")))


def compile_value_rule(spec: Any) -> Rule:
    """Return a rule of `values`. Raises `BadProgram`."""
    only(spec, {"pattern", "action", "group", "check", "near", "skip"}, "value rule")
    pattern = compile_pattern(spec.get("pattern"))
    group = natural(spec.get("group", 0), "group")
    need(group <= pattern.groups, f"group {group}: the pattern has {pattern.groups}")
    check = None if spec.get("check") is None else compiled(spec["check"])
    near = None if spec.get("near") is None else compile_near(spec["near"])
    skip = None if spec.get("skip") is None else compile_pattern(spec["skip"], "skip")
    return Rule(pattern, group, check, *_deed(spec.get("action")), near, skip)


def _deed(spec: Any) -> tuple[Replace | None, str | None, bool]:
    """Return what a rule puts in the place of a match, what it is called as a tag, and whether the span goes."""
    do = spec.get("do") if isinstance(spec, dict) else None
    if do == "tag":
        only(spec, {"do", "as"}, "tag")
        return (lambda found: found), text(spec.get("as"), "tag: as"), False
    if do == "drop_span":
        only(spec, {"do"}, "drop_span")
        return (lambda found: ""), None, True
    return _action(spec), None, False


def _action(spec: Any) -> Replace | None:
    given = only(spec, _PARAMETERS, "action")
    return _ACTIONS[choice(given.get("do"), _ACTIONS, "action")](spec)


def _drop(spec: Any) -> None:
    only(spec, {"do"}, "drop")


def _redact(spec: Any) -> Replace:
    only(spec, {"do", "text"}, "redact")
    replacement = text(spec.get("text"), "redact: text")
    return lambda found: replacement


def _lines(spec: Any) -> Replace:
    only(spec, {"do", "each"}, "lines")
    each = spec.get("each")
    replace = None if isinstance(each, dict) and each.get("do") == "lines" else _action(each)
    if replace is None:
        raise BadProgram("lines: each: expected an action that replaces")
    return lambda found: "\n".join(map(replace, found.split("\n")))


def _mask(spec: Any) -> Replace:
    only(spec, {"do", "keep_last", "keep_first", "char"}, "mask")
    first, last = natural(spec.get("keep_first", 0), "keep_first"), natural(spec.get("keep_last", 0), "keep_last")
    char = text(spec.get("char", "*"), "char")
    need(len(char) == 1, f"mask: char {char!r} is not one character")

    def mask(found: str) -> str:
        maskable = [index for index, one in enumerate(found) if not one.isascii() or one.isalnum()]
        hidden = set(maskable[first : max(first, len(maskable) - last)])
        return "".join(char if index in hidden else one for index, one in enumerate(found))

    return mask


def _hmac(spec: Any) -> Replace:
    only(spec, {"do", "key", "length", "prefix", "function", "also"}, "hmac")
    function = _HMACS[choice(spec.get("function", "sha256"), _HMACS, "hmac: function")]
    most = 2 * function().digest_size
    prefix, length = text(spec.get("prefix", ""), "prefix"), natural(spec.get("length", most), "length")
    need(length <= most, f"hmac: length {length} is over {most}")
    keys = [(prefix, _key(spec, "hmac"))]
    if spec.get("also") is not None:
        also = only(spec["also"], {"key", "prefix"}, "hmac: also")
        keys.append((text(also.get("prefix", ""), "prefix"), _key(also, "hmac: also")))

    def digests(found: str) -> str:
        content = found.encode()
        return ",".join(prefix + hmac.new(key, content, function).hexdigest()[:length] for prefix, key in keys)

    return digests


def _key(spec: Any, what: str) -> bytes:
    written = text(spec.get("key"), f"{what}: key")
    if not re.fullmatch(r"([0-9a-fA-F]{2})+", written):
        raise BadProgram(f"{what}: key is not in hex")
    return bytes.fromhex(written)


def _token(spec: Any) -> Replace:
    only(spec, {"do", "key"}, "token")
    key = _key(spec, "token")

    def token(found: str) -> str:
        content, stream = found.encode(), b""
        for block in range(-(-len(found) // 32)):
            stream += hmac.new(key, block.to_bytes(4, "big") + content, hashlib.sha256).digest()
        return "".join(map(_like, found, stream))

    return token


def _like(one: str, random: int) -> str:
    """Return another character of the same kind; what is beyond ASCII becomes a small letter."""
    if one.isascii() and not one.isalnum():
        return one
    if "0" <= one <= "9":
        return str(random % 10)
    letter = chr(ord("a") + random % 26)
    return letter.upper() if "A" <= one <= "Z" else letter


def _truncate(spec: Any) -> Replace:
    only(spec, {"do", "keep"}, "truncate")
    keep = natural(spec.get("keep"), "truncate: keep")
    return lambda found: found[:keep]


def _network(spec: Any) -> Replace:
    only(spec, {"do", "v4", "v6"}, "network")
    bits4, bits6 = natural(spec.get("v4"), "network: v4"), natural(spec.get("v6"), "network: v6")
    need(bits4 <= 32 and bits6 <= 128, "network: more bits than an address has")

    def network(found: str) -> str:
        try:
            address = ipaddress.ip_address(found)
        except ValueError:
            return ""
        if address.version == 4:
            return str(ipaddress.IPv4Network((int(address), bits4), strict=False).network_address)
        start = ipaddress.IPv6Network((int(address), bits6), strict=False).network_address
        groups = [f"{int(group, 16):x}" for group in start.exploded.split(":")][: -(-bits6 // 16)]
        return ":".join(groups) + ("::" if len(groups) < 8 else "")

    return network


def _digest(spec: Any) -> Replace:
    only(spec, {"do", "function"}, "digest")
    function = _DIGESTS[choice(spec.get("function"), _DIGESTS, "digest: function")]
    return lambda found: function(found.encode(), usedforsecurity=False).hexdigest()


_HMACS: dict[str, Callable[..., Any]] = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_DIGESTS: dict[str, Callable[..., Any]] = {"md5": hashlib.md5, "sha1": hashlib.sha1, "sha3-256": hashlib.sha3_256}
_PARAMETERS = {"do", "text", "each", "keep_last", "keep_first", "char", "key", "length", "prefix", "function"}
_PARAMETERS |= {"also", "keep", "v4", "v6"}
_ACTIONS: dict[str, Callable[[Any], Replace | None]] = {
    "redact": _redact,
    "lines": _lines,
    "mask": _mask,
    "hmac": _hmac,
    "digest": _digest,
    "token": _token,
    "truncate": _truncate,
    "network": _network,
    "drop": _drop,
}

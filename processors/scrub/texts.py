"""Texts that are known by the key of their attribute: what is said to databases, and URLs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import re2
from pydantic import Field

from ...kernel.stages import ScrubRule
from ...rules.patterns import exactly
from .actions import Strict, redact
from .names import NAMES, key_pattern

Form = dict[str, Any]
"""A FORM of `docs/kernel.md`."""

STATEMENT_KEYS = ("db.query.text", "db.statement")
"""Semantic conventions, stable and before; the second also where instrumentations have not moved yet."""
PARAMETERS = r"^db\.(?:query|operation)\.parameter\."
"""What the placeholders of a statement stood for."""
URL_KEYS = ("url.full", "http.url", "http.target", "url.path", "url.original")
QUERY_KEYS = ("url.query", "url.fragment")
REDACTED = "REDACTED"
"""What semantic conventions put in the place of a query value."""


class Statements(Strict):
    """`statements`: what is said to databases, without the values in it."""

    keys: list[str] = Field(default_factory=list, description="More attributes that hold statements.")
    span_names: bool = Field(True, description="Also names of spans that name a database.")


class Query(Strict):
    """`query`: which parameters of URLs keep their values; without any list none does."""

    allow: list[str] | None = Field(None, description="Only these keep their values; `*` stands for any characters.")
    deny: list[str] | None = Field(None, description="These lose theirs, and so do those with the name of a secret.")


class Urls(Strict):
    """`urls`: URLs without user-info, without values of parameters, without identifiers in their path."""

    keys: list[str] = Field(default_factory=list, description="More attributes that hold URLs or paths.")
    query: Query = Field(default_factory=Query, description="Which parameters keep their values; default: none.")
    path: bool = Field(True, description="Whether `*` stands for segments of the path that read like identifiers.")
    span_names: bool = Field(True, description="Also names of HTTP client and server spans.")


def statements_of(given: Statements | bool) -> Statements | None:
    """Return the setting, None for none; `true` stands for the defaults."""
    return given if isinstance(given, Statements) else Statements() if given else None


def urls_of(given: Urls | bool) -> Urls | None:
    """Return the setting, None for none; `true` stands for the defaults."""
    return given if isinstance(given, Urls) else Urls() if given else None


def forms(statements: Statements | None, urls: Urls | None, names: bool) -> Iterator[tuple[str, Form]]:
    """Yield what each form is counted as, and the form; `names`: whether span names are looked at."""
    if statements is not None:
        key = exactly([*STATEMENT_KEYS, *statements.keys])
        yield "statements", {"as": "statement", "key": key, "name": names and statements.span_names}
    if urls is not None:
        uri = {"path": urls.path, "text": REDACTED, **_lists(urls.query)}
        key, named = exactly([*URL_KEYS, *urls.keys]), names and urls.span_names
        yield "urls", {"as": "uri", "key": key, "name": named, "uri": uri}
        yield "urls.query", {"as": "query", "key": exactly(list(QUERY_KEYS)), "uri": uri}


def parameters(statements: Statements | None) -> Iterator[tuple[str, ScrubRule]]:
    """Yield the rule for what a statement's placeholders stand for."""
    if statements is not None:
        yield "statements.parameters", {"pattern": PARAMETERS, "action": redact("?")}


def _lists(query: Query) -> dict[str, str | None]:
    allow = [] if query.allow is None and query.deny is None else query.allow
    deny = None if query.deny is None else f"{globs(query.deny)}|{_secret_names()}"
    return {"allow": None if allow is None else globs(allow), "deny": deny}


def _secret_names() -> str:
    more = "auth|code|key|sid|sig|signature|session|sessionid|x-amz-(?:signature|credential|security-token)"
    more += "|x-goog-(?:signature|credential)|googleaccessid|awsaccesskeyid|saml(?:request|response)"
    return "|".join([*map(key_pattern, NAMES), f"(?i:^(?:{more})$)"])


def globs(names: list[str]) -> str:
    """Return a pattern for these names, in which `*` stands for any characters; for none, one that finds nothing."""
    each = ("(?s:.*)".join(map(re2.escape, name.split("*"))) for name in names)
    return f"\\A(?:{'|'.join(each)})\\z" if names else r"[^\x00-\x{10FFFF}]"

"""The collector's `redaction` processor: its YAML, its meaning.

Differences, listed in docs/collector.md, on the safe side: values inside arrays and maps are masked too (the
collector leaves them unless `redact_all_types` makes JSON of them), keys inside maps are looked at as well, all
attributes of its own summary pass an allow-list, and an unknown `summary` or `hash_function` is an error. Patterns
are tried in the order written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, SecretStr, field_validator, model_validator

from ...kernel.contract import Signal
from ...kernel.stages import Scrub, ScrubRule
from ...rules.patterns import Pattern, exactly, found
from ..base import BuildContext, Fused, Lint
from .actions import KernelAction, Strict, redact
from .compile import any_of

MASK = "****"
POSITIONS: Mapping[Signal, tuple[str, ...]] = {
    "traces": ("resource", "scope", "span", "event"),
    "logs": ("resource", "scope", "log", "body"),
    "metrics": ("resource", "scope", "datapoint"),
}
HASHES = ("none", "md5", "sha1", "sha3", "hmac-sha256", "hmac-sha512")
_KEY_BYTES = {"hmac-sha256": 32, "hmac-sha512": 64}
_SUMMARIES = {"": None, "silent": None, "info": "counts", "debug": "keys"}
OWN = tuple(
    f"redaction.{part}{what}.{of}"
    for part in ("", "body.")
    for what in ("redacted", "masked", "allowed", "ignored")
    for of in (("count",) if what == "ignored" else ("keys", "count"))
)
"""The attributes of summaries, which an allow-list lets pass."""


class UrlSanitizer(Strict):
    """`url_sanitizer`: paths without the segments that read like identifiers."""

    enabled: bool = False
    attributes: list[str] = Field(default_factory=list, description="Attributes that hold URLs or paths.")
    sanitize_span_name: bool = Field(True, description="Also the names of client and server spans of HTTP.")


class DbSystem(Strict):
    """One kind of database."""

    enabled: bool = False
    attributes: list[str] = Field(default_factory=list, description="Attributes that hold statements.")


class DbSanitizer(Strict):
    """`db_sanitizer`: statements without their values, where the span names a database of the kind."""

    sql: DbSystem = Field(default_factory=DbSystem, description="mysql, postgresql, mariadb, sqlite, other_sql.")
    redis: DbSystem = Field(default_factory=DbSystem)
    valkey: DbSystem = Field(default_factory=DbSystem)
    memcached: DbSystem = Field(default_factory=DbSystem)
    mongo: DbSystem = Field(default_factory=DbSystem)
    opensearch: DbSystem = Field(default_factory=DbSystem)
    es: DbSystem = Field(default_factory=DbSystem)
    sanitize_span_name: bool = Field(True, description="Also the names of spans that name such a database.")


_DATABASES = {
    "sql": ("sql", ["other_sql", "mysql", "postgresql", "mariadb", "sqlite"]),
    "redis": ("redis", ["redis"]),
    "valkey": ("redis", ["valkey"]),
    "memcached": ("memcached", ["memcached"]),
    "mongo": ("json", ["mongodb"]),
    "opensearch": ("json", ["opensearch"]),
    "es": ("json", ["elasticsearch"]),
}
"""The kernel's form for each kind, and the values of `db.system.name` that it is for."""


class RedactionConfig(Strict):
    """The collector's keys, with its defaults: without `allow_all_keys` whatever is not allowed is deleted."""

    allow_all_keys: bool = Field(False, description="Keep every attribute; else only allowed_keys and ignored ones.")
    allowed_keys: list[str] = Field(default_factory=list, description="Attributes that are kept.")
    ignored_keys: list[str] = Field(default_factory=list, description="Attributes that are kept as they are.")
    ignored_key_patterns: list[Pattern] = Field(default_factory=list, description="The same, by pattern of the key.")
    blocked_key_patterns: list[Pattern] = Field(default_factory=list, description="Keys whose values become ****.")
    blocked_values: list[Pattern] = Field(default_factory=list, description="What becomes **** in any value.")
    allowed_values: list[Pattern] = Field(
        default_factory=list, description="Values in which one of these is found stay as they are, all of them."
    )
    redact_all_types: bool = Field(False, description="Look at the text of values that are no strings, too.")
    hash_function: str = Field("", description="A digest in place of ****: md5, sha1, sha3, hmac-sha256, hmac-sha512.")
    hmac_key: SecretStr | None = Field(None, description="At least 32 bytes for hmac-sha256, 64 for hmac-sha512.")
    summary: str = Field("", description="info: attributes that count what was done; debug: and name it; silent: none.")
    url_sanitizer: UrlSanitizer = Field(default_factory=UrlSanitizer)
    db_sanitizer: DbSanitizer = Field(default_factory=DbSanitizer)

    @field_validator("summary")
    @classmethod
    def _summary(cls, value: str) -> str:
        if value not in _SUMMARIES:
            raise ValueError(f"unknown summary {value!r}: expected debug, info or silent")
        return value

    @field_validator("hash_function")
    @classmethod
    def _hash(cls, value: str) -> str:
        if value and value.lower() not in HASHES:
            raise ValueError(f"unknown hash_function {value!r}: expected one of {', '.join(HASHES)}")
        return value.lower()

    @model_validator(mode="after")
    def _key(self) -> RedactionConfig:
        key, least = self.key(), _KEY_BYTES.get(self.hash_function, 0)
        if len(key) < least:
            raise ValueError(f"hmac_key: the key has {len(key)} bytes, expected at least {least}")
        return self

    def key(self) -> bytes:
        """Return the key, empty when there is none."""
        return self.hmac_key.get_secret_value().encode() if self.hmac_key else b""


def build(config: RedactionConfig, ctx: BuildContext) -> Fused:
    """Return the stage; none where nothing can change."""
    forms = dict(_forms(config))
    if config.allow_all_keys and not (config.blocked_key_patterns or config.blocked_values or forms or _says(config)):
        return Fused([])
    action = _action(config)
    keys: list[ScrubRule] = [
        {"pattern": pattern, "action": {"do": "lines", "each": action}} for pattern in config.blocked_key_patterns
    ]
    values: list[ScrubRule] = [{"pattern": pattern, "action": action} for pattern in config.blocked_values]
    stage: Scrub = {
        "kind": "scrub",
        "positions": list(POSITIONS[ctx.signal]),
        "skip": any_of([*_exactly(config.ignored_keys), *config.ignored_key_patterns]),
        "allow": None if config.allow_all_keys else exactly([*config.allowed_keys, *OWN]),
        "keep": any_of(config.allowed_values),
        "keys": keys,
        "values": values,
        "types": "all" if config.redact_all_types else "strings",
        "summary": _SUMMARIES[config.summary],
        "forms": list(forms.values()),
    }
    names = [] if config.allow_all_keys else ["not_allowed"]
    names += [f"blocked_key_patterns[{index}]" for index in range(len(keys))]
    names += [f"blocked_values[{index}]" for index in range(len(values))]
    return Fused([stage], [(ctx.id, name) for name in (*names, *forms)])


def _forms(config: RedactionConfig) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what the sanitizers are counted as, and the kernel's forms for them."""
    url, databases = config.url_sanitizer, config.db_sanitizer
    if url.enabled:
        yield "url_sanitizer", {"as": "url", "key": _listed(url.attributes), "name": url.sanitize_span_name}
    for kind, (form, systems) in _DATABASES.items():
        database: DbSystem = getattr(databases, kind)
        if database.enabled:
            key, name = _listed(database.attributes), databases.sanitize_span_name
            yield f"db_sanitizer.{kind}", {"as": form, "key": key, "systems": systems, "name": name}


def _listed(keys: list[str]) -> str:
    """Return a pattern for these keys, one that finds nothing where there are none."""
    return exactly(keys) if keys else r"[^\x00-\x{10FFFF}]"


def lint(config: RedactionConfig) -> Iterator[Lint]:
    """Yield what leaks, what is weak, and where the collector's result is another one."""
    for index in range(len(config.allowed_values)):
        if config.blocked_values or config.blocked_key_patterns:
            text = "a value in which this is found stays whole, with all that blocked_values would find in it"
            yield ("allowed_values", index), text, "allowed-value-leaks"
    for index, pattern in enumerate(config.blocked_values):
        if found(pattern, ""):
            text = "finds the empty text: only text is masked here, the collector writes **** between all characters"
            yield ("blocked_values", index), text, "collector-difference"
    if config.url_sanitizer.enabled:
        text = (
            "identifiers are told by digits and consonants, and scheme and host stay: the collector's result may differ"
        )
        yield ("url_sanitizer",), text, "collector-difference"
    if any(getattr(config.db_sanitizer, kind).enabled for kind in _DATABASES):
        text = "a list of literals becomes one ? here, the collector writes one for each"
        yield ("db_sanitizer",), text, "collector-difference"
    if config.hash_function in ("md5", "sha1", "sha3"):
        text = f"{config.hash_function} without a key can be guessed back from short values: hmac-sha256 cannot"
        yield ("hash_function",), text, "unkeyed-hash"


def _says(config: RedactionConfig) -> bool:
    """Return whether it writes summaries of what it leaves alone."""
    return _SUMMARIES[config.summary] is not None and bool(
        config.ignored_keys or config.ignored_key_patterns or config.allowed_values
    )


def _exactly(keys: list[str]) -> list[str]:
    return [exactly(keys)] if keys else []


def _action(config: RedactionConfig) -> KernelAction:
    if config.hash_function in ("", "none"):
        return redact(MASK)
    if config.hash_function in _KEY_BYTES:
        function: dict[str, Any] = {"function": config.hash_function.removeprefix("hmac-")}
        return {"do": "hmac", "key": config.key().hex(), **function}
    return {"do": "digest", "function": {"sha3": "sha3-256"}.get(config.hash_function, config.hash_function)}

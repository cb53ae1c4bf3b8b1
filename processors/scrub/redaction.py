"""The collector's `redaction` processor: its YAML, its meaning.

Not everything that it can do is expressible in the kernel's stages yet; what is not is a configuration error, never
ignored. Two differences are on the safe side: values inside arrays and maps are masked too (the collector leaves them),
and blocked values are tried in the order written (the collector's order was random before v0.160).
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, SecretStr, field_validator, model_validator

from ...kernel.contract import Scrub, ScrubRule, Stage
from ...rules.patterns import Pattern, exactly
from ..base import BuildContext, Fused
from .actions import MIN_KEY_BYTES, KernelAction, Strict, redact
from .compile import any_of

MASK = "****"
POSITIONS = ("resource", "scope", "span", "event")
_HASHES = ("", "none", "hmac-sha256")


class Sanitizer(Strict, extra="allow"):
    """`url_sanitizer` and `db_sanitizer`: accepted while they are off."""

    enabled: bool = False

    @model_validator(mode="after")
    def _off(self) -> Sanitizer:
        nested = [value for value in (self.model_extra or {}).values() if isinstance(value, dict)]
        if self.enabled or any(value.get("enabled") for value in nested):
            raise ValueError("the sanitizers are not supported yet")
        return self


class RedactionConfig(Strict):
    """The collector's keys, with its defaults: without `allow_all_keys` whatever is not allowed is deleted."""

    allow_all_keys: bool = Field(False, description="Keep every attribute; else only allowed_keys and ignored ones.")
    allowed_keys: list[str] = Field(default_factory=list, description="Attributes that are kept.")
    ignored_keys: list[str] = Field(default_factory=list, description="Attributes that are kept as they are.")
    ignored_key_patterns: list[Pattern] = Field(default_factory=list, description="The same, by pattern of the key.")
    blocked_key_patterns: list[Pattern] = Field(default_factory=list, description="Keys whose values become ****.")
    blocked_values: list[Pattern] = Field(default_factory=list, description="What becomes **** in any value.")
    allowed_values: list[Pattern] = Field(default_factory=list, description="Not supported yet.")
    redact_all_types: bool = Field(False, description="Not supported yet: only strings are looked at.")
    hash_function: str = Field("", description="hmac-sha256 in place of ****; others are not supported yet.")
    hmac_key: SecretStr | None = Field(None, description="At least 32 bytes, for hmac-sha256.")
    summary: str = Field("", description="silent; info and debug are not supported yet.")
    url_sanitizer: Sanitizer | None = None
    db_sanitizer: Sanitizer | None = None

    @field_validator("allowed_values", "redact_all_types")
    @classmethod
    def _absent(cls, value: Any) -> Any:
        if value:
            raise ValueError("not supported yet")
        return value

    @field_validator("summary")
    @classmethod
    def _silent(cls, value: str) -> str:
        if value not in ("", "silent"):
            raise ValueError(f"summary {value!r} is not supported yet: expected silent")
        return value

    @field_validator("hash_function")
    @classmethod
    def _hash(cls, value: str) -> str:
        if value.lower() not in _HASHES:
            raise ValueError(f"hash_function {value!r} is not supported yet: expected hmac-sha256 or none")
        return value.lower()

    @model_validator(mode="after")
    def _key(self) -> RedactionConfig:
        key = self.hmac_key.get_secret_value().encode() if self.hmac_key else b""
        if self.hash_function == "hmac-sha256" and len(key) < MIN_KEY_BYTES:
            raise ValueError(f"hmac_key: the key has {len(key)} bytes, expected at least {MIN_KEY_BYTES}")
        return self


def build(config: RedactionConfig, ctx: BuildContext) -> Fused:
    """Return the stages: first what is not allowed goes, then what is blocked is masked."""
    ignored = [exactly(config.ignored_keys)] if config.ignored_keys else []
    ignored += config.ignored_key_patterns
    allowed = [exactly(config.allowed_keys)] if config.allowed_keys else []
    stages: list[Stage] = []
    names: list[str] = []
    if not config.allow_all_keys:
        stages.append(_stage(any_of(ignored + allowed), [{"pattern": "", "action": {"do": "drop"}}], []))
        names.append("not_allowed")
    keys, values = _blocked(config)
    if keys or values:
        stages.append(_stage(any_of(ignored), keys, values))
        names += [f"blocked_key_patterns[{index}]" for index in range(len(keys))]
        names += [f"blocked_values[{index}]" for index in range(len(values))]
    return Fused(stages, [(ctx.id, name) for name in names])


def _blocked(config: RedactionConfig) -> tuple[list[ScrubRule], list[ScrubRule]]:
    value: KernelAction = redact(MASK)
    key: KernelAction = {"do": "lines", "text": MASK}
    if config.hash_function == "hmac-sha256" and config.hmac_key is not None:
        secret = config.hmac_key.get_secret_value().encode()
        key = value = {"do": "hmac", "key": secret.hex(), "length": 64, "prefix": ""}
    keys: list[ScrubRule] = [{"pattern": pattern, "action": key} for pattern in config.blocked_key_patterns]
    values: list[ScrubRule] = [{"pattern": pattern, "action": value} for pattern in config.blocked_values]
    return keys, values


def _stage(skip: str | None, keys: list[ScrubRule], values: list[ScrubRule]) -> Scrub:
    return {"kind": "scrub", "positions": list(POSITIONS), "skip": skip, "keys": keys, "values": values}

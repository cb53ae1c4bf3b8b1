"""What becomes of what a rule finds: `redact`, `mask`, `hmac` or `drop`, as configured and as the kernel wants it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

KernelAction = dict[str, Any]
"""An ACTION of `docs/kernel.md`."""

MIN_KEY_BYTES = 32
_FIELDS = {
    "redact": ("text",),
    "mask": ("keep_last", "keep_first", "char"),
    "hmac": ("length", "prefix"),
    "drop": (),
    "token": (),
    "truncate": ("keep",),
    "network": ("ipv4_prefix", "ipv6_prefix"),
    "tag": (),
    "drop_span": (),
}


def redact(text: str) -> KernelAction:
    """Replace by `text`."""
    return {"do": "redact", "text": text}


def mask(keep_last: int = 0, keep_first: int = 0, char: str = "*") -> KernelAction:
    """Replace letters and digits but the first and last few; separators stay."""
    return {"do": "mask", "keep_last": keep_last, "keep_first": keep_first, "char": char}


class Strict(BaseModel):
    """A part of the configuration: unknown keys are errors, and no error shows a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class HmacKey(Strict):
    """A key: exactly one of `key`, `key_file`, `key_env`; at least 32 bytes."""

    key: SecretStr | None = Field(None, description="The key itself (its UTF-8 bytes).")
    key_file: str | None = Field(None, description="A file that holds the key; a line end at its end is no part of it.")
    key_env: str | None = Field(None, description="The environment variable that holds the key.")
    id: Annotated[str, Field(pattern="^[A-Za-z0-9_.-]+$")] | None = Field(
        None, description="What is written before the digits, with a colon, so that one knows the key."
    )

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        given = [name for name in ("key", "key_file", "key_env") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("hmac needs exactly one of key, key_file and key_env")
        if self.key is not None:
            _long_enough(self.key.get_secret_value().encode(), "key")
        return self

    def read(self, env: Mapping[str, str] = os.environ) -> bytes:
        """Return the key. Raises ValueError (without the key) when it cannot be read or is too short."""
        if self.key is not None:
            return self.key.get_secret_value().encode()
        if self.key_env is not None:
            if self.key_env not in env:
                raise ValueError(f"hmac.key_env: the environment has no {self.key_env}")
            return _long_enough(env[self.key_env].encode(), "key_env")
        path = Path(str(self.key_file))
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ValueError(f"hmac.key_file: {path} cannot be read: {error.strerror}") from None
        return _long_enough(data.rstrip(b"\r\n"), "key_file")

    def prefix(self) -> str:
        """Return what stands before the digits that are made with this key."""
        return f"{self.id}:" if self.id else ""


class HmacConfig(HmacKey):
    """The key of the actions `hmac` and `token`; `previous`: the one before, while keys change."""

    length: Annotated[int, Field(ge=1, le=64)] = Field(16, description="Hex digits that are written.")
    previous: HmacKey | None = Field(None, description="Another key, whose digits are written too: `new:...,old:...`.")

    @model_validator(mode="after")
    def _told_apart(self) -> HmacConfig:
        if self.previous is not None and (not self.id or not self.previous.id or self.id == self.previous.id):
            raise ValueError("two keys need an id each, and not the same one")
        return self


def _long_enough(key: bytes, where: str) -> bytes:
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"hmac.{where}: the key has {len(key)} bytes, expected at least {MIN_KEY_BYTES}")
    return key


ActionName = Literal["redact", "mask", "hmac", "token", "truncate", "network", "drop", "drop_span", "tag"]


class ActionFields(Strict):
    """The keys that say what a rule does; a rule without any of them does what it does by default."""

    action: ActionName | None = Field(None, description="What becomes of a match.")
    text: str | None = Field(None, description="redact: the replacement.")
    keep_last: Annotated[int, Field(ge=0)] | None = Field(None, description="mask: characters kept at the end.")
    keep_first: Annotated[int, Field(ge=0)] | None = Field(None, description="mask: those kept at the start.")
    char: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        None, description="mask: what hides the others."
    )
    length: Annotated[int, Field(ge=1, le=64)] | None = Field(None, description="hmac: hex digits that are written.")
    prefix: str | None = Field(None, description="hmac: what stands before the digits.")
    keep: Annotated[int, Field(ge=0)] | None = Field(None, description="truncate: characters kept at the start.")
    ipv4_prefix: Annotated[int, Field(ge=0, le=32)] | None = Field(
        None, description="network: bits of an IPv4 address that stay; default 24."
    )
    ipv6_prefix: Annotated[int, Field(ge=0, le=128)] | None = Field(
        None, description="network: bits of an IPv6 address that stay; default 48."
    )

    def marker(self) -> str:
        """Return what a redaction leaves when no `text` is given."""
        return "[REDACTED]"

    def default(self) -> KernelAction:
        """Return what the rule does by default."""
        return redact(self.marker())

    def does(self) -> str:
        """Return the action's name."""
        return self.action or str(self.default()["do"])

    @model_validator(mode="after")
    def _parameters_belong(self) -> Self:
        if self.does() == "truncate" and self.keep is None:
            raise ValueError("truncate needs keep: how many characters stay")
        for parameter in self._given():
            if parameter not in _FIELDS[self.does()]:
                owner = next(action for action, fields in _FIELDS.items() if parameter in fields)
                raise ValueError(f"{parameter} belongs to the action {owner}, not to {self.does()}")
        return self

    def _given(self) -> dict[str, Any]:
        names = [name for fields in _FIELDS.values() for name in fields]
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def kernel_action(self, hmac: KernelAction | None, rule: str) -> KernelAction:
        """Return the kernel's action: the keys given, over the default; `hmac` is that action with its key.

        `rule`: what the rule is called where it only says what it has found.
        """
        default, name, given = self.default(), self.does(), self._given()
        if name == "tag":
            return {"do": "tag", "as": rule}
        if name == "network":
            return {"do": "network", "v4": given.get("ipv4_prefix", 24), "v6": given.get("ipv6_prefix", 48)}
        if name == "truncate":
            return {"do": "truncate", "keep": given["keep"]}
        if name == "token":
            return {"do": "token", "key": (hmac or {}).get("key")}
        if name == "hmac":
            base = default if default["do"] == "hmac" else hmac or {}
            return {**base, **given, "prefix": given.get("prefix", "") + base.get("prefix", "")}
        fresh = {"redact": redact(self.marker()), "mask": mask()}
        return {**(default if name == default["do"] else fresh.get(name, {"do": name})), **given}

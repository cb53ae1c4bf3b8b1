"""The configuration of `scrub`: which detectors, which keys, and what becomes of what they find."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ...rules.patterns import Pattern, group_names
from ...rules.suggest import did_you_mean
from .actions import ActionFields, HmacConfig, KernelAction, Strict
from .detectors import BY_NAME, COUNTRIES, NATIONAL, PACKS
from .positions import ATTRIBUTE_KEY, ATTRIBUTES, POSITIONS
from .texts import Statements, Urls
from .validators import VALIDATORS

TAG_KEY = "tailgate.scrub.found"


def one_of(kind: str, names: Iterable[str]) -> tuple[Any, Any]:
    """Return what makes a string field accept these names only, with a did-you-mean for any other."""
    allowed = tuple(names)

    def known(value: str) -> str:
        if value in allowed:
            return value
        expected = f"expected one of {', '.join(allowed)}{did_you_mean(value, allowed)}"
        raise ValueError(f"unknown {kind} {value!r}, {expected}")

    return AfterValidator(known), WithJsonSchema({"type": "string", "enum": list(allowed)})


DetectorName = Annotated[str, *one_of("detector", BY_NAME)]
PackName = Annotated[str, *one_of("pack", (*PACKS, NATIONAL))]
CountryName = Annotated[str, *one_of("country", COUNTRIES)]
PositionName = Annotated[str, *one_of("position", (*POSITIONS, ATTRIBUTE_KEY))]
CheckName = Annotated[str, *one_of("check", VALIDATORS)]


class DetectorConfig(ActionFields):
    """A shipped detector with another action, or switched off."""

    name: DetectorName = Field(description="The detector's name, see docs/scrubbing.md.")
    enabled: bool = True
    private: bool = Field(False, description="ipv4, ipv6: whether private, loopback and link-local addresses go too.")
    skip_keys: list[Pattern] | None = Field(
        None,
        description="Attributes whose key matches are left alone by this one; default: the detector's own list.",
    )

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_private(self) -> DetectorConfig:
        if self.private and not BY_NAME[self.name].private:
            raise ValueError(f"private is for ipv4 and ipv6, not for {self.name}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema of a name, or of the mapping."""
        return {"anyOf": [{"type": "string", "enum": list(BY_NAME)}, handler(schema)]}

    def default(self) -> KernelAction:
        """Return the detector's own action."""
        return BY_NAME[self.name].action

    def marker(self) -> str:
        """Return the detector's name, as in `[PAYMENT_CARD]`."""
        return f"[{self.name.upper()}]"


ContextWord = Annotated[str, Field(min_length=1, pattern=r"^[^\s].*$")]


class PatternConfig(ActionFields):
    """A detector of one's own."""

    name: Annotated[str, Field(min_length=1)] = Field(description="What the matches are counted and redacted as.")
    pattern: Pattern = Field(description="RE2; found anywhere in a string.")
    group: Annotated[int, Field(ge=0)] = Field(0, description="The capturing group that is replaced; 0: all.")
    check: CheckName | None = Field(None, description="A validator that the group's text must pass.")
    context: list[ContextWord] = Field(
        default_factory=list,
        description="Words of which one must stand near; a blank stands for any joint: nhs number, nhs_number.",
    )
    within: Annotated[int, Field(ge=1, le=1000)] = Field(50, description="context: at most so many bytes away.")
    skip_keys: list[Pattern] = Field(
        default_factory=list, description="Attributes whose key matches are left alone by this one."
    )

    def marker(self) -> str:
        """Return the pattern's name, as in `[EMPLOYEE_ID]`."""
        return f"[{self.name.upper()}]"

    @model_validator(mode="after")
    def _has_group(self) -> PatternConfig:
        groups = len(group_names(self.pattern))
        if self.group > groups:
            raise ValueError(f"group {self.group}: the pattern has {groups} capturing groups")
        return self


class KeyConfig(ActionFields):
    """A rule for whole values by the key of their attribute."""

    name: str | None = Field(None, description="What it is counted as; default: the pattern.")
    pattern: Pattern = Field(description="RE2; found anywhere in the key of an attribute or of a nested map.")


class LimitsConfig(Strict):
    """`limits`: what is taken through the rules at most."""

    value_bytes: Annotated[int, Field(ge=1)] = Field(1 << 20, description="Of one string.")
    depth: Annotated[int, Field(ge=0)] = Field(24, description="Arrays and maps inside one another.")


class ScrubConfig(Strict):
    """Replace personal data and secrets in every string of a record, its scope and its resource."""

    packs: list[PackName] = Field(
        default_factory=lambda: list(PACKS), description=f"Groups of detectors; default: all but {NATIONAL}."
    )
    countries: list[CountryName] = Field(
        default_factory=list, description=f"Whose numbers the pack {NATIONAL} finds; none: everybody's."
    )
    detectors: list[DetectorConfig] = Field(
        default_factory=list,
        description="More detectors, by name; as a mapping with another action, or with `enabled: false`.",
    )
    patterns: list[PatternConfig] = Field(default_factory=list, description="Detectors of one's own; they go first.")
    keys: list[KeyConfig] = Field(default_factory=list, description="Rules by key; they go before the shipped ones.")
    default_keys: bool = Field(True, description="Whether the shipped deny-list of keys (password, ...) applies.")
    skip_keys: list[Pattern] = Field(
        default_factory=list, description="Attributes whose key matches are left alone, with all that is in them."
    )
    allow_keys: list[Annotated[str, Field(min_length=1)]] | None = Field(
        None, description="Attributes with other keys are removed; `*` stands for any characters."
    )
    positions: list[PositionName] = Field(
        default_factory=lambda: list(POSITIONS),
        min_length=1,
        description="Where to look; default: everywhere but `attribute_key`.",
    )
    numbers: bool = Field(False, description="Whether the detectors also look at numbers, which then become strings.")
    statements: Statements | bool = Field(False, description="Statements to databases without the values in them.")
    urls: Urls | bool = Field(False, description="URLs without user-info, values of parameters, identifiers in paths.")
    on_error: Literal["redact", "drop"] = Field(
        "redact", description="What cannot be scrubbed: that value goes, or the whole span."
    )
    limits: LimitsConfig = Field(default_factory=LimitsConfig, description="What is larger cannot be scrubbed.")
    tag_key: Annotated[str, Field(min_length=1)] = Field(
        TAG_KEY, description="The attribute that names what rules with the action tag have found."
    )
    summary: Literal["counts", "keys"] | None = Field(
        None, description="Attributes that count what was done to attributes (`redaction.masked.count`), or name it."
    )
    hmac: HmacConfig | None = Field(None, description="The key of the actions hmac and token.")

    @model_validator(mode="after")
    def _names(self) -> ScrubConfig:
        _unique("detector", (one.name for one in self.detectors))
        _unique("pattern", (one.name for one in self.patterns))
        _unique("key rule", (one.name or one.pattern for one in self.keys))
        for one in self.patterns:
            if one.name in BY_NAME:
                raise ValueError(f"pattern {one.name!r} has the name of a shipped detector")
        if ATTRIBUTE_KEY in self.positions and not set(ATTRIBUTES) & set(self.positions):
            raise ValueError(f"{ATTRIBUTE_KEY} says nothing alone: expected one of {', '.join(ATTRIBUTES)} beside it")
        for rule in (*self.detectors, *self.patterns, *self.keys):
            if self.hmac is None and rule.does() in ("hmac", "token"):
                raise ValueError(f"the action {rule.does()} needs a key: hmac: {{key_file: ...}}")
        return self


def _unique(kind: str, names: Iterable[str]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{kind} {name!r} stands twice")
        seen.add(name)

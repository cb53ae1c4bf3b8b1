"""From the configuration of `scrub` to the kernel's stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...kernel.contract import Scrub, ScrubRule
from ..base import BuildContext, Fused
from .actions import KernelAction, redact
from .config import POSITIONS, DetectorConfig, PatternConfig, ScrubConfig
from .detector import NATIONAL, Detector, Near, Rule
from .detectors import DETECTORS
from .names import NAMES, about, key_pattern
from .validators import VALIDATORS

Named = tuple[str, ScrubRule]
"""What a rule is counted as, and the rule."""


def build(config: ScrubConfig, ctx: BuildContext) -> Fused:
    """Return the stage. Raises ValueError when the key of `hmac` cannot be read."""
    hmac = _hmac(config)
    keys, values = list(_keys(config, hmac)), list(_values(config, hmac))
    if not keys and not values:
        return Fused([])
    stage: Scrub = {
        "kind": "scrub",
        "positions": list(config.positions),
        "skip": any_of(config.skip_keys),
        "keys": [rule for _, rule in keys],
        "values": [rule for _, rule in values],
    }
    return Fused([stage], [(ctx.id, name) for name, _ in (*keys, *values)])


def plan(config: ScrubConfig) -> Iterator[str]:
    """Yield what it does in sentences."""
    everywhere = set(config.positions) == set(POSITIONS)
    where = "in every string" if everywhere else f"in {', '.join(config.positions)}"
    yield f"replaces personal data and secrets {where}:"
    if config.packs:
        yield f"  what the detectors of {', '.join(config.packs)} find"
    for own in config.patterns:
        yield f"  {own.name}: {own.does()}"
    for detector in config.detectors:
        if detector.enabled:
            yield f"  {detector.name}: {detector.does()}"
    for one in _chosen(config):
        for pattern in one.skip_keys or ():
            yield f"  {one.name} leaves attributes alone whose key matches {pattern}"
    off = [detector.name for detector in config.detectors if not detector.enabled]
    if off:
        yield f"  but not {', '.join(off)}"
    for key in config.keys:
        yield f"  whole values whose key matches {key.pattern}: {key.does()}"
    if config.default_keys:
        yield "  whole values whose key says that they are secret (password, token, ...)"
    for pattern in config.skip_keys:
        yield f"  attributes whose key matches {pattern} are left alone"


def any_of(patterns: Sequence[str]) -> str | None:
    """Return one pattern for several, None for none."""
    return "|".join(f"(?:{pattern})" for pattern in patterns) or None


def _chosen(config: ScrubConfig) -> list[PatternConfig | DetectorConfig]:
    return [*config.patterns, *config.detectors]


def _hmac(config: ScrubConfig) -> KernelAction | None:
    if config.hmac is None:
        return None
    hmac, previous = config.hmac, config.hmac.previous
    action = {"do": "hmac", "key": hmac.read().hex(), "length": hmac.length, "prefix": hmac.prefix()}
    if previous is not None:
        action["also"] = {"key": previous.read().hex(), "prefix": previous.prefix()}
    return action


def _keys(config: ScrubConfig, hmac: KernelAction | None) -> Iterator[Named]:
    for one in config.keys:
        yield f"key:{one.name or one.pattern}", {"pattern": one.pattern, "action": one.kernel_action(hmac)}
    for name in NAMES if config.default_keys else ():
        yield f"key:{name.kind}", {"pattern": key_pattern(name), "action": redact(f"[{name.kind.upper()}]")}


def _values(config: ScrubConfig, hmac: KernelAction | None) -> Iterator[Named]:
    for own in config.patterns:
        near = Near(about(*own.context), own.within) if own.context else None
        rule = Rule(own.pattern, own.group, None if own.check is None else VALIDATORS[own.check], near=near)
        yield own.name, _kernel_rule(rule, own.kernel_action(hmac), own.skip_keys)
    tuned = {one.name: one for one in config.detectors}
    for detector in DETECTORS:
        one = tuned.get(detector.name)
        if one is None and _is_on(detector, config):
            yield from _rules(detector, detector.rules, detector.action, detector.skip_keys)
        elif one is not None and one.enabled:
            skipped = detector.skip_keys if one.skip_keys is None else one.skip_keys
            yield from _rules(
                detector, detector.private if one.private else detector.rules, one.kernel_action(hmac), skipped
            )


def _is_on(detector: Detector, config: ScrubConfig) -> bool:
    return detector.pack in config.packs and (detector.pack != NATIONAL or detector.name[:2] in config.countries)


def _rules(detector: Detector, rules: Sequence[Rule], action: KernelAction, skipped: Sequence[str]) -> Iterator[Named]:
    for rule in rules:
        name = ".".join(filter(None, (detector.name, rule.variant)))
        yield name, _kernel_rule(rule, action, skipped)


def _kernel_rule(rule: Rule, action: KernelAction, skipped: Sequence[str]) -> ScrubRule:
    near = None if rule.near is None else {"pattern": rule.near.pattern, "within": rule.near.within}
    return {
        "pattern": rule.pattern,
        "group": rule.group,
        "check": rule.check,
        "near": near,
        "skip": any_of(skipped),
        "action": action,
    }

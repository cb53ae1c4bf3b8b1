"""From the configuration of `scrub` to the kernel's stage."""

from __future__ import annotations

from collections.abc import Iterator

from ...kernel.contract import Scrub, ScrubRule, Stage
from ..base import BuildContext, Fused
from .actions import KernelAction, redact
from .config import POSITIONS, DetectorConfig, PatternConfig, ScrubConfig
from .detector import Detector
from .detectors import DETECTORS
from .names import NAMES, key_pattern

Named = tuple[str, ScrubRule]
"""What a rule is counted as, and the rule."""


def build(config: ScrubConfig, ctx: BuildContext) -> Fused:
    """Return the stage. Raises ValueError when the key of `hmac` cannot be read."""
    hmac = _hmac(config)
    keys, groups = list(_keys(config, hmac)), _grouped(config, hmac)
    if not keys and not any(groups.values()):
        return Fused([])
    stages: list[Stage] = []
    names = []
    for skipped, values in groups.items():
        rules = [] if stages else keys
        stage: Scrub = {
            "kind": "scrub",
            "positions": list(config.positions),
            "skip": any_of([*config.skip_keys, *skipped]),
            "keys": [rule for _, rule in rules],
            "values": [rule for _, rule in values],
        }
        stages.append(stage)
        names += [(ctx.id, name) for name, _ in (*rules, *values)]
    return Fused(stages, names)


def _grouped(config: ScrubConfig, hmac: KernelAction | None) -> dict[tuple[str, ...], list[Named]]:
    """Return the rules for values by the keys that they skip, those that skip none first: each group is a stage."""
    skipped = {one.name: tuple(one.skip_keys) for one in _chosen(config)}
    groups: dict[tuple[str, ...], list[Named]] = {(): []}
    for name, rule in _values(config, hmac):
        groups.setdefault(skipped.get(name, skipped.get(name.partition(".")[0], ())), []).append((name, rule))
    return groups


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
        for pattern in one.skip_keys:
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


def any_of(patterns: list[str]) -> str | None:
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
        action = own.kernel_action(hmac)
        yield own.name, {"pattern": own.pattern, "group": own.group, "check": own.check, "action": action}
    tuned = {one.name: one for one in config.detectors}
    for detector in DETECTORS:
        one = tuned.get(detector.name)
        if one is None and detector.pack in config.packs:
            yield from _rules(detector, detector.action)
        elif one is not None and one.enabled:
            yield from _rules(detector, one.kernel_action(hmac))


def _rules(detector: Detector, action: KernelAction) -> Iterator[Named]:
    for rule in detector.rules:
        name = ".".join(filter(None, (detector.name, rule.variant)))
        yield name, {"pattern": rule.pattern, "group": rule.group, "check": rule.check, "action": action}

"""From the configuration of `scrub` to the kernel's stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...kernel.contract import Signal
from ...kernel.stages import POSITIONS as BY_SIGNAL
from ...kernel.stages import Scrub, ScrubRule
from ..base import BuildContext, Failure, Fused
from .actions import KernelAction, redact
from .config import DetectorConfig, PatternConfig, ScrubConfig
from .detector import NATIONAL, Detector, Near, Rule
from .detectors import DETECTORS
from .names import NAMES, about, key_pattern
from .positions import ATTRIBUTE_KEY, POSITIONS, positions_in
from .texts import Form, forms, globs, parameters, statements_of, urls_of
from .validators import VALIDATORS

Named = tuple[str, ScrubRule]
"""What a rule is counted as, and the rule."""
FAILURES = (Failure("value_too_large"), Failure("too_deep"), Failure("unchecked"))
"""As the kernel counts them behind the rules of a stage with `limits`."""
UNSCRUBBED = "[NOT_SCRUBBED]"
"""What stands for what could not be scrubbed."""
OWN = ("redaction.*", "tailgate.scrub.*")
"""What it writes itself passes an allow-list."""


def build(config: ScrubConfig, ctx: BuildContext) -> Fused:
    """Return the stages. Raises ValueError when the key of `hmac` cannot be read."""
    hmac = _hmac(config)
    keys, values, texts = list(_keys(config, hmac)), list(_values(config, hmac)), dict(_forms(config))
    if not keys and not values and not texts and config.allow_keys is None:
        return Fused([])
    stage = _stage(config, ctx.signal, keys, values, list(texts.values()))
    names = ["not_allowed"] if stage.get("allow") is not None else []
    names += [name for name, _ in (*keys, *values)] + list(texts)
    lets_go = any(rule["action"]["do"] == "drop_span" for rule in (*stage["keys"], *stage["values"]))
    reasons = [f"{ctx.id}:drop_span"] if lets_go else []
    reasons += [f"{ctx.id}:on_error"] if config.on_error == "drop" else []
    return Fused([stage], [(ctx.id, name) for name in (*names, *FAILURES)], reasons)


def _stage(config: ScrubConfig, signal: Signal, keys: list[Named], values: list[Named], texts: list[Form]) -> Scrub:
    stage: Scrub = {
        "kind": "scrub",
        "positions": positions_in(signal, config.positions),
        "skip": any_of(config.skip_keys),
        "keys": [rule for _, rule in keys],
        "values": [rule for _, rule in values],
        "types": "numbers" if config.numbers else None,
        "tag": config.tag_key,
        "summary": config.summary,
        "limits": {
            "size": config.limits.value_bytes,
            "depth": config.limits.depth,
            "do": config.on_error,
            "text": UNSCRUBBED,
        },
    }
    if config.allow_keys is not None:
        stage["allow"] = globs([*config.allow_keys, *OWN, config.tag_key])
    if texts:
        # Before the detectors: what one of them takes out may be a quote, and what follows would not be a string then.
        stage["forms"], stage["forms_first"] = texts, True
    return stage


def _forms(config: ScrubConfig) -> Iterator[tuple[str, Form]]:
    yield from forms(statements_of(config.statements), urls_of(config.urls), "span_name" in config.positions)


def unfit(config: ScrubConfig, signal: Signal) -> str | None:
    """Say that a signal has none of the positions that are looked at."""
    if positions_in(signal, config.positions):
        return None
    expected = f"expected some of {', '.join(BY_SIGNAL[signal])}"
    return f"looks at none of the positions that {signal} have: {', '.join(config.positions)}; {expected}"


def plan(config: ScrubConfig) -> Iterator[str]:
    """Yield what it does in sentences."""
    everywhere = set(config.positions) >= set(POSITIONS)
    where = "in every string" if everywhere else f"in {', '.join(config.positions)}"
    where += " and in the keys of attributes" if everywhere and ATTRIBUTE_KEY in config.positions else ""
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
    yield from _plan_more(config)


def _plan_more(config: ScrubConfig) -> Iterator[str]:
    if config.allow_keys is not None:
        yield f"  attributes are removed whose key is not one of {', '.join(config.allow_keys)}"
    if statements_of(config.statements):
        yield "  values in statements to databases"
    if urls := urls_of(config.urls):
        path = ", identifiers in their paths" if urls.path else ""
        yield f"  in URLs user-info, values of parameters{path}"
    if config.numbers:
        yield "  numbers are looked at as well"
    size = f"{config.limits.value_bytes} bytes or {config.limits.depth} levels"
    what = "the whole span is dropped" if config.on_error == "drop" else f"the value becomes {UNSCRUBBED}"
    yield f"  what is larger than {size} cannot be scrubbed: {what}"


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
    yield from parameters(statements_of(config.statements))
    for one in config.keys:
        name = f"key:{one.name or one.pattern}"
        yield name, {"pattern": one.pattern, "action": one.kernel_action(hmac, name)}
    for secret in NAMES if config.default_keys else ():
        yield f"key:{secret.kind}", {"pattern": key_pattern(secret), "action": redact(f"[{secret.kind.upper()}]")}


def _values(config: ScrubConfig, hmac: KernelAction | None) -> Iterator[Named]:
    for own in config.patterns:
        near = Near(about(*own.context), own.within) if own.context else None
        rule = Rule(own.pattern, own.group, None if own.check is None else VALIDATORS[own.check], near=near)
        yield own.name, _kernel_rule(rule, own.kernel_action(hmac, own.name), own.skip_keys)
    tuned = {one.name: one for one in config.detectors}
    for detector in DETECTORS:
        one = tuned.get(detector.name)
        if one is None and _is_on(detector, config):
            yield from _rules(detector, detector.rules, detector.action, detector.skip_keys)
        elif one is not None and one.enabled:
            skipped = detector.skip_keys if one.skip_keys is None else one.skip_keys
            rules = detector.private if one.private else detector.rules
            yield from _rules(detector, rules, one.kernel_action(hmac, one.name), skipped)


def _is_on(detector: Detector, config: ScrubConfig) -> bool:
    if detector.pack == NATIONAL and config.countries and detector.name[:2] not in config.countries:
        return False
    return detector.pack in config.packs


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

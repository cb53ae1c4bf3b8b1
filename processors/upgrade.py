"""What new rules still have to do to spans that were held under earlier ones.

Held spans are what the stages before the sampler made of them. When the rules change, the scrubbing that they have not
been through is applied to them, and nothing else: enrichment is not redone, and what our own rules put in a value's
place is not scrubbed again where that is certain. Where it is not certain, it is: a hash of a hash is a nuisance, a
secret that leaves is not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..kernel.contract import Stage

Counter = tuple[str, str]
"""What a scrub rule is counted as: (processor id, rule name)."""
Rule = dict[str, Any]

ATTRIBUTES = frozenset({"resource", "scope", "span", "event", "link", "log", "body"})
"""Positions that are attributes; `skip` is about those."""
ATTRIBUTE_KEY = "attribute_key"
_COMPLETE = frozenset({"redact", "lines", "hmac", "token", "drop"})
"""Actions that leave nothing of what they replace; `mask` does."""


@dataclass(frozen=True)
class Scrubbed:
    """A scrub stage that spans have been through before they were held."""

    stage: Stage = field(repr=False)
    """It may have a key in it, so it is not shown."""
    counters: tuple[Counter, ...]
    """As the kernel counts: what `allow` removed, `keys`, `values`, forms, what was over limits."""
    after: frozenset[str] = frozenset()
    """The other stages that stand between it and the place where spans are held: what they write it has not seen."""

    def skipped(self, position: str, new: Scrubbed) -> str | None:
        """Return the pattern of attributes that it has left alone there and `new` may not; None: of none."""
        return None if self.stage["skip"] == new.stage["skip"] or position not in ATTRIBUTES else self.stage["skip"]

    def rules(self) -> Iterator[tuple[str, int, Rule, Counter]]:
        """Yield its rules in order, each with its kind, its place among those and what it is counted as."""
        listed = [(kind, at, rule) for kind in ("keys", "values") for at, rule in enumerate(self.stage[kind])]
        first = _allows(self.stage)
        for (kind, at, rule), counter in zip(listed, self.counters[first : first + len(listed)], strict=True):
            yield kind, at, rule, counter

    def forms(self) -> list[tuple[Rule, Counter]]:
        """Return the forms of known texts, each with what it is counted as."""
        first, found = _allows(self.stage) + len(self.stage["keys"]) + len(self.stage["values"]), _forms(self.stage)
        return list(zip(found, self.counters[first : first + len(found)], strict=True))

    @property
    def failures(self) -> tuple[Counter, ...]:
        """Return what it counts where something is over a limit."""
        return self.counters[len(self.counters) - _failures(self.stage) :]


def scrubbing(stages: Sequence[Stage], counters: Sequence[Counter]) -> list[Scrubbed]:
    """Return the scrub stages among these; `counters` has one entry for each of their rules."""
    out, left = [], list(counters)
    for at, stage in enumerate(stages):
        if stage["kind"] == "scrub":
            count = _allows(stage) + len(stage["keys"]) + len(stage["values"]) + len(_forms(stage)) + _failures(stage)
            own, left = left[:count], left[count:]
            others = (json.dumps(one, sort_keys=True) for one in stages[at + 1 :] if one["kind"] != "scrub")
            out.append(Scrubbed(stage, tuple(own), frozenset(others)))
    return out


def _allows(stage: Stage) -> int:
    return int(stage.get("allow") is not None)


def _forms(stage: Stage) -> list[Rule]:
    return stage.get("forms") or []


def _failures(stage: Stage) -> int:
    return 0 if stage.get("limits") is None else 3


def missing(before: Sequence[Scrubbed], now: Sequence[Scrubbed]) -> tuple[list[Stage], list[Counter]]:
    """Return the stages that spans need which have been through `before` and should have been through `now`."""
    stages: list[Stage] = []
    counters: list[Counter] = []
    for new in now:
        _add_texts(before, new, stages, counters)
        for place, rules in _left(before, new).items():
            keys = [(rule, counter) for kind, rule, counter in rules if kind == "keys"]
            values = [(rule, counter) for kind, rule, counter in rules if kind == "values"]
            stages.append(
                {
                    **_alike(new.stage),
                    "positions": list(place.positions),
                    "skip": _any_of([new.stage["skip"], *_replaced(before, new, place.positions)]),
                    "only": new.stage.get("only") or place.only,
                    "keys": [_staying(rule) for rule, _ in keys],
                    "values": [_staying(rule) for rule, _ in values],
                }
            )
            counters += [*(counter for _, counter in (*keys, *values)), *new.failures]
    return stages, counters


def _alike(stage: Stage) -> dict[str, Any]:
    """Return what a stage for some of the rules has from the stage with all of them; it lets no spans go."""
    more = {name: stage[name] for name in ("types", "keep", "tag", "limits") if stage.get(name) is not None}
    if "limits" in more:
        more["limits"] = {**more["limits"], "do": "redact"}
    return {"kind": "scrub", **more}


def _staying(rule: Rule) -> Rule:
    """Return the rule for spans that are held and so cannot go: what holds a match goes instead."""
    return {**rule, "action": {"do": "drop"}} if rule["action"]["do"] == "drop_span" else rule


def _add_texts(before: Sequence[Scrubbed], new: Scrubbed, stages: list[Stage], counters: list[Counter]) -> None:
    """Add a stage for known texts and keys that are not allowed, as far as what is held has not been through that."""
    alike = [
        old
        for old in before
        if old.after <= new.after
        and set(new.stage["positions"]) <= set(old.stage["positions"])
        and old.stage["skip"] in (None, new.stage["skip"])
    ]
    forms = [(form, counter) for form, counter in new.forms() if not any(form in _forms(old.stage) for old in alike)]
    allow = new.stage.get("allow")
    if any(old.stage.get("allow") == allow for old in alike):
        allow = None
    if not forms and allow is None:
        return
    one = {"positions": new.stage["positions"], "skip": new.stage["skip"], "keys": [], "values": []}
    stages.append({**_alike(new.stage), **one, "allow": allow, "forms": [form for form, _ in forms]})
    counters += [*(new.counters[:1] if allow is not None else ()), *(counter for _, counter in forms), *new.failures]


class _Place(NamedTuple):
    """Where rules are still to be applied."""

    positions: tuple[str, ...]
    only: str | None
    """In these attributes of the positions: they were skipped before."""


def _left(before: Sequence[Scrubbed], new: Scrubbed) -> dict[_Place, list[tuple[str, Rule, Counter]]]:
    """Return the rules of a stage that are still to be applied, by where."""
    out: dict[_Place, list[tuple[str, Rule, Counter]]] = {}
    for kind, at, rule, counter in new.rules():
        applied = [old for old in before if _has_applied(old, new, kind, at, rule)]
        found: dict[str | None, list[str]] = {}
        for position in new.stage["positions"]:
            skipped = [old.skipped(position, new) for old in applied if position in old.stage["positions"]]
            if None not in skipped:  # no stage has taken all that stands there through the rule
                found.setdefault(skipped[0] if skipped else None, []).append(position)
        for only, positions in found.items():
            if ATTRIBUTE_KEY in positions:  # which says nothing alone
                positions = [one for one in new.stage["positions"] if one in positions or one in ATTRIBUTES]
            out.setdefault(_Place(tuple(positions), only), []).append((kind, rule, counter))
    return out


def _has_applied(old: Scrubbed, new: Scrubbed, kind: str, at: int, rule: Rule) -> bool:
    """Say whether everything that a rule of `new` can find, and `old` did not skip, has been taken through it."""
    if rule not in old.stage[kind] or not old.after <= new.after or old.stage.get("only") is not None:
        return False
    if any(old.stage.get(name) != new.stage.get(name) for name in ("types", "keep")):
        return False
    # A value that an earlier rule by key took has not been seen by this one. That is as it should be where the same
    # rule still takes it first, or where nothing of the value is left.
    first = old.stage["keys"][: old.stage["keys"].index(rule)] if kind == "keys" else old.stage["keys"]
    still = new.stage["keys"][:at] if kind == "keys" else new.stage["keys"]
    return all(_is_complete(one) or one in still or _is_tag(one) for one in first)


def _replaced(before: Sequence[Scrubbed], new: Scrubbed, positions: Iterable[str]) -> list[str]:
    """Return patterns of keys whose whole values are ours in these positions: nothing is left there to scrub."""
    patterns: list[str] = []
    for old in before if ATTRIBUTE_KEY not in positions else ():
        if old.after or old.stage["skip"] not in (None, new.stage["skip"]) or old.stage.get("only") is not None:
            continue
        if not set(positions) <= set(old.stage["positions"]):
            continue
        for rule in old.stage["keys"]:
            if not _is_complete(rule) and not _is_tag(rule):
                break
            if not _is_tag(rule):
                patterns.append(rule["pattern"])
    return patterns


def _is_complete(rule: Rule) -> bool:
    return rule["action"]["do"] in _COMPLETE


def _is_tag(rule: Rule) -> bool:
    return bool(rule["action"]["do"] == "tag")


def _any_of(patterns: Iterable[str | None]) -> str | None:
    known = dict.fromkeys(pattern for pattern in patterns if pattern is not None)
    return "|".join(f"(?:{pattern})" for pattern in known) or None

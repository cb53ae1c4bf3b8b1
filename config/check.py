"""Validates a tree against a pydantic model and says where in the file each error stands."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from .errors import Problem
from .fields import Step, is_secret, keys_of, known_keys, meaning
from .messages import SHAPES, WANTED, describe, found
from .tree import Node, Place, plain

M = TypeVar("M", bound=BaseModel)

MAX_WAYS = 256
"""Readings of one location that are compared; the most literal ones come first."""


def check(model: type[M], node: Node, problems: list[Problem]) -> M | None:
    """Return the validated instance, or None after adding what is wrong to `problems`.

    Two repairs come before an error, both the collector's: where text is wanted, a variable's text is taken as it
    stands; and a key without a value is as if it were not written (an empty section is an empty mapping).
    """
    while True:
        try:
            return model.model_validate(plain(node), context={"node": node})
        except ValidationError as invalid:
            findings = [_locate(node, error) for error in _flat(invalid)]
        except Exception as error:  # a validator that stumbles over a value is no reason to stop
            problems.append(node.head.problem(f"this cannot be checked: {type(error).__name__}"))
            return None
        if not _repair(findings, problems):
            problems.extend(_problem(model, finding) for finding in _without_rival_members(findings))
            return None


@dataclass
class Finding:
    """One of pydantic's errors, and the way to where it stands in the tree."""

    error: dict[str, Any]
    trail: list[Node]
    """From the checked node to the value, which is the last (for a missing key: the mapping that lacks it)."""
    steps: list[Step]
    """The location, with the labels of union members marked."""

    @property
    def node(self) -> Node:
        """The value that the error is about."""
        return self.trail[-1]

    @property
    def union(self) -> tuple[int, str] | None:
        """The outermost union above the error, as (identity of the value, label of the member)."""
        depth = next((depth for depth, (_, label) in enumerate(self.steps) if label), None)
        return None if depth is None else (id(self.trail[depth]), str(self.steps[depth][0]))


def _flat(invalid: ValidationError, above: tuple[object, ...] = ()) -> Iterator[dict[str, Any]]:
    """Yield all errors; a validator may have raised the `ValidationError` of another model, or name a `loc` itself."""
    for error in invalid.errors(include_url=False):
        entry: dict[str, Any] = {**error, "loc": (*above, *error["loc"])}
        inner = entry.get("ctx", {}).get("error")
        if isinstance(inner, ValidationError):
            yield from _flat(inner, entry["loc"])
            continue
        within = getattr(inner, "loc", ())
        if isinstance(within, tuple) and within:
            entry["loc"] = (*entry["loc"], *within)
            entry["input"] = _inside(entry["input"], within)
        yield entry


def _inside(value: Any, loc: tuple[object, ...]) -> Any:
    """Return what stands at a location inside a value; the value itself where that is not there."""
    found = value
    for step in loc:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            return value
    return found


def _locate(root: Node, error: dict[str, Any]) -> Finding:
    """Find the value of an error. Its location also holds labels, which may look like keys: the best fit wins."""
    loc = error["loc"]
    target = loc[:-1] if error["type"] == "missing" or loc[-1:] == ("[key]",) else loc
    best, penalty = Finding(error, [root], []), (True, len(target) + 1)
    for trail, steps in islice(_ways(root, target), MAX_WAYS):
        found_here = _differs(trail[-1], error["input"]), sum(label for _, label in steps)
        if found_here < penalty:
            best, penalty = Finding(error, trail, steps), found_here
        if penalty == (False, 0):
            break
    if error["type"] == "missing":
        best.steps.append((loc[-1], False))
    return best


def _ways(node: Node, loc: tuple[object, ...]) -> Iterator[tuple[list[Node], list[Step]]]:
    if not loc:
        yield [node], []
        return
    child = node.child(loc[0])
    if child is not None:
        for trail, steps in _ways(child, loc[1:]):
            yield [node, *trail], [(loc[0], False), *steps]
    for trail, steps in _ways(node, loc[1:]):
        yield trail, [(loc[0], True), *steps]


def _differs(node: Node, value: Any) -> bool:
    if isinstance(node.value, (dict, list)) and (not isinstance(value, (dict, list)) or len(value) != len(node.value)):
        return True
    try:
        return bool(plain(node) != value)
    except Exception:
        return True


def _repair(findings: list[Finding], problems: list[Problem]) -> bool:
    """Mend what the collector would mend; True when something was, so that the check is worth another try."""
    mended = False
    for finding in findings:
        node, kind = finding.node, finding.error["type"]
        if kind == "string_type" and node.verbatim is not None:
            node.value, node.verbatim, mended = node.verbatim, None, True
        elif node.value is None and kind in SHAPES and len(finding.trail) > 1:
            mended = _fill(finding, problems) or mended
        elif node.value is None and WANTED.get(kind) == "a mapping":
            node.value, mended = {}, True
    return mended


def _fill(finding: Finding, problems: list[Problem]) -> bool:
    node, parent = finding.node, finding.trail[-2]
    wanted = WANTED[finding.error["type"]]
    if wanted == "a mapping":
        node.value = {}
    elif wanted == "a list":
        node.value = []
    else:
        name = next((key for key, child in parent.entries.items() if child is node), None)
        if name is None:
            return False
        del parent.entries[name]
        if node.source is None:
            problems.append(node.head.warning("the value is empty, so this is as if it were not written"))
    return True


def _without_rival_members(findings: list[Finding]) -> list[Finding]:
    """Keep, where a union's members all complain of one value, the complaints of the member that was meant."""
    unions: dict[int, dict[str, list[Finding]]] = {}
    for finding in findings:
        if finding.union:
            unions.setdefault(finding.union[0], {}).setdefault(finding.union[1], []).append(finding)
    kept = [finding for finding in findings if not finding.union]
    for members in unions.values():
        kept.extend(next(iter(members.values())) if len(members) == 1 else _meant(list(members.values())))
    return kept


def _meant(members: list[list[Finding]]) -> list[Finding]:
    """Choose the member whose shape fits and that has the fewest complaints; if none fits, name all shapes."""
    fitting = [errors for errors in members if not any(_of_shape(error) for error in errors)]
    if fitting:
        return min(fitting, key=len)
    wanted = dict.fromkeys(WANTED[error.error["type"]] for errors in members for error in errors if _of_shape(error))
    first = next(error for error in members[0] if _of_shape(error))
    first.error = {"type": "union", "loc": first.error["loc"], "msg": " or ".join(wanted)}
    return [first]


def _of_shape(finding: Finding) -> bool:
    union = finding.union
    return finding.error["type"] in SHAPES and union is not None and union[0] == id(finding.node)


def _problem(model: type[BaseModel], finding: Finding) -> Problem:
    error, node, steps = finding.error, finding.node, finding.steps
    secret = is_secret(model, steps)
    if error["type"] == "union":
        return node.place.problem(f"expected {error['msg']}, found {found(node, secret)}")
    if error["type"] == "union_tag_invalid":
        tag = node.child(error["ctx"]["discriminator"].strip("'"))
        node = tag if tag is not None else node
    present = finding.trail[-2].entries if len(finding.trail) > 1 else {}
    known: Collection[str] = ()
    if error["type"] == "extra_forbidden":
        known = known_keys(model, steps, present)
    elif WANTED.get(error["type"]) == "a mapping":
        known = keys_of(model, steps)
    about = meaning(model, steps) if error["type"] == "missing" else ""
    return _place(error, node).problem(describe(error, node, known, secret, about))


def _place(error: dict[str, Any], node: Node) -> Place:
    """Return where the error is shown: at the key for what is about keys, else at the value."""
    kind = error["type"]
    if kind in ("extra_forbidden", "missing", "union_tag_not_found") or error["loc"][-1:] == ("[key]",):
        return node.head
    if isinstance(node.value, (dict, list)) or node.value is None:
        return node.head
    return node.place

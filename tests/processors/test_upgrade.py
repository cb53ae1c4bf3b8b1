"""What held spans still need when scrubbing changes: what they have not seen, and nothing that is ours already."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel import load
from tailgate.kernel.contract import Kernel, Stage
from tailgate.processors.segments import LIMITS, NO_FACTS
from tailgate.processors.upgrade import Scrubbed, missing, scrubbing
from tailgate.rules.values import encoded_value

HMAC = {"do": "hmac", "key": "00", "length": 8, "prefix": ""}
REDACT, DROP = {"do": "redact", "text": "X"}, {"do": "drop"}
MASK = {"do": "mask", "keep_last": 3, "keep_first": 0, "char": "*"}
SPAN, ALL = ["span"], ["resource", "span", "span_name"]


def rule(pattern: str, action: dict[str, Any] = REDACT) -> dict[str, Any]:
    return {"pattern": pattern, "action": action}


def scrub(*values: Any, keys: Any = (), skip: str | None = None, positions: Any = ALL, **more: Any) -> dict[str, Any]:
    stage = {"kind": "scrub", "positions": positions, "skip": skip, "keys": list(keys), "values": list(values)}
    return stage | more


def edit(key: str, value: str) -> dict[str, Any]:
    action = {"do": "upsert", "key": key, "value": encoded_value(value)}
    return {"kind": "edit", "on": "span", "if": None, "actions": [action]}


def seen(*stages: Stage) -> list[Scrubbed]:
    """Scrubbing whose rules are counted by their patterns."""
    names = [name for stage in stages if stage["kind"] == "scrub" for name in counted(stage)]
    return scrubbing(stages, [("scrub", name) for name in names])


def counted(stage: Stage) -> list[str]:
    """What the kernel counts of a stage, in its order."""
    rules = [rule["pattern"] for rule in (*stage["keys"], *stage["values"])]
    forms = [form["key"] for form in stage.get("forms") or ()]
    failures = ["size", "depth", "patience"] if stage.get("limits") else []
    return [*(["allow"] if stage.get("allow") else []), *rules, *forms, *failures]


A, B, C = rule("a"), rule("b"), rule("c")
USER, NAME = rule("user", HMAC), rule("name", REDACT)
TAG, GOES = rule("a", {"do": "tag", "as": "t"}), rule("a", {"do": "drop_span"})
FORM, URL = {"as": "statement", "key": "q"}, {"as": "url", "key": "u"}
LIMIT: Any = {"size": 9, "depth": 9, "do": "drop", "text": "L"}
REDACTS = {**LIMIT, "do": "redact"}
KEYED = ["span", "span_name", "attribute_key"]

CASES: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "nothing changed, with all that there is": (
        [scrub(A, keys=[USER], allow="k", forms=[FORM], limits=LIMIT)],
        [scrub(A, keys=[USER], allow="k", forms=[FORM], limits=LIMIT)],
        [],
    ),
    "a form is new": ([scrub(A, forms=[FORM])], [scrub(A, forms=[FORM, URL])], [scrub(allow=None, forms=[URL])]),
    "a form where something was skipped": (
        [scrub(forms=[FORM], skip="s")],
        [scrub(forms=[FORM])],
        [scrub(allow=None, forms=[FORM])],
    ),
    "other keys are allowed": ([scrub(A, allow="k")], [scrub(A, allow="l")], [scrub(allow="l", forms=[])]),
    "a limit stays one, but no held span goes": (
        [],
        [scrub(A, GOES, limits=LIMIT)],
        [scrub(A, rule("a", DROP), limits=REDACTS)],
    ),
    "numbers are looked at": ([scrub(A)], [scrub(A, types="numbers")], [scrub(A, types="numbers")]),
    "a tag is new": ([scrub(A)], [scrub(A, TAG, tag="t")], [scrub(TAG, tag="t")]),
    "a tag by key took nothing": ([scrub(A, keys=[TAG], tag="t")], [scrub(A)], []),
    "keys of attributes are looked at": (
        [scrub(A, keys=[NAME], positions=KEYED[:2])],
        [scrub(A, keys=[NAME], positions=KEYED)],
        [scrub(A, keys=[NAME], positions=["span", "attribute_key"])],
    ),
    "nothing changed": ([scrub(A, keys=[USER])], [scrub(A, keys=[USER])], []),
    "everything is new": ([], [scrub(A, keys=[USER])], [scrub(A, keys=[USER])]),
    "everything goes": ([scrub(A)], [], []),
    "one value rule is new": ([scrub(A)], [scrub(A, B)], [scrub(B)]),
    "another action": ([scrub(A)], [scrub(rule("a", DROP))], [scrub(rule("a", DROP))]),
    "another order": ([scrub(A, B)], [scrub(B, A)], []),
    "split into two stages": ([scrub(A, B)], [scrub(A), scrub(B)], []),
    "one position is new": ([scrub(A, positions=SPAN)], [scrub(A)], [scrub(A, positions=["resource", "span_name"])]),
    "one position and one rule are new": (
        [scrub(A, positions=SPAN)],
        [scrub(A, B, positions=["span", "link"])],
        [scrub(A, positions=["link"]), scrub(B, positions=["span", "link"])],
    ),
    "something was skipped": (
        [scrub(A, keys=[USER], skip="s")],
        [scrub(A, keys=[USER])],
        [scrub(A, keys=[USER], only="s", positions=["resource", "span"])],
    ),
    "something else is skipped": (
        [scrub(A, skip="s")],
        [scrub(A, skip="t")],
        [scrub(A, skip="(?:t)", only="s", positions=["resource", "span"])],
    ),
    "something was skipped, and a rule is new": (
        [scrub(A, skip="s")],
        [scrub(B, A)],
        [scrub(B), scrub(A, only="s", positions=["resource", "span"])],
    ),
    "one of two stages skipped nothing": ([scrub(A, skip="s"), scrub(A, B)], [scrub(A)], []),
    "something is skipped": ([scrub(A)], [scrub(A, skip="s")], []),
    "the same is skipped": ([scrub(A, skip="s")], [scrub(A, B, skip="s")], [scrub(B, skip="(?:s)")]),
    "ours by key is left alone": (
        [scrub(keys=[USER])],
        [scrub(B, keys=[USER, NAME])],
        [scrub(B, keys=[NAME], skip="(?:user)")],
    ),
    "another hmac key leaves ours alone": (
        [scrub(keys=[USER])],
        [scrub(keys=[rule("user", HMAC | {"key": "01"})])],
        [scrub(keys=[rule("user", HMAC | {"key": "01"})], skip="(?:user)")],
    ),
    "what a mask leaves is not ours": (
        [scrub(keys=[rule("user", MASK), NAME])],
        [scrub(B, keys=[rule("user", DROP), NAME])],
        # `name` too: a key that both match was masked, and is to be redacted now.
        [scrub(B, keys=[rule("user", DROP), NAME])],
    ),
    "a mask that is still first": (
        [scrub(keys=[rule("user", MASK), NAME])],
        [scrub(B, keys=[rule("user", MASK), NAME])],
        [scrub(B)],
    ),
    "a value that a masking key took": ([scrub(A, keys=[rule("k", MASK)])], [scrub(A)], [scrub(A)]),
    "what an edit wrote behind it": ([scrub(A), edit("k", "a")], [edit("k", "a"), scrub(A)], [scrub(A)]),
    "an edit that is still behind it": ([scrub(A), edit("k", "a")], [scrub(A), edit("k", "a")], []),
    "an edit before it does not matter": ([edit("k", "1"), scrub(A)], [edit("k", "2"), scrub(A)], []),
    "an edit behind it may have written under our key": (
        [scrub(keys=[USER]), edit("user", "raw")],
        [scrub(B, keys=[USER]), edit("user", "raw")],
        [scrub(B)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_missing(case: str) -> None:
    """Guarantees: the stages are those that held spans need, counted under the names of their rules."""
    before, now, wanted = CASES[case]
    stages, counters = missing(seen(*before), seen(*now))
    assert stages == [one if "forms" in one else {"only": None, **one} for one in wanted]
    assert counters == [("scrub", name) for stage in stages for name in counted(stage)]


WORDS = ("alpha", "bravo", "carol")
KEYS = ("one", "two", "three")
actions = st.sampled_from([REDACT, DROP, HMAC, MASK, {"do": "lines", "each": {"do": "redact", "text": "L"}}])
rules = st.builds(rule, st.sampled_from([*WORDS, "[a-c][a-z]+", "o"]), actions)
key_rules = st.builds(rule, st.sampled_from([*KEYS, "t", "^o"]), actions)
scrubs = st.builds(
    lambda values, keys, skip, positions: scrub(*values, keys=keys, skip=skip, positions=positions),
    st.lists(rules, max_size=2),
    st.lists(key_rules, max_size=2),
    st.sampled_from([None, None, "two", "^t"]),
    st.sampled_from([ALL, ALL, SPAN, ["resource", "event"]]),
)
stages = st.lists(st.one_of(scrubs, scrubs, st.builds(edit, st.sampled_from(KEYS), st.sampled_from(WORDS))), max_size=3)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    message = ExportTraceServiceRequest()
    texts = st.lists(st.sampled_from(WORDS), max_size=2).map(" ".join)
    block = message.resource_spans.add()
    span = block.scope_spans.add().spans.add(trace_id=b"1" * 16, name=draw(texts))
    event = span.events.add(name="e")
    for owner in (block.resource, span, event):
        for key in KEYS:
            if draw(st.booleans()):
                owner.attributes.add(key=key).value.string_value = draw(texts)
    return message.SerializeToString()


def walked(kernel: Kernel, stages: list[Any], data: bytes) -> bytes:
    program = kernel.compile({"stages": stages, "facts": NO_FACTS, "limits": LIMITS, "context": 0})
    return program.digest(data).request()


@settings(max_examples=400, deadline=None)
@given(before=stages, now=stages, data=requests())
def test_no_word_survives_that_the_new_rules_take_out(before: list[Any], now: list[Any], data: bytes) -> None:
    """Law 4: what the new rules leave nothing of in the bytes as they were held is not in what leaves.

    The new scrubbing alone, over what the old row made of the request, is what must be reached at least.
    """
    kernel = load()
    held = walked(kernel, before, data)
    strict = walked(kernel, [stage for stage in now if stage["kind"] == "scrub"], held)
    upgraded = walked(kernel, missing(seen(*before), seen(*now))[0], held)
    places = [(name, place, word) for name, place, word in words(upgraded)]
    allowed = set(words(strict))
    # What was edited in behind the scrubber, then and now, is not scrubbed by either.
    written = {(a["key"]) for s in before if s["kind"] == "edit" for a in s["actions"]}
    assert [one for one in places if one not in allowed and one[1] not in written] == []


def words(data: bytes) -> list[tuple[str, str, str]]:
    """Each word that can be read, with where it stands."""
    block = ExportTraceServiceRequest.FromString(data).resource_spans[0]
    span = block.scope_spans[0].spans[0]
    texts = [("span", "name", span.name)]
    for level, owner in (("resource", block.resource), ("span", span), ("event", span.events[0])):
        texts += [(level, a.key, a.value.string_value) for a in owner.attributes]
    return [(level, place, word) for level, place, text in texts for word in WORDS if word in text]


@pytest.mark.parametrize("before", [None, "two", "^t"])
@pytest.mark.parametrize("now", [None, "two", "^t"])
@pytest.mark.parametrize("more", [[], [rule("three", DROP)]], ids=["the same", "and one more"])
def test_a_hash_is_never_hashed(before: str | None, now: str | None, more: list[Any]) -> None:
    """Guarantees: whatever is skipped before and after, a hash is that of the value; what may stay stays raw."""
    kernel, message = load(), ExportTraceServiceRequest()
    block = message.resource_spans.add()
    span = block.scope_spans.add().spans.add(trace_id=b"1" * 16)
    for key in KEYS:
        span.attributes.add(key=key).value.string_value = "alpha"
    old, new = scrub(keys=[rule(".", HMAC)], skip=before), scrub(*more, keys=[rule(".", HMAC)], skip=now)
    held = walked(kernel, [old], message.SerializeToString())
    [(_, hashed), *_] = values(walked(kernel, [scrub(keys=[rule(".", HMAC)])], message.SerializeToString()))
    skipped = {key for key in KEYS if (now == "two" and key == "two") or (now == "^t" and key[0] == "t")}
    were = {key for key in KEYS if (before == "two" and key == "two") or (before == "^t" and key[0] == "t")}
    upgraded = walked(kernel, missing(seen(old), seen(new))[0], held)
    assert values(upgraded) == [(key, "alpha" if key in skipped & were else hashed) for key in KEYS]


def values(data: bytes) -> list[tuple[str, str]]:
    span = ExportTraceServiceRequest.FromString(data).resource_spans[0].scope_spans[0].spans[0]
    return [(a.key, a.value.string_value) for a in span.attributes]

"""Random programs, of every form that the contract knows; some of them do not compile."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from ottl_strategies import NUMBERS, OWN_FIELDS, PLACES, SETTABLE, ottl_conditions, ottl_values
from tailgate.kernel.stages import POSITIONS
from wire_strategies import KEYS, TEXTS, any_values

Draw = Callable[[st.SearchStrategy[Any]], Any]

PATTERNS = [
    "",
    "a",
    "^a",
    "secret",
    r"\d+",
    r"\b\w+\b",
    "(?i)K",
    r"[^\d]",
    r"\pL+",
    "(a)|(e)",
    "(?P<x>[a-z]+)(?P<n>=)?",
    r"(?P<k>\S+)@(\S+)",
    "x*",
    "(?s).+",
    "(?m)^line$",
    "[[:alpha:]]{2,3}",
    "k|a|n",
    r"(?:\d[ -]?){12,19}",
    r"(\d{1,3}\.){3}\d{1,3}",
    ".é",
]
GROUPED = ["(a)|(e)", "(?P<x>[a-z]+)(?P<n>=)?", r"(?P<k>\S+)@(\S+)", r"(\d{1,3}\.){3}\d{1,3}", "s(.*?)t"]
BROKEN = ["(", r"\C", "(?=a)", "a{1001}"]
FIELDS = ["name", "kind", "status.message", "status.code", "trace_state", "duration", "trace_id", "span_id"]
FIELDS += ["parent_span_id", "flags", "start", "end", "scope.name", "scope.version"]
CHECKS = [
    None,
    None,
    None,
    "payment_card",
    "ipv4",
    "public_ipv4",
    "jwt",
    "e164",
    "iban",
    "us_ssn",
    "ipv6",
    "public_ipv6",
]
CHECKS += ["basic_credentials", "github_token"]
WITH_PARAMETERS = [
    {"digits": "luhn", "drop": " -."},
    {"digits": "verhoeff", "last": 3, "front": "1"},
    {"digits": "mod_11_10", "pad": 4, "replace": [["A", "1"]]},
    {"digits": "sums", "alphabet": "ETSC01289", "sums": [{"weights": [3, 1], "mod": 3}]},
    {"digits": "sums", "sums": [{"weights": [2, 1], "mod": 4, "map": "0E-2", "at": 1}]},
    {"entropy": 150, "kinds": 1, "changes": 1},
    {"entropy": 250},
]
LEVELS = {
    "traces": ["resource", "scope", "span", "event"],
    "logs": ["resource", "scope", "log"],
    "metrics": ["resource", "scope", "metric", "datapoint"],
}


def seen_from(on: str) -> list[str]:
    """Return the levels that what stands on one can see."""
    levels = next(levels for levels in LEVELS.values() if on in levels)
    return levels[: levels.index(on) + 1]


names = st.sampled_from(KEYS)
literal_texts = st.sampled_from([*TEXTS, "true", "0"])
literals = st.one_of(
    literal_texts, st.booleans(), st.sampled_from([0, 1, 5, -1, 12, 2**63 - 1, -(2**63), 0.5, 1e22, -0.0])
)


def patterns(valid: bool) -> st.SearchStrategy[str]:
    return st.sampled_from(PATTERNS if valid else PATTERNS * 40 + BROKEN)


def operands(on: str) -> st.SearchStrategy[list[str]]:
    on = "span" if on == "event" else on
    places = PLACES.get(on) or seen_from(on) + (["any"] if on == "span" else [])
    fields = OWN_FIELDS.get(on) or (FIELDS if on == "span" else FIELDS[-2:] if on == "scope" else [])
    attributes = st.tuples(st.just("attr"), st.sampled_from(places), names)
    if not fields:
        return attributes.map(list)
    others = [st.tuples(st.just("field"), st.sampled_from(fields))]
    if on == "span":
        others.append(st.tuples(st.just("state"), st.sampled_from(["x", "ot", "k@s", ""])))
    return st.one_of(attributes, attributes, *others).map(list)


@st.composite
def conditions(draw: Draw, on: str = "span", valid: bool = True, depth: int = 2) -> list[Any]:
    """Return a condition that may stand on this level."""
    kind = draw(st.sampled_from(["and", "or", "not", "leaf", "leaf", "leaf"] if depth else ["leaf"]))
    inner = conditions(on, valid, depth - 1)
    if kind in ("and", "or"):
        return [kind, *draw(st.lists(inner, max_size=3))]
    if kind == "not":
        return ["not", draw(inner)]
    operand, pattern = draw(operands(on)), patterns(valid)
    bound = st.one_of(st.none(), st.sampled_from([-1, 0, 5, 2**63 - 1]))
    forms: list[Callable[[], list[Any]]] = [
        lambda: ["cmp", draw(st.sampled_from(["==", "<", "<=", ">", ">="])), operand, draw(literals)],
        lambda: ["exists", operand],
        lambda: ["is", operand, draw(literals)],
        lambda: ["in", operand, draw(st.lists(literals, max_size=3))],
        lambda: ["bits", operand, draw(st.sampled_from([0, 1, 3, 0x300, 2**63 - 1]))],
        lambda: ["matches", operand, draw(pattern)],
        lambda: ["contains", operand, draw(literal_texts)],
        lambda: ["text_matches", operand, draw(pattern)],
        lambda: ["go_str_in", operand, draw(st.lists(literal_texts, max_size=3))],
        lambda: ["go_str_matches", operand, draw(pattern)],
        lambda: ["go_int_between", operand, draw(bound), draw(bound)],
        lambda: ["go_bool_is", operand, draw(st.booleans())],
        lambda: ["root"] if on in ("span", "event") else ["true"],
        lambda: [draw(st.sampled_from(["ottl", "ottl_fails"])), draw(ottl_conditions(on, valid))],
    ]
    return draw(st.sampled_from(forms))()


@st.composite
def sources(draw: Draw, on: str) -> dict[str, Any]:
    """Return where an action takes its value from."""
    kind = draw(st.sampled_from(["value", "value", "from", "context", "of"]))
    if kind == "of":
        return {"of": draw(ottl_values(on, True))}
    if kind == "value":
        return {"value": base64.b64encode(draw(any_values)).decode()}
    if kind == "context":
        return {"context": draw(st.integers(0, 2))}
    return {"from": [draw(st.sampled_from(seen_from(on))), draw(names)]}


@st.composite
def actions(draw: Draw, on: str, valid: bool) -> dict[str, Any]:
    """Return an action of an edit."""
    plain = ["insert", "update", "upsert", "delete", "hash", "extract", "convert", "lookup", *["rewrite"] * 4]
    do = draw(st.sampled_from(plain))
    if do == "lookup" and on not in ("event", "datapoint"):
        by = draw(st.lists(st.lists(sources(on), min_size=1, max_size=2), max_size=3))
        write = draw(st.sampled_from(["insert", "upsert", "fill", "nothing"]))
        return {"do": do, "in": draw(st.integers(0, 1)), "by": by, "write": write}
    if do == "rewrite":
        return draw(rewrites(on, valid))
    if do in ("insert", "update", "upsert"):
        return {"do": do, "key": draw(names), **draw(sources(on))}
    if do in ("delete", "hash"):
        chosen = draw(st.sampled_from([("key",), ("pattern",), ("key", "pattern")]))
        return {"do": do} | {name: draw(names if name == "key" else patterns(valid)) for name in chosen}
    if do == "extract":
        return {"do": do, "key": draw(names), "pattern": draw(patterns(valid))}
    do = "convert"
    return {"do": do, "key": draw(names), "to": draw(st.sampled_from(["int", "double", "string"]))}


@st.composite
def edits(draw: Draw, valid: bool, signal: str = "traces") -> dict[str, Any]:
    """Return an edit stage."""
    on = draw(st.sampled_from(LEVELS[signal] + LEVELS[signal][2:]))
    when = draw(st.one_of(st.none(), st.none(), conditions(on, valid)))
    own = st.fixed_dictionaries({}, optional={"if": conditions(on, valid, 0)})
    if on not in ("resource", "scope"):
        own = st.one_of(own, own, st.builds(dict, drop_if=conditions(on, valid, 0)))
    steps = st.tuples(actions(on, valid), own).map(lambda pair: pair[0] | pair[1])
    return {"kind": "edit", "on": on, "if": when, "actions": draw(st.lists(steps, min_size=1, max_size=4))}


@st.composite
def rewrites(draw: Draw, on: str, valid: bool) -> dict[str, Any]:
    """Return one of the actions that set fields, replace texts, or keep and cut attributes."""
    do = draw(st.sampled_from(["set", "keep", "replace", "rename", "truncate", "limit", "parse_name"]))
    chosen = draw(st.sampled_from(["field", "key", "all"]))
    if do == "set" and SETTABLE.get(on):
        return {"do": do, "field": draw(st.sampled_from(SETTABLE[on])), "of": draw(ottl_values(on, valid))}
    if do == "keep":
        return {"do": do} | draw(
            st.one_of(st.builds(dict, keys=st.lists(names, max_size=3)), st.builds(dict, pattern=patterns(valid)))
        )
    if do == "truncate":
        return {"do": do, "limit": draw(st.integers(0, 6))}
    if do == "limit":
        return {"do": do, "count": draw(st.integers(0, 3)), "keys": draw(st.lists(names, max_size=3))}
    if do == "parse_name" and on == "span":
        named = st.sampled_from(["(?P<x>[a-z]+)(?P<n>=)?", "(?P<k>o)r", "(?P<k>.)", "^(?P<a>(?P<e>.)*)$", "é|w"])
        rules = draw(st.lists(named, max_size=3))
        return {"do": do, "patterns": rules, "rename": draw(st.booleans()), "first": draw(st.booleans())}
    what = {"key": draw(names)} if chosen == "key" else {}
    if chosen == "field" and SETTABLE.get(on):
        what = {"field": draw(st.sampled_from([name for name in SETTABLE[on] if name not in NUMBERS]))}
    parts = st.lists(st.one_of(st.sampled_from(["", "X", "é"]), st.just(0)), max_size=3)
    what = {} if do == "rename" else what
    do = "rename" if do == "rename" else "replace"
    return {"do": do, "pattern": draw(patterns(valid)), "with": draw(parts), **what}


@st.composite
def drops(draw: Draw, valid: bool, signal: str = "traces") -> dict[str, Any]:
    """Return a filter, or a sampler."""
    on = draw(st.sampled_from(LEVELS[signal][2:] + (["sample"] if signal == "traces" else [])))
    if on != "sample":
        return {"kind": "filter", "on": on, "if": draw(conditions(on, valid))}
    ratio = draw(st.sampled_from([0, 1, 0.5, 0.25, 0.1, 1e-3, 1e-17, 0.999999]))
    return {
        "kind": "sample",
        "mode": draw(st.sampled_from(["hash_seed", "proportional", "equalizing"])),
        "seed": draw(st.sampled_from([0, 22, 2**32 - 1])),
        "buckets": draw(st.sampled_from([0, 1, 8192, 16384])),
        "ratio": ratio,
        "precision": draw(st.sampled_from([1, 4, 14])),
        "fail_closed": draw(st.booleans()),
    }


_naturals = st.sampled_from([0, 0, 1, 2, 4, 9])
replacements = st.one_of(
    st.sampled_from(["X", "", "secret", "a b", "é"]).map(lambda text: {"do": "redact", "text": text}),
    st.sampled_from(["L", ""]).map(lambda text: {"do": "lines", "each": {"do": "redact", "text": text}}),
    st.sampled_from(["md5", "sha1", "sha3-256"]).map(lambda name: {"do": "digest", "function": name}),
    st.fixed_dictionaries(
        {"do": st.just("mask"), "keep_last": _naturals, "keep_first": _naturals, "char": st.sampled_from(["*", "•"])}
    ),
    st.fixed_dictionaries(
        {"do": st.just("hmac"), "key": st.just("00ff"), "length": st.sampled_from([0, 8, 64]), "prefix": st.just("h:")},
        optional={"function": st.sampled_from(["sha256", "sha512"])},
    ),
    st.just({"do": "hmac", "key": "00", "length": 4, "prefix": "b:", "also": {"key": "01", "prefix": "a:"}}),
    st.just({"do": "token", "key": "00ff"}),
    _naturals.map(lambda keep: {"do": "truncate", "keep": keep}),
    st.tuples(st.sampled_from([0, 8, 24, 32]), st.sampled_from([0, 48, 50, 128])).map(
        lambda bits: {"do": "network", "v4": bits[0], "v6": bits[1]}
    ),
    st.just({"do": "drop"}),
    st.just({"do": "drop_span"}),
    st.sampled_from(["t", "a,b", ""]).map(lambda name: {"do": "tag", "as": name}),
)
_uris = st.fixed_dictionaries(
    {"path": st.booleans(), "text": st.sampled_from(["R", ""])},
    optional={"allow": patterns(True), "deny": patterns(True)},
)
_plain_forms = st.sampled_from(["url", "sql", "redis", "memcached", "json", "statement"])


def forms(valid: bool) -> st.SearchStrategy[Any]:
    more = {"systems": st.sampled_from([None, ["", "x"]]), "name": st.booleans()}
    return st.one_of(
        st.fixed_dictionaries({"as": _plain_forms, "key": patterns(valid)}, optional=more),
        st.fixed_dictionaries(
            {"as": st.sampled_from(["uri", "query"]), "key": patterns(valid), "uri": _uris}, optional=more
        ),
    )


@st.composite
def scrubs(draw: Draw, valid: bool, signal: str = "traces") -> dict[str, Any]:
    """Return a scrub stage."""
    key_rules = st.fixed_dictionaries({"pattern": patterns(valid), "action": replacements})
    grouped = st.sampled_from(GROUPED)
    checks, group = st.sampled_from([*CHECKS, *WITH_PARAMETERS]), st.integers(0, 1)
    near = st.fixed_dictionaries({"pattern": patterns(valid), "within": _naturals})
    more = {"near": st.one_of(st.none(), near), "skip": st.one_of(st.none(), patterns(valid))}
    value_rules = st.one_of(
        st.fixed_dictionaries({"pattern": patterns(valid), "action": replacements, "check": checks}, optional=more),
        st.fixed_dictionaries(
            {"pattern": grouped, "action": replacements, "check": checks, "group": group}, optional=more
        ),
    )
    everywhere = st.just([*POSITIONS[signal]])
    some_positions = st.lists(st.sampled_from([*POSITIONS[signal], "attribute_key"]), unique=True)
    optional = st.fixed_dictionaries(
        {},
        optional={
            "allow": patterns(valid),
            "keep": patterns(valid),
            "types": st.sampled_from([None, "strings", "numbers", "numbers", "all", "all"]),
            "limits": st.fixed_dictionaries(
                {
                    "size": st.sampled_from([0, 3, 8, 1000]),
                    "depth": st.sampled_from([0, 1, 2, 20]),
                    "do": st.sampled_from(["redact", "redact", "drop"]),
                    "text": st.sampled_from(["L", ""]),
                }
            ),
            "summary": st.sampled_from([None, "counts", "keys", "keys"]),
            "forms": st.lists(forms(valid), max_size=2),
            "forms_first": st.booleans(),
        },
    )
    return {
        **draw(st.one_of(st.just({}), optional)),
        **draw(st.sampled_from([{"tag": "k"}] * 9 + [{"tag": "found"}] * (19 if valid else 18) + [{}] * (not valid))),
        "kind": "scrub",
        "positions": draw(st.one_of(everywhere, everywhere, some_positions)),
        "skip": draw(st.one_of(st.none(), patterns(valid))),
        "only": draw(st.one_of(st.none(), st.none(), patterns(valid))),
        "keys": draw(st.lists(key_rules, max_size=2)),
        "values": draw(st.lists(value_rules, min_size=1, max_size=4)),
    }


_comparisons = st.sampled_from(["<", "<=", ">", ">=", "=="])
_subjects = st.one_of(
    st.sampled_from([["duration"], ["spans"], ["bytes"]]),
    st.tuples(st.sampled_from(["sum", "min", "max"]), st.integers(0, 1)).map(list),
)
_values = st.sampled_from(["0", "1", "-1", "5", "90", "1000000", "500000", "12000000", str(10**36), str(-(10**36))])


def measures() -> st.SearchStrategy[dict[str, Any]]:
    """Return a stage that notes spans for one of the two meters that programs know."""
    return st.fixed_dictionaries(
        {"kind": st.just("measure"), "in": st.integers(0, 1), "count": st.booleans(), "exemplars": st.booleans()}
    )


def meters() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return the two meters that programs know: of spans, and of requests between services."""
    default = st.one_of(st.none(), st.sampled_from(["", "none", "é" * 200]))
    part = st.fixed_dictionaries({"of": st.lists(operands("span"), max_size=2), "default": default})
    few = st.integers(0, 3)
    bounds_ = st.lists(st.sampled_from([0, 1, 5, 10**9, 2**64 - 1]), unique=True, max_size=3).map(sorted)
    many = st.sampled_from([0, 1, 2, 3, 4, 100])
    common = {"by": st.lists(part, max_size=3), "bounds": bounds_, "keys": many, "series": few, "groups": few}
    value = st.one_of(st.none(), operands("span"))
    spans = st.fixed_dictionaries({"kind": st.just("spans"), "exemplars": few, **common}, optional={"value": value})
    pairing = {"service": part, "peer": part, "database": part, "ttl": few, "items": few}
    virtual = st.sampled_from(["none", "plain", "labelled"])
    edges = st.fixed_dictionaries({"kind": st.just("edges"), "virtual": virtual, **pairing, **common})
    return st.tuples(spans, edges).map(list)


@st.composite
def programs(draw: Draw, stages: int = 3, valid: bool = False, signal: str = "traces") -> Any:
    """Return a program; with `valid` one that surely compiles."""
    limits = st.sampled_from([(1 << 20, 1000, 1000, 50)] * 7 + [(600, 3, 3, 1)])
    limit = (1 << 20, 1000, 1000, 100) if valid else draw(limits)
    number = st.fixed_dictionaries(
        {"value": st.one_of(st.none(), operands("span")), "if": st.one_of(st.none(), conditions(valid=valid))}
    )
    kinds = [edits(valid, signal), scrubs(valid, signal), drops(valid, signal)]
    stage = st.one_of(*kinds, measures()) if signal == "traces" else st.one_of(*kinds)
    shared = {
        "stages": draw(st.lists(stage, min_size=1, max_size=stages)),
        "limits": dict(zip(("max_bytes", "max_spans", "max_attributes", "max_depth"), limit, strict=True)),
        "context": 3,
    }
    if signal != "traces":
        return shared | {"signal": signal}
    return shared | {
        "facts": {
            "leaves": draw(st.lists(conditions(valid=valid), max_size=3)),
            "numbers": draw(st.lists(number, min_size=2, max_size=2)),
            "keys": draw(st.lists(operands("span"), min_size=2, max_size=2)),
            "compare": draw(
                st.lists(st.fixed_dictionaries({"of": _subjects, "op": _comparisons, "value": _values}), max_size=4)
            ),
        },
    }

"""What conditions see of a span's trace state and flags: members by key, and bits."""

from __future__ import annotations

import pytest
from kernel_helpers import holds, request, span, spec
from tailgate.kernel.contract import BadProgram

LONG = "a" * 256

MEMBERS = [
    # trace state, key, value (None: absent)
    ("", "a", None),
    ("a=1", "a", "1"),
    ("a=1", "b", None),
    ("a=1,b=2", "b", "2"),
    ("a=1,,b=2,", "b", "2"),
    (" \ta=1 \t,\t b=2 ", "b", "2"),
    ("a= 1", "a", " 1"),
    ("a=x y", "a", "x y"),
    ("a=!~", "a", "!~"),
    ("0tenant_-*/@sys-1=v", "0tenant_-*/@sys-1", "v"),
    (f"{LONG}=v", LONG, "v"),
    (f"a={LONG}", "a", LONG),
    ("ot=th:8;rv:00000000000000", "ot", "th:8;rv:00000000000000"),
    # the list is malformed as a whole
    ("a=1,b", "a", None),
    ("a=1, ", "a", None),
    ("a=1,b=", "a", None),
    ("a=1,b=2=3", "a", None),
    ("a=1,a=2", "a", None),
    ("a=1,A=2", "a", None),
    ("a=1,1b=2", "a", None),
    ("a=1,b=é", "a", None),
    ("a=1,b=\x7f", "a", None),
    ("a=1,b =2", "a", None),
    ("a=1,@s=2", "a", None),
    ("a=1,t@=2", "a", None),
    ("a=1,t@1=2", "a", None),
    ("a=1,t@s@s=2", "a", None),
    ("a=1,t@" + "s" * 15 + "=2", "a", None),
    ("a=1," + "t" * 242 + "@s=2", "a", None),
    (f"a=1,{LONG}b=2", "a", None),
    (f"a=1,b={LONG}c", "a", None),
    (",".join(f"k{number}=v" for number in range(32)), "k31", "v"),
    (",".join(f"k{number}=v" for number in range(33)), "k0", None),
]


@pytest.mark.parametrize(("state", "key", "value"), MEMBERS)
def test_members_by_key(kernel, state, key, value):
    """A member is read only from a list that W3C allows as a whole, up to its bounds."""
    data = request(span(trace_state=state))
    assert holds(kernel, ["exists", ["state", key]], data) is (value is not None)
    if value is not None:
        assert holds(kernel, ["cmp", "==", ["state", key], value], data)
        assert not holds(kernel, ["cmp", "==", ["state", key], value + "x"], data)


@pytest.mark.parametrize(
    ("flags", "mask", "expected"),
    [
        (0, 1, False),
        (1, 1, True),
        (0x301, 1, True),
        (0x300, 1, False),
        (0x301, 0x300, True),
        (0x100, 0x300, False),
        (2**32 - 1, 2**32 - 1, True),
        (2**32 - 1, 2**32, False),
        (5, 0, True),
    ],
)
def test_bits_of_flags(kernel, flags, mask, expected):
    """All bits of the mask must be there; others do not matter."""
    assert holds(kernel, ["bits", ["field", "flags"], mask], request(span(flags=flags))) is expected


def test_flags_are_a_number(kernel):
    """Flags compare as a number that is never negative; a span without them has 0."""
    assert holds(kernel, ["cmp", "==", ["field", "flags"], 2**32 - 1], request(span(flags=2**32 - 1)))
    assert holds(kernel, ["cmp", "==", ["field", "flags"], 0], request(span()))


def test_bits_of_attributes(kernel):
    """An int has bits, negative ones those of two's complement; an array by any element; nothing else has any."""
    attributes = {"i": 6, "neg": -1, "array": ["x", 1, 6], "d": 6.0, "t": True, "s": "6"}
    data = request(span(attributes))
    truths = {key: holds(kernel, ["bits", ["attr", "span", key], 6], data) for key in attributes}
    assert truths == {"i": True, "neg": True, "array": True, "d": False, "t": False, "s": False}


@pytest.mark.parametrize(
    "condition",
    [
        ["bits", ["field", "flags"], -1],
        ["bits", ["field", "flags"], 2**63],
        ["bits", ["field", "flags"], 1.0],
        ["bits", ["field", "flags"], True],
        ["bits", ["field", "flags"]],
        ["exists", ["state"]],
        ["exists", ["state", 1]],
        ["exists", ["state", "a", "b"]],
    ],
)
def test_what_is_no_condition(kernel, condition):
    """A mask that is none, and an operand of another shape, cannot be compiled."""
    with pytest.raises(BadProgram):
        kernel.compile(spec(leaves=[condition]))


@pytest.mark.parametrize("level", ["resource", "scope"])
@pytest.mark.parametrize("operand", [["state", "a"], ["field", "flags"]])
def test_only_on_spans(kernel, level, operand):
    """A resource or scope has neither."""
    action = {"do": "delete", "key": "x"}
    stage = {"kind": "edit", "on": level, "if": ["exists", operand], "actions": [action]}
    with pytest.raises(BadProgram):
        kernel.compile(spec(stages=[stage]))

"""Stage `scrub`: in which order rules apply, what each action leaves, what is counted."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from kernel_helpers import (
    EMPTY,
    first_span,
    redact,
    request,
    rule,
    run,
    scrub,
    scrubbed,
    span,
    span_attributes,
    spec,
)

DROP = {"do": "drop"}


def text(kernel, before, *rules):
    """Return what becomes of one string."""
    [(_, after)] = scrubbed(kernel, {"k": before}, *rules)
    return after


def counts(kernel, values, *stages):
    """Return the counters after one request."""
    program = kernel.compile(spec(stages))
    program.digest(request(span(values)))
    return program.counters()


def mask(first=0, last=0, char="*"):
    return {"do": "mask", "keep_last": last, "keep_first": first, "char": char}


def network(v4, v6):
    return {"do": "network", "v4": v4, "v6": v6}


def lines(each):
    return {"do": "lines", "each": each}


def hashed(length, prefix=""):
    return {"do": "hmac", "key": "00fF", "length": length, "prefix": prefix}


def digest(content):
    return hmac.new(b"\x00\xff", content.encode(), hashlib.sha256).hexdigest()


TEXTS = [
    # (what, before, rules, after)
    ("no match", "abc", [rule("x")], "abc"),
    ("every match", "a1b22c", [rule(r"\d")], "aXbXXc"),
    ("leftmost, greedy", "a1b22c", [rule(r"\d+")], "aXbXc"),
    ("leftmost-first alternatives", "abcd", [rule("ab|abcd")], "Xcd"),
    ("without overlap", "aaaaa", [rule("aa")], "XXa"),
    ("longer and shorter replacements", "a-b", [rule("a", redact("AAAA")), rule("b", redact(""))], "AAAA-"),
    ("rules in order, on what is left", "a", [rule("a", redact("b")), rule("b", redact("c"))], "c"),
    ("an earlier rule hides from a later one", "ab", [rule("a", redact("")), rule("ab")], "b"),
    ("beyond ASCII", "Zürich→x", [rule("→")], "ZürichXx"),
    ("a dot is one character", "漢", [rule(".")], "X"),
    ("the group only", "user=bob&x", [rule("user=([a-z]+)", group=1)], "user=X&x"),
    ("the group, again", "k=a k=b", [rule("k=(.)", group=1)], "k=X k=X"),
    ("the whole match is passed over", "abb", [rule("([ab])b?", group=1)], "XbX"),
    ("an empty match does not count", "abc", [rule("x*")], "abc"),
    ("an empty match before a full one", "aab", [rule("b*")], "aaX"),
    ("an empty group does not count", "k= k=b", [rule("k=([a-z]*)", group=1)], "k= k=X"),
    ("a group that took no part does not count", "ba", [rule("(a)|b", group=1)], "bX"),
    ("empty matches beyond ASCII", "é漢b", [rule("b*")], "é漢X"),
    ("word boundaries see the text before", "ab ab", [rule(r"\bab")], "X X"),
    ("word boundaries after a match", "aba", [rule(r"\ba|a\b")], "XbX"),
    ("the start is the start of the text", "aaa", [rule("^a")], "Xaa"),
    ("the end is the end of the text", "a\na", [rule("a$")], "a\nX"),
    ("lines in multi-line mode", "a\na", [rule("(?m)^a$")], "X\nX"),
    ("the start is that of the rule's text", "ba", [rule("b", redact("")), rule("^a")], "X"),
    ("a replacement is not looked at again", "a", [rule("a", redact("aa"))], "aa"),
    ("a replacement is literal", "a", [rule("(a)", redact(r"\1$1\g<1>"))], r"\1$1\g<1>"),
    # checks
    ("a check refuses", "300.1.1.1", [rule(r"\d+\.\d+\.\d+\.\d+", check="ipv4")], "30X"),
    ("a check accepts", "at 10.1.1.1", [rule(r"\d+\.\d+\.\d+\.\d+", check="ipv4")], "at X"),
    (
        "the check is given the group",
        "ip=1.2.3.4;",
        [rule(r"ip=([0-9.]+);", check="ipv4", group=1)],
        "ip=X;",
    ),
    (
        "a refused match restarts one character on",
        "1 4111 1111 1111 1111",
        [rule(r"(?:\d[ -]?){12,19}", check="payment_card")],
        "1 X",
    ),
    ("refused beyond ASCII", "éé1.2.3.4", [rule(r"[é\d.]+", check="ipv4")], "ééX"),
    ("every candidate refused", "1.2.3.999", [rule(r"\d+\.\d+\.\d+\.\d\d\d", check="ipv4")], "1.2.3.999"),
    # lines
    ("lines: runs", "ab\ncd", [rule("(?s).+", lines(redact("L")))], "L\nL"),
    ("lines: empty lines too", "\n\na\n", [rule("(?s).+", lines(redact("L")))], "L\nL\nL\nL"),
    ("lines: one line", "xaby", [rule("ab", lines(redact("L")))], "xLy"),
    ("lines: only the match", "a\nb\nc", [rule("(?s)b.c", lines(redact("L")))], "a\nL\nL"),
    ("lines: carriage returns are characters", "\r\n", [rule("(?s).+", lines(redact("L")))], "L\nL"),
    ("lines: each by itself", "ab\nab", [rule("(?s).+", lines(mask(last=1)))], "*b\n*b"),
    # mask
    ("mask: all", "ab-12", [rule(".+", mask())], "**-**"),
    ("mask: last four", "4111-1111-1111-1234", [rule(".+", mask(last=4))], "****-****-****-1234"),
    ("mask: first and last", "abcdef", [rule(".+", mask(first=2, last=1, char="#"))], "ab###f"),
    ("mask: nothing left", "abc", [rule(".+", mask(first=1, last=2))], "abc"),
    ("mask: more than there is", "abc", [rule(".+", mask(first=9, last=9))], "abc"),
    ("mask: keeping more than there is", "abc", [rule(".+", mask(last=4))], "abc"),
    ("mask: keeping skips the others", "a-b-c", [rule(".+", mask(first=1, last=1))], "a-*-c"),
    ("mask: beyond ASCII", "é_漢 🙂", [rule(".+", mask(last=1, char="•"))], "•_• 🙂"),
    # digests
    ("md5", "x abc", [rule("abc", {"do": "digest", "function": "md5"})], "x 900150983cd24fb0d6963f7d28e17f72"),
    ("sha1", "abc", [rule("abc", {"do": "digest", "function": "sha1"})], "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ("sha3", "é", [rule("é", {"do": "digest", "function": "sha3-256"})], hashlib.sha3_256("é".encode()).hexdigest()),
    (
        "hmac-sha512",
        "é",
        [rule("é", {"do": "hmac", "key": "00ff", "function": "sha512"})],
        hmac.new(b"\x00\xff", "é".encode(), hashlib.sha512).hexdigest(),
    ),
    ("truncate", "é_漢🙂", [rule(".+", {"do": "truncate", "keep": 2})], "é_"),
    ("truncate: short", "é", [rule(".+", {"do": "truncate", "keep": 2})], "é"),
    ("truncate: nothing", "é", [rule(".+", {"do": "truncate", "keep": 0})], ""),
    ("network: IPv4", "203.0.113.77", [rule(".+", network(24, 48))], "203.0.113.0"),
    ("network: part of a group", "2001:db8:1:2::5", [rule(".+", network(24, 36))], "2001:db8:0::"),
    ("network: mapped", "::ffff:1.2.3.4%eth0", [rule(".+", network(24, 128))], "0:0:0:0:0:ffff:102:304"),
    ("network: nothing of it", "1.2.3.4", [rule(".+", network(0, 0))], "0.0.0.0"),
    ("network: no bits", "::1", [rule(".+", network(0, 0))], "::"),
    ("network: no address", "1.2.3", [rule(".+", network(24, 48))], ""),
    # hmac
    (
        "hmac: two keys",
        "é",
        [rule("é", hashed(8, prefix="b:") | {"also": {"key": "00", "prefix": "a:"}})],
        f"b:{digest('é')[:8]},a:{hmac.new(bytes(1), 'é'.encode(), hashlib.sha256).hexdigest()[:8]}",
    ),
    ("hmac", "secret", [rule("secret", hashed(8, prefix="h:"))], "h:" + digest("secret")[:8]),
    ("hmac: whole", "é", [rule("é", hashed(64))], digest("é")),
    ("hmac: none of it", "x", [rule("x", hashed(0, prefix="p"))], "p"),
]


@pytest.mark.parametrize(("before", "rules", "after"), [row[1:] for row in TEXTS], ids=[str(row[0]) for row in TEXTS])
def test_text(kernel, before, rules, after):
    """What the rules make of one string, in the order given, each on what the one before left."""
    assert text(kernel, before, *rules) == after


KEYS = [
    rule("(?i)password"),
    rule("^card$", {"do": "mask", "keep_last": 2, "keep_first": 0, "char": "*"}),
    rule("^gone", DROP),
]


BY_KEY = [
    ("a string", {"Password": "p"}, {"Password": "X"}),
    ("found anywhere", {"my.password.x": "p"}, {"my.password.x": "X"}),
    ("an int", {"password": 7}, {"password": "X"}),
    ("an array", {"password": ["a"]}, {"password": "X"}),
    ("empty", {"password": EMPTY}, {"password": "X"}),
    ("the first rule decides", {"gone.password": "p"}, {"gone.password": "X"}),
    ("drop", {"gone": 1, "a": 2}, {"a": 2}),
    ("the text of an int", {"card": 1234}, {"card": "**34"}),
    ("the text of a double", {"card": 12.5}, {"card": "*2.5"}),
    ("the text of a bool", {"card": True}, {"card": "**ue"}),
    ("no text", {"card": b"1234"}, {"card": ""}),
    ("no text of a map", {"card": {"a": "1234"}}, {"card": ""}),
    ("in a map", {"m": {"password": [1], "a": "b"}}, {"m": {"password": "X", "a": "b"}}),
    ("in a map in an array", {"m": [{"x": {"password": 1}}]}, {"m": [{"x": {"password": "X"}}]}),
    ("drop in a map", {"m": {"gone": 1, "a": "b"}}, {"m": {"a": "b"}}),
    ("drop the last of a map", {"m": {"gone": 1}}, {"m": {}}),
    ("skip wins", {"skip.password": "value"}, {"skip.password": "value"}),
    ("skip is for attributes, not for maps", {"m": {"skip.password": "p"}}, {"m": {"skip.password": "X"}}),
    ("skip leaves maps alone", {"skip": {"password": "p"}}, {"skip": {"password": "p"}}),
    ("keys before values", {"password": "value", "a": "value"}, {"password": "X", "a": "V"}),
    ("values otherwise", {"m": {"password": "value", "a": "value"}}, {"m": {"password": "X", "a": "V"}}),
    ("keys are not scrubbed", {"value": "x"}, {"value": "x"}),
]


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in BY_KEY], ids=[str(row[0]) for row in BY_KEY])
def test_keys(kernel, before, after):
    """`keys` rules decide by the key, for whole values of any type, in nested maps too."""
    assert scrubbed(kernel, before, rule("value", redact("V")), keys=KEYS, skip="^skip") == list(after.items())


ONLY = [
    ("without", {}, {"a": "X", "b": "X", "password": "X"}),
    ("none", {"only": None}, {"a": "X", "b": "X", "password": "X"}),
    ("those that match", {"only": "^a|pass"}, {"a": "X", "b": "value", "password": "X"}),
    ("none that match", {"only": "z"}, {"a": "value", "b": "value", "password": "value"}),
    ("skip wins over it", {"only": "a|b", "skip": "b"}, {"a": "X", "b": "value", "password": "X"}),
]


@pytest.mark.parametrize(("more", "after"), [case[1:] for case in ONLY], ids=[case[0] for case in ONLY])
def test_only(kernel, more, after):
    """Attributes whose key does not match `only` are left alone; maps inside, names and status are not asked."""
    before = {"a": "value", "b": "value", "password": "value"}
    stage = scrub(rule("value"), keys=[rule("password")], **more)
    data = run(kernel, request(span(before, name="value")), stage)
    assert dict(span_attributes(data)) == after
    assert first_span(data).name == "X"
    nested = run(kernel, request(span({"a": {"z": "value", "password": 1}})), stage)
    assert b"value" not in nested or after["a"] == "value"


def test_tokens_have_the_shape_of_what_they_stand_for(kernel):
    """Guarantees: the same text gives the same token, another text or key another; no letter beyond ASCII stays."""
    before = "Jane-Doe_é 4111-1111 " * 3
    one, other = ({"do": "token", "key": key} for key in ("00ff", "00fe"))
    after = text(kernel, before, rule(".+", one))
    assert [(a.isdigit(), a.isupper(), a.islower()) for a in after] == [
        (b.isdigit(), b.isupper(), b.islower()) for b in before
    ]
    assert all(a == b for a, b in zip(after, before, strict=True) if not b.isalnum())
    assert after[:21] != before[:21] != after[21:42] != after[:21]
    assert after.isascii()
    assert after == text(kernel, before, rule(".+", one)) != text(kernel, before, rule(".+", other))
    key, content = bytes.fromhex("00ff"), before.encode()
    blocks = b"".join(hmac.new(key, bytes([0, 0, 0, at]) + content, hashlib.sha256).digest() for at in range(2))
    assert after[11:20] == "".join(str(blocks[at] % 10) if at != 15 else "-" for at in range(11, 20))


@pytest.mark.parametrize("key", ["", "a", "x" * 600, "é"])
def test_the_same_key_again(kernel, key):
    """Keys that came before, the empty and the long ones too, are treated alike every time."""
    values = [("k", 1), (key, 2), (key, 3), ("m", {key: {key: 4}}), (key, 5)]
    expected = [("k", 1), (key, "X"), (key, "X"), ("m", {key: "X"}), (key, "X")]
    pattern = f"^{key}$"
    assert scrubbed(kernel, values, keys=[rule(pattern)]) == expected
    assert scrubbed(kernel, values * 3, keys=[rule("never"), rule(pattern)]) == expected * 3
    assert scrubbed(kernel, values, rule("."), keys=[rule(pattern)], skip=pattern)[1:3] == [(key, 2), (key, 3)]


VALUES = [
    ("a string", "v", "X"),
    ("bytes that are text stay bytes", b"a v", b"a X"),
    ("bytes that are no text", b"v\xff", b"v\xff"),
    ("in an array", ["v", 1, "a", True, b"v"], ["X", 1, "a", True, b"X"]),
    ("in a map", {"a": "v", "b": {"c": "v"}}, {"a": "X", "b": {"c": "X"}}),
    ("deep", [[{"a": [["v"]]}]], [[{"a": [["X"]]}]]),
    ("numbers are no strings", 5, 5),
    ("empty", EMPTY, EMPTY),
    ("the empty string", "", ""),
]


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in VALUES], ids=[str(row[0]) for row in VALUES])
def test_values_at_any_depth(kernel, before, after):
    """`values` rules reach every string of a value and nothing else."""
    assert scrubbed(kernel, {"k": before}, rule("v")) == [("k", after)]


DROPS = [
    ("an attribute", {"a": "v", "b": "x"}, {"b": "x"}),
    ("an attribute of bytes", {"a": b"v", "b": b"x"}, {"b": b"x"}),
    ("every attribute", {"a": "v", "b": "v"}, {}),
    ("an array element", {"a": ["v", "x", "v", 1]}, {"a": ["x", 1]}),
    ("the last array element", {"a": ["v"]}, {"a": []}),
    ("a map entry", {"a": {"b": "v", "c": "x"}}, {"a": {"c": "x"}}),
    ("an array in an array", {"a": [["v", "x"], "v"]}, {"a": [["x"]]}),
    ("an entry of a map in an array", {"a": [{"b": "v", "c": 1}]}, {"a": [{"c": 1}]}),
]


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in DROPS], ids=[str(row[0]) for row in DROPS])
def test_drop(kernel, before, after):
    """`drop` removes what holds the string: the attribute, map entry or array element."""
    assert scrubbed(kernel, before, rule("v", DROP)) == list(after.items())


def test_counters(kernel):
    """Values (`keys`) and matches (`values`) are counted by rule, stage by stage, over all requests."""
    values = {"password": "v v", "m": {"password": 1, "x": ["v v v", "q"]}, "gone": "v", "d": "drop drop v"}
    stage = scrub(rule("v"), rule("drop", DROP), rule("q"), keys=[rule("password"), rule("gone", DROP)])
    expected = [2, 1, 4, 1, 1]
    assert counts(kernel, values, stage) == expected
    assert counts(kernel, values, scrub(rule("nothing")), stage, stage) == [0, *expected, 2, 0, 0, 0, 0]
    program = kernel.compile(spec([stage]))
    for times in range(1, 4):
        program.digest(request(span(values)))
        assert program.counters() == [times * one for one in expected]


def test_counters_count_what_does_not_change(kernel):
    """A value that already is what the action makes of it counts, and its bytes stay."""
    program = kernel.compile(spec([scrub(rule("X"), keys=[rule("k")])]))
    data = request(span({"k": "X", "a": "X X"}))
    assert program.digest(data).request() is data
    assert program.counters() == [1, 2]


def test_dropped_things_are_not_looked_at_further(kernel):
    """Once something is dropped nothing further in it is counted."""
    assert counts(kernel, {"a": "v v"}, scrub(rule("v", DROP), rule("v"))) == [1, 0]
    assert counts(kernel, {"a": {"gone": {"password": "v"}}}, scrub(rule("v"), keys=KEYS)) == [0, 0, 1, 0]


def test_a_refused_request_counts_nothing(kernel):
    """A request over a limit leaves the counters as they were."""
    program = kernel.compile(spec([scrub(rule("v"))], max_spans=1))
    with pytest.raises(ValueError, match="max_spans"):
        program.digest(request(span({"a": "v"}), span({"a": "v"})))
    assert program.counters() == [0]


def test_the_same_text_again(kernel):
    """Texts that came before, clean or not, short or long, are treated alike the second time."""
    program = kernel.compile(spec([scrub(rule("v"))]))
    values = {f"k{index}": text * repeat for index, text in enumerate(["clean", "v", "a v b"]) for repeat in (1, 300)}
    first = program.digest(request(span(values), span(values))).request()
    assert program.digest(request(span(values), span(values))).request() == first
    counted = program.counters()[0]
    assert counted == 2 * 2 * (0 + 300 + 300)


def test_large_text_is_fast(kernel):
    """A megabyte with many refused candidates is done in linear-ish time (a quadratic one would take minutes)."""
    content = "1.2.3.999 " * 20_000
    [(_, after)] = scrubbed(kernel, {"k": content}, rule(r"\d+\.\d+\.\d+\.\d\d\d", check="ipv4"))
    assert after == content

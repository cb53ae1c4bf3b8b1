"""What the configuration of `scrub` chooses, and what it refuses."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import ValidationError
from tailgate.processors.scrub.config import ScrubConfig
from tailgate.processors.scrub.detectors import BY_NAME, DETECTORS, NATIONAL, PACKS

KEY = "0123456789abcdef0123456789abcdef"
MAIL, CARD, ADDRESS, AWS = "jane@example.com", "4111111111111111", "8.8.8.8", "AKIA" + "IOSFODNN7EXAMPLE"
EVERYTHING = f"{MAIL} {CARD} {ADDRESS} {AWS}"
MASKED = "************1111"


def test_everything_is_on_by_default(scrubber: Callable[..., Any]) -> None:
    """An empty configuration is the strictest: all packs, all positions, the shipped keys."""
    assert scrubber().text(EVERYTHING) == "[EMAIL] ************1111 [IP] [AWS_ACCESS_KEY]"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"packs": ["pii"]}, ["[EMAIL]", CARD, ADDRESS, AWS]),
        ({"packs": ["financial", "network"]}, [MAIL, MASKED, "[IP]", AWS]),
        ({"packs": ["credentials"]}, [MAIL, CARD, ADDRESS, "[AWS_ACCESS_KEY]"]),
        ({"packs": []}, [MAIL, CARD, ADDRESS, AWS]),
        ({"packs": [], "detectors": ["email"]}, ["[EMAIL]", CARD, ADDRESS, AWS]),
        ({"detectors": [{"name": "ipv4", "enabled": False}]}, ["[EMAIL]", MASKED, ADDRESS, "[AWS_ACCESS_KEY]"]),
        ({"packs": [], "detectors": [{"name": "email", "text": "<mail>"}]}, ["<mail>", CARD, ADDRESS, AWS]),
    ],
)
def test_packs_and_detectors(config: dict[str, Any], expected: list[str], scrubber: Callable[..., Any]) -> None:
    """Packs choose detectors, `detectors` adds, changes and switches off."""
    assert scrubber(config).text(EVERYTHING).split() == expected


@pytest.mark.parametrize(
    ("detector", "text", "expected"),
    [
        ({"name": "payment_card"}, CARD, MASKED),
        ({"name": "payment_card", "keep_last": 2}, CARD, "*" * 14 + "11"),
        ({"name": "payment_card", "action": "mask", "char": "x"}, CARD, "x" * 12 + "1111"),
        ({"name": "payment_card", "action": "redact"}, CARD, "[PAYMENT_CARD]"),
        ({"name": "email", "action": "mask", "char": "#"}, MAIL, "####@#######.###"),
        ({"name": "email", "action": "mask", "keep_first": 4}, MAIL, "jane@*******.***"),
    ],
)
def test_actions(detector: dict[str, Any], text: str, expected: str, scrubber: Callable[..., Any]) -> None:
    """Parameters change the detector's own action; another action starts from its own defaults."""
    assert scrubber({"detectors": [detector]}).text(text) == expected


def test_drop(scrubber: Callable[..., Any]) -> None:
    """`drop` removes the attribute that holds the match."""
    assert scrubber({"detectors": [{"name": "email", "action": "drop"}]}).text("a jane@example.com") == "(dropped)"


@pytest.mark.parametrize("source", ["key", "key_file", "key_env"])
def test_hmac(source: str, scrubber: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same value becomes the same digits, by HMAC-SHA-256 under a key from the file, a file or the environment."""
    (tmp_path / "key").write_text(KEY + "\n")
    monkeypatch.setenv("SCRUB_KEY", KEY)
    given = {"key": KEY, "key_file": str(tmp_path / "key"), "key_env": "SCRUB_KEY"}[source]
    detector = {"name": "email", "action": "hmac", "prefix": "mail:"}
    out = scrubber({"hmac": {source: given, "length": 20}, "detectors": [detector]}).text("to jane@example.com")
    digest = hmac.new(KEY.encode(), b"jane@example.com", hashlib.sha256).hexdigest()
    assert out == f"to mail:{digest[:20]}"


def test_own_length(scrubber: Callable[..., Any]) -> None:
    """A rule's `length` overrides the block's."""
    detector = {"name": "email", "action": "hmac", "length": 64}
    out = scrubber({"hmac": {"key": KEY}, "detectors": [detector]}).text("jane@example.com")
    assert out == hmac.new(KEY.encode(), b"jane@example.com", hashlib.sha256).hexdigest()


def test_own_patterns_go_first(scrubber: Callable[..., Any]) -> None:
    """A pattern of one's own sees the text before the shipped detectors, replaces its group, and is counted."""
    patterns = [
        {"name": "employee", "pattern": r"\bE-(\d{5})\b", "group": 1},
        {"name": "own_mail", "pattern": r"[a-z]+@shop\.example", "text": "<colleague>"},
        {"name": "card", "pattern": r"\d+", "check": "payment_card", "action": "mask", "keep_last": 1},
    ]
    subject = scrubber({"patterns": patterns}, fresh=True)
    out = subject.text("E-12345 joe@shop.example jane@example.com 4111111111111111 4111111111111112")
    assert out == "E-[EMPLOYEE] <colleague> [EMAIL] ***************1 4111111111111112"
    assert subject.counted() == {"employee": 1, "own_mail": 1, "card": 1, "email": 1}


def test_positions(scrubber: Callable[..., Any]) -> None:
    """Only the positions that are named are looked at."""
    assert scrubber({"positions": ["resource"]}).text("jane@example.com") == "jane@example.com"
    assert scrubber({"positions": ["span"]}).text("jane@example.com") == "[EMAIL]"


def test_counters_in_the_order_of_the_kernel(scrubber: Callable[..., Any]) -> None:
    """Every rule is counted under a name of its own: keys first, then patterns, then detectors as they are applied."""
    names = scrubber({"keys": [{"pattern": "x"}], "patterns": [{"name": "own", "pattern": "x"}]}).names
    assert len(set(names)) == len(names)
    assert names[0] == "key:x"
    assert names[-3:] == ["value_too_large", "too_deep", "unchecked"]
    values = [name for name in names[:-3] if not name.startswith("key:")]
    assert names[-len(values) - 3 : -3] == values
    assert values[0] == "own"
    assert list(dict.fromkeys(name.split(".")[0] for name in values[1:])) == [
        one.name for one in DETECTORS if one.pack != NATIONAL
    ]


def test_nothing_to_do(scrubber: Callable[..., Any]) -> None:
    """A configuration without any rule is a stage less."""
    assert scrubber({"packs": [], "default_keys": False}).text("jane@example.com") == "jane@example.com"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"packs": ["pi"]},
            "unknown pack 'pi', expected one of credentials, pii, financial, network, national; did you mean 'pii'",
        ),
        ({"packs": ["everything"]}, "expected one of credentials, pii, financial, network"),
        ({"detectors": ["emial"]}, "did you mean 'email'"),
        ({"detectors": [{"name": "emial"}]}, "did you mean 'email'"),
        ({"detectors": ["email", {"name": "email", "action": "drop"}]}, "detector 'email' stands twice"),
        ({"detectors": [{"name": "email", "keep_last": 4}]}, "keep_last belongs to the action mask, not to redact"),
        ({"detectors": [{"name": "payment_card", "text": "x"}]}, "text belongs to the action redact, not to mask"),
        ({"detectors": [{"name": "email", "action": "hmac"}]}, "the action hmac needs a key"),
        ({"detectors": [{"name": "email", "action": "erase"}]}, "'redact', 'mask', 'hmac', 'token'"),
        ({"detectors": [{"name": "payment_card", "char": "##"}]}, "at most 1 character"),
        ({"positions": []}, "at least 1 item"),
        ({"positions": ["spans"]}, "did you mean 'span'"),
        ({"patterns": [{"name": "x", "pattern": "(["}]}, "is no RE2 pattern: missing ]"),
        ({"patterns": [{"name": "x", "pattern": "a(?=b)"}]}, "is no RE2 pattern"),
        ({"patterns": [{"name": "x", "pattern": "a", "group": 1}]}, "group 1: the pattern has 0 capturing groups"),
        ({"patterns": [{"name": "x", "pattern": "a", "check": "loon"}]}, "unknown check 'loon', expected one of"),
        ({"patterns": [{"name": "x", "pattern": "a", "context": [""]}]}, "at least 1 character"),
        ({"patterns": [{"name": "x", "pattern": "a", "within": 0}]}, "greater than or equal to 1"),
        ({"packs": ["national"], "countries": ["uk"]}, "unknown country 'uk'"),
        ({"detectors": [{"name": "email", "private": True}]}, "private is for ipv4 and ipv6, not for email"),
        ({"patterns": [{"name": "email", "pattern": "a"}]}, "has the name of a shipped detector"),
        ({"patterns": [{"name": "x", "pattern": "a"}, {"name": "x", "pattern": "b"}]}, "pattern 'x' stands twice"),
        ({"patterns": [{"pattern": "a"}]}, "Field required"),
        ({"keys": [{"pattern": "*"}]}, "is no RE2 pattern"),
        ({"keys": [{"pattern": "a", "group": 1}]}, "Extra inputs are not permitted"),
        ({"skip_keys": ["("]}, "is no RE2 pattern"),
        ({"hmac": {}}, "exactly one of key, key_file and key_env"),
        ({"hmac": {"key": KEY, "key_env": "X"}}, "exactly one of key, key_file and key_env"),
        ({"hmac": {"key": "short"}}, "the key has 5 bytes, expected at least 32"),
        ({"hmac": {"key": KEY, "length": 65}}, "less than or equal to 64"),
        ({"detector": ["email"]}, "Extra inputs are not permitted"),
    ],
)
def test_errors(config: dict[str, Any], message: str) -> None:
    """A mistake is refused with words that help."""
    with pytest.raises(ValidationError) as caught:
        ScrubConfig.model_validate(config)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("hmac_block", "message"),
    [
        ({"key_file": "/nonexistent/key"}, "hmac.key_file: /nonexistent/key cannot be read: No such file"),
        ({"key_env": "TAILGATE_NO_SUCH_KEY"}, "hmac.key_env: the environment has no TAILGATE_NO_SUCH_KEY"),
    ],
)
def test_a_key_that_is_not_there(hmac_block: dict[str, str], message: str, scrubber: Callable[..., Any]) -> None:
    """A key that cannot be read stops the start, with its place and without its text."""
    with pytest.raises(ValueError, match=message):
        scrubber({"hmac": hmac_block}, fresh=True)


def test_a_short_key_in_a_file(scrubber: Callable[..., Any], tmp_path: Path) -> None:
    """The line end is no part of the key, and the key is not shown."""
    (tmp_path / "key").write_text("k" * 31 + "\n")
    with pytest.raises(ValueError, match="the key has 31 bytes") as caught:
        scrubber({"hmac": {"key_file": str(tmp_path / "key")}}, fresh=True)
    assert "kkk" not in str(caught.value)


def test_the_key_is_never_shown() -> None:
    """Neither printing a configuration nor an error about it shows the key."""
    config = ScrubConfig.model_validate({"hmac": {"key": KEY}})
    assert KEY not in repr(config)
    assert KEY not in config.model_dump_json()
    with pytest.raises(ValidationError) as caught:
        ScrubConfig.model_validate({"hmac": {"key": KEY, "length": 99}, "packs": ["x"]})
    assert KEY not in str(caught.value)


def test_the_table_of_detectors() -> None:
    """Names are unique, every pack has detectors, and variants of one detector have names of their own."""
    assert len(BY_NAME) == len(DETECTORS)
    assert {detector.pack for detector in DETECTORS} == {*PACKS, NATIONAL}
    for detector in DETECTORS:
        assert len({rule.variant for rule in detector.rules}) == len(detector.rules)


def test_the_schema_for_editors() -> None:
    """A detector may be a bare name or a mapping, in the JSON schema too; names are listed."""
    schema = ScrubConfig.model_json_schema()
    bare, mapping = schema["$defs"]["DetectorConfig"]["anyOf"]
    assert bare["enum"] == list(BY_NAME)
    assert mapping["properties"]["name"]["enum"] == list(BY_NAME)
    assert schema["properties"]["packs"]["items"]["enum"] == [*PACKS, NATIONAL]


KEYS: dict[str, Any] = {"key": "k" * 32, "id": "k2", "length": 8, "previous": {"key": "p" * 32, "id": "k1"}}


def test_actions_that_keep_something(scrubber: Callable[..., Any]):
    """Guarantees: the shape, the network or the start stays; digests of two keys say whose they are."""
    patterns = [
        {"name": "order", "pattern": r"A-\d+", "action": "token"},
        {"name": "client", "pattern": r"client=(\S+)", "group": 1, "action": "network"},
        {"name": "wide", "pattern": r"wide=(\S+)", "group": 1, "action": "network", "ipv4_prefix": 8},
        {"name": "note", "pattern": "note:.*", "action": "truncate", "keep": 9},
        {"name": "user", "pattern": r"user\d", "action": "hmac", "prefix": "u/"},
    ]
    subject = scrubber({"packs": [], "default_keys": False, "patterns": patterns, "hmac": KEYS})
    assert re.fullmatch(r"[A-Z]-\d{5}", subject.text("A-12345"))
    assert subject.text("A-12345") != "A-12345"
    assert subject.text("client=203.0.113.9") == "client=203.0.113.0"
    assert subject.text("client=2001:db8:7:8::9") == "client=2001:db8:7::"
    assert subject.text("wide=203.0.113.9") == "wide=203.0.0.0"
    assert subject.text("note: abcdefgh") == "note: abc"
    new, old = (hmac.new(letter * 32, b"user1", hashlib.sha256).hexdigest()[:8] for letter in (b"k", b"p"))
    assert subject.text("user1") == f"u/k2:{new},k1:{old}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hmac": {**KEYS, "id": None}}, "two keys need an id each"),
        ({"hmac": {**KEYS, "id": "k1"}}, "two keys need an id each"),
        ({"hmac": {**KEYS, "id": "a:b"}}, "hmac.id"),
        ({"hmac": {**KEYS, "previous": {"key": "short", "id": "k1"}}}, "at least 32"),
        ({"patterns": [{"name": "a", "pattern": "a", "action": "token"}]}, "the action token needs a key"),
        ({"patterns": [{"name": "a", "pattern": "a", "action": "truncate"}]}, "truncate needs keep"),
        ({"patterns": [{"name": "a", "pattern": "a", "keep": 1}]}, "keep belongs to the action truncate"),
        ({"patterns": [{"name": "a", "pattern": "a", "action": "network", "ipv4_prefix": 33}]}, "32"),
    ],
)
def test_errors_of_actions(change: dict[str, Any], message: str):
    with pytest.raises(ValidationError) as caught:
        ScrubConfig.model_validate(change)
    assert message in str(caught.value)
    assert "k" * 32 not in str(caught.value)


def test_keys_that_one_detector_skips(scrubber: Callable[..., Any]) -> None:
    """Guarantees: it leaves these attributes alone, others do not, and it finds what it finds everywhere else."""
    config: dict[str, Any] = {
        "packs": ["network"],
        "detectors": [{"name": "ipv4", "skip_keys": ["^note$"]}, {"name": "email", "enabled": True}],
        "patterns": [{"name": "order", "pattern": "A-1", "skip_keys": ["^note$"]}, {"name": "any", "pattern": "B-1"}],
    }
    subject = scrubber(config, fresh=True)
    assert subject.text(f"{ADDRESS} {MAIL} A-1 B-1") == f"{ADDRESS} [EMAIL] A-1 [ANY]"
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name=f"{ADDRESS} A-1")
    span.attributes.add(key="other").value.string_value = f"{ADDRESS} A-1"
    out = subject.parsed(request).resource_spans[0].scope_spans[0].spans[0]
    assert (out.name, out.attributes[0].value.string_value) == ("[IP] [ORDER]", "[IP] [ORDER]")
    assert subject.counted() == {"any": 1, "email": 1, "order": 2, "ipv4": 2}


def test_context(scrubber: Callable[..., Any]) -> None:
    """Guarantees: with `context` a match counts only near one of the words, in any spelling."""
    pattern = {"name": "badge", "pattern": "[0-9]{5}", "context": ["badge no", "entry"], "within": 10}
    subject = scrubber({"packs": [], "default_keys": False, "patterns": [pattern]})
    for text in ("badge no 12345", "BADGE_NO=12345", "badgeNo: 12345", "12345 (entry)", "theBadgeNo 12345"):
        assert subject.text(text) == text.replace("12345", "[BADGE]")
    for text in ("order 12345", "badges of honour 12345", "re-entry12345", "badge no is not known: 12345"):
        assert subject.text(text) == text


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("luhn", "79927398713", "79927398710"),
        ("entropy", "3f9a8b7c6d5e", "aaaabbbb1111"),
        ("br_cpf", "11144477735", "11144477736"),
    ],
)
def test_checks_by_name(check: str, good: str, bad: str, scrubber: Callable[..., Any]) -> None:
    """Guarantees: a pattern of one's own may have any validator that is shipped."""
    pattern = {"name": "own", "pattern": r"\b\w{11,}\b", "check": check}
    subject = scrubber({"packs": [], "default_keys": False, "patterns": [pattern]})
    assert subject.text(f"{good} {bad}") == f"[OWN] {bad}"


def test_private_addresses(scrubber: Callable[..., Any]) -> None:
    """Guarantees: private addresses stay unless they are asked for."""
    text = "10.0.0.7 fd12:3456::1 fe80::1 ::1 127.0.0.1 std::fmt 1.2.3"
    assert scrubber().text(text) == text
    both = [{"name": name, "private": True} for name in ("ipv4", "ipv6")]
    assert scrubber({"detectors": both}).text(text) == "[IP] [IP] [IP] [IP] [IP] std::fmt 1.2.3"


@pytest.mark.parametrize(
    ("key", "value", "stays"),
    [
        ("server.address", "8.8.8.8", True),
        ("client.address", "8.8.8.8", False),
        ("k8s.pod.ip", "2600:1f18::7", True),
        ("service.version", "4.11.2.9", True),
        ("host.mac", "3c:22:fb:01:9a:7e", True),
        ("client.mac", "3c:22:fb:01:9a:7e", False),
        ("messaging.message.id", "4111111111111111", True),
        ("order.number", "536-90-4399", True),
        ("created_at", "4111111111111111", True),
        ("event.status", "4111111111111111", False),
        ("customer.id", "536-90-4399", False),
    ],
)
def test_keys_whose_meaning_is_known(key: str, value: str, stays: bool, scrubber: Callable[..., Any]) -> None:
    """Guarantees: detectors leave attributes alone that are known to mean something else, and only those."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.attributes.add(key=key).value.string_value = value
    out = scrubber().parsed(request).resource_spans[0].scope_spans[0].spans[0]
    assert (out.attributes[0].value.string_value == value) is stays


def test_a_list_of_ones_own_replaces_the_shipped_one(scrubber: Callable[..., Any]) -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.attributes.add(key="server.address").value.string_value = "8.8.8.8"
    out = scrubber({"detectors": [{"name": "ipv4", "skip_keys": []}]}).parsed(request)
    assert out.resource_spans[0].scope_spans[0].spans[0].attributes[0].value.string_value == "[IP]"

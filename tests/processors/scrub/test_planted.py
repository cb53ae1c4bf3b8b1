"""No planted secret survives: any secret, in any string position, in any text, plain or as JSON."""

from __future__ import annotations

import base64
import ipaddress
import json
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from planting import POSITIONS, trace_positions

ALNUM = string.ascii_letters + string.digits
SYMBOLS = ALNUM + "!#$%*+-./:=?@^_`{|~(["
FIRST = ALNUM + "!#%*+-^_`|~(["
"""Not `:name` and `@name`, which stand for values in SQL, and no path. (The `Pw7` below: nor `{x}`, `[X]`, `***`.)"""


def chars(alphabet: str, low: int, high: int | None = None) -> st.SearchStrategy[str]:
    """Return texts over an alphabet."""
    return st.text(alphabet, min_size=low, max_size=low if high is None else high)


def luhn(digits: str) -> str:
    """Return the digits with their check digit (ISO/IEC 7812-1)."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if index % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return digits + str(-total % 10)


@st.composite
def cards(draw: st.DrawFn) -> str:
    """Return a card number of an issuer, in blocks or in one piece."""
    issuers = [
        ("4", 16),
        ("4", 13),
        ("51", 16),
        ("2300", 16),
        ("34", 15),
        ("37", 15),
        ("6011", 16),
        ("36", 14),
        ("62", 19),
    ]
    prefix, length = draw(st.sampled_from(issuers))
    number = luhn(prefix + draw(chars(string.digits, length - 1 - len(prefix))))
    separator = draw(st.sampled_from(["", " ", "-"]))
    if length == 16:
        return separator.join(number[index : index + 4] for index in range(0, 16, 4))
    if length == 15:
        return separator.join([number[:4], number[4:10], number[10:]])
    return number


@st.composite
def ibans(draw: st.DrawFn) -> str:
    """Return an IBAN with its check digits (ISO 7064, mod 97-10)."""
    country, length = draw(st.sampled_from([("DE", 22), ("GB", 22), ("NO", 15), ("MT", 31), ("FR", 27), ("BE", 16)]))
    account = draw(chars(string.digits + string.ascii_uppercase, length - 4))
    rest = int("".join(str(int(character, 36)) for character in f"{account}{country}00")) % 97
    number = f"{country}{98 - rest:02}{account}"
    if draw(st.booleans()):
        number = " ".join(number[index : index + 4] for index in range(0, length, 4))
    return number.lower() if draw(st.booleans()) else number


@st.composite
def ssns(draw: st.DrawFn) -> str:
    """Return a social security number that can have been issued."""
    area = draw(st.integers(1, 899).filter(lambda area: area != 666))
    return f"{area:03}-{draw(st.integers(1, 99)):02}-{draw(st.integers(1, 9999)):04}"


@st.composite
def emails(draw: st.DrawFn) -> str:
    """Return an e-mail address."""
    local = draw(st.from_regex(r"\A[a-zA-Z0-9][a-zA-Z0-9._+-]{0,20}\Z").filter(lambda local: local != "git"))
    labels = draw(st.lists(st.from_regex(r"\A[a-z][a-z0-9]{0,10}\Z"), min_size=1, max_size=3))
    return f"{local}@{'.'.join(labels)}.{draw(st.sampled_from(['com', 'org', 'io', 'de', 'museum']))}"


def public(address: Any) -> bool:
    """Return whether an address is out in the world (and no network's own)."""
    special = address.is_multicast or str(address).startswith("192.0.0.")
    return bool(address.is_global and not special and not str(address).endswith(".0"))


def jwts() -> st.SearchStrategy[str]:
    """Return JSON web tokens."""

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return st.builds(
        lambda algorithm, subject, signature: f"{part({'alg': algorithm})}.{part({'sub': subject})}.{signature}",
        st.sampled_from(["HS256", "RS256", "none"]),
        st.text(max_size=20),
        chars(ALNUM + "-_", 0, 60),
    )


def pems() -> st.SearchStrategy[str]:
    """Return private keys."""
    return st.builds(
        lambda kind, body: f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----",
        st.sampled_from(["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "]),
        chars(ALNUM + "+/=\n", 20, 200),
    )


def after(before: str, secret: st.SearchStrategy[str], behind: str = "") -> st.SearchStrategy[tuple[str, str]]:
    """Return (text, secret): the secret in what has to stand around it."""
    return secret.map(lambda secret: (f"{before}{secret}{behind}", secret))


def bare(secret: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    """Return (text, secret) of a secret that stands for itself."""
    return secret.map(lambda secret: (secret, secret))


WORD = chars(ALNUM, 8, 30)
SECRETS: dict[str, st.SearchStrategy[tuple[str, str]]] = {
    "email": bare(emails()),
    "card": bare(cards()),
    "iban": bare(ibans()),
    "ssn": bare(ssns()),
    "phone": bare(st.from_regex(r"\A\+(1[2-9][0-9]{9}|44 20 [0-9]{4} [0-9]{4}|[2-9][0-9]{9,13})\Z")),
    "ipv4": bare(st.ip_addresses(v=4).filter(public).map(str)),
    "ipv6": bare(st.ip_addresses(v=6, network=ipaddress.IPv6Network("2000::/3")).map(str)),
    "jwt": bare(jwts()),
    "pem": bare(pems()),
    "github": bare(st.builds(str.__add__, st.sampled_from(["ghp_", "gho_", "ghs_"]), chars(ALNUM, 36))),
    "aws": bare(chars(string.ascii_uppercase + "234567", 16).map(lambda rest: f"AKIA{rest}")),
    "authorization": after("Authorization: Bearer ", WORD),
    "bearer": after("bearer ", chars(ALNUM + "._~+/-", 32, 60)),
    "basic": after(
        "Basic ",
        st.builds(lambda user, key: base64.b64encode(f"{user}:{key}".encode()).decode(), WORD, st.text(max_size=20)),
    ),
    "url_password": after("postgres://app:", WORD, "@db:5432/shop"),
    "url_query": after("https://x.io/a?page=1&access_token=", WORD, "&size=2"),
    "password": after(
        "password=", st.builds(str.__add__, chars(FIRST, 1), chars(SYMBOLS, 3, 20).map(lambda word: f"{word}Pw7"))
    ),
    "json": after(
        '{"user": "jane", "password": "',
        chars(SYMBOLS + ",;&)}]<> ", 8, 20).map(lambda word: f"{word}Pw7"),
        '", "n": 1}',
    ),
}
BEFORE = [" ", "\n", "\t", ",", ";", "|", "(", "[", "{", "<", "'", '"', "!", "*", "«", "\uff1a", "é", "联", "🙂"]
BEHIND = [" ", "\n", "\t", ",", ";", "|", ")", "]", "}", ">", "'", '"', "!", "*", "»", "\uff0c", "联", "🙂"]


@st.composite
def planted(draw: st.DrawFn, kind: str) -> tuple[str, str]:
    """Return (text, secret as it stands in the text)."""
    core, secret = draw(SECRETS[kind])
    before = draw(st.one_of(st.just(""), st.builds(str.__add__, st.text(max_size=20), st.sampled_from(BEFORE))))
    behind = draw(st.one_of(st.just(""), st.builds(str.__add__, st.sampled_from(BEHIND), st.text(max_size=20))))
    text = before + core + behind
    assume(text.count(secret) == 1)
    for _ in range(draw(st.integers(0, 2))):
        text, secret = json.dumps({"note": text}), json.dumps(secret)[1:-1]
    return text, secret


@pytest.mark.parametrize("kind", SECRETS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_planted_secret_survives(kind: str, scrubber: Callable[..., Any], data: st.DataObject) -> None:
    """A secret of every kind, made at random, is not in the bytes that leave; a second scrubbing changes nothing."""
    text, secret = data.draw(planted(kind))
    request = ExportTraceServiceRequest()
    trace_positions(request)[data.draw(st.sampled_from(POSITIONS))](text)
    serialized = request.SerializeToString()
    assert secret.encode() in serialized
    out = scrubber().request(serialized)
    assert secret.encode() not in out
    assert scrubber().request(out) is out


ONCE_MISSED = [
    ('{"password": "[0000000Pw7"}', "[0000000Pw7"),
    ("password=A(00Pw7)", "A(00Pw7"),
    ("password=A[00Pw7]", "A[00Pw7"),
    (";password=%A`0Pw7", "%A`0Pw7"),
]


@pytest.mark.parametrize("layers", range(3))
@pytest.mark.parametrize(("text", "secret"), ONCE_MISSED)
def test_what_once_survived(text: str, secret: str, layers: int, scrubber: Callable[..., Any]) -> None:
    """What the search above has found, also in JSON and JSON in JSON: it goes, and a second time changes nothing."""
    for _ in range(layers):
        text = json.dumps({"note": text})
    out = scrubber().text(text)
    assert secret not in out
    assert scrubber().text(out) == out


@pytest.mark.parametrize("position", POSITIONS)
def test_every_position(position: str, scrubber: Callable[..., Any]) -> None:
    """In every position the secret goes, and the text around it stays."""
    request = ExportTraceServiceRequest()
    trace_positions(request)[position]("mail jane@example.com today")
    out = scrubber().request(request.SerializeToString())
    assert b"jane" not in out
    assert b"mail [EMAIL] today" in out

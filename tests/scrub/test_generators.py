"""The generators make what the definitions define: checked against published examples and other implementations."""

from __future__ import annotations

import importlib
import ipaddress
import json
import random
import re
import zlib
from base64 import urlsafe_b64decode

import pytest
from labelled import Found
from secrets_credentials import jwt
from secrets_financial import IBANS, card, iban, luhn, routing
from secrets_national import NUMBERS
from secrets_network import ipv4, ipv6, mac
from secrets_personal import email, phone, ssn
from secrets_tokens import BASE62, PROVIDERS, github
from texts import TEMPLATES, filled

SEEDS = range(50)


@pytest.mark.parametrize("number", ["4111111111111111", "5500000000000004", "378282246310005", "6011111111111117"])
def test_luhn(number: str) -> None:
    """Numbers that the networks publish for tests."""
    assert luhn(number[:-1]) == number


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers(seed: int) -> None:
    """Every number has its check digits, by another way to compute them."""
    draw = random.Random(seed)
    digits = [int(digit) for digit in reversed(card(draw))]
    assert (sum(digits[0::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0
    account = iban(draw)
    assert int("".join(str(int(sign, 36)) for sign in account[4:] + account[:4])) % 97 == 1
    number = routing(draw)
    assert sum(int(digit) * (3, 7, 1)[at % 3] for at, digit in enumerate(number)) % 10 == 0
    assert re.fullmatch(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}", ssn(draw))


def test_iban_lengths() -> None:
    """The lengths of the registry, of some countries."""
    lengths = {line.split()[0]: 4 + sum(map(int, re.findall(r"\d+", line.split()[1]))) for line in IBANS}
    assert len(lengths) == len(IBANS) >= 70
    known = {
        "DE": 22,
        "GB": 22,
        "FR": 27,
        "NO": 15,
        "MT": 31,
        "NL": 18,
        "IT": 27,
        "ES": 24,
        "PL": 28,
        "SA": 24,
        "BR": 29,
    }
    assert {country: lengths[country] for country in known} == known


@pytest.mark.parametrize("seed", SEEDS)
def test_addresses(seed: int) -> None:
    """They are global, of one interface, and can be dialled."""
    draw = random.Random(seed)
    assert ipaddress.ip_address(ipv4(draw)).is_global
    assert ipaddress.ip_address(ipv6(draw))
    assert int(re.split("[:-]", mac(draw))[0], 16) & 1 == 0
    assert 7 <= len(re.sub(r"\D", "", phone(draw))) <= 15
    assert email(draw).count("@") == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_tokens(seed: int) -> None:
    """A web token's header says its algorithm; a GitHub token carries the checksum of its body."""
    draw = random.Random(seed)
    header = jwt(draw).split(".")[0]
    assert json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["alg"]
    token = github(draw)
    total = 0
    for sign in token[-6:]:
        total = total * 62 + BASE62.index(sign)
    assert total == zlib.crc32(token[4:-6].encode())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_texts(template: object) -> None:
    """Every text holds the secret once, as it is written there."""
    text = filled(template, Found("a'b\"c 1&2"), random.Random(1))  # type: ignore[arg-type]
    assert text.whole.count(text.secret) == 1
    assert text.core == text.secret


MODULES = {
    "ch_ahv": "ch.ssn",
    "gb_nino": "",
    "it_codice_fiscale": "it.codicefiscale",
    "in_pan": "in_.pan",
    "in_aadhaar": "in_.aadhaar",
    "il_id": "il.idnr",
    "no_fnr": "no.fodselsnummer",
    "se_pn": "se.personnummer",
    "sg_nric": "",
    "tr_tckn": "tr.tckimlik",
    "za_id": "za.idnr",
}
"""Where python-stdnum has a number under another name."""


@pytest.mark.parametrize("name", NUMBERS)
def test_national_numbers(name: str) -> None:
    """python-stdnum, where it is installed, takes them for what they are."""
    pytest.importorskip("stdnum")
    module = MODULES.get(name, name.replace("_", "."))
    if not module:
        pytest.skip("it does not have this one")
    other, draw, source = importlib.import_module(f"stdnum.{module}"), NUMBERS[name][0], random.Random(1)
    for _ in range(50):
        other.validate(draw(source))


def test_providers_differ() -> None:
    """No two examples of a provider are the same."""
    for draw in PROVIDERS.values():
        source = random.Random(1)
        assert len({draw(source).secret for _ in range(10)}) == 10

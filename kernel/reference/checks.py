"""Validators that a match must pass before a scrub rule counts it."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from .digits import compile_check
from .spec import choice

_IBAN = """AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29
ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28
LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29
RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"""
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBAN.split()}

_ISSUERS = [  # first and last prefix, lengths
    ("4", "4", (13, 16, 19)),
    ("51", "55", (16,)),
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),
    ("37", "37", (15,)),
    ("6011", "6011", range(16, 20)),
    ("644", "649", range(16, 20)),
    ("65", "65", range(16, 20)),
    ("300", "305", range(14, 20)),
    ("309", "309", range(14, 20)),
    ("36", "36", range(14, 20)),
    ("38", "39", range(14, 20)),
    ("35", "35", range(16, 20)),
    ("1", "1", (15,)),
    ("2131", "2131", (15,)),
    ("2200", "2204", (16,)),
    ("81", "82", (16,)),
    ("9792", "9792", (16,)),
    ("62", "62", range(16, 20)),
    ("50", "50", range(12, 20)),
    ("56", "58", range(12, 20)),
    ("6", "6", range(12, 20)),
]


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    return (sum(int(digit) for digit in digits[-1::-2]) + sum(n - 9 if n > 9 else n for n in doubled)) % 10 == 0


def _in_one_piece(text: str) -> str:
    """Return the text without blanks, also where they are written as in URLs."""
    return text.replace(" ", "").replace("+", "").replace("%20", "")


def payment_card(text: str) -> bool:
    """Return whether this is a card number of a known issuer."""
    digits = _in_one_piece(text).replace("-", "").replace("%2D", "")
    if not re.fullmatch(r"[0-9]{12,19}", digits) or len(set(digits)) == 1 or not _luhn(digits):
        return False
    return any(low <= digits[: len(low)] <= high and len(digits) in lengths for low, high, lengths in _ISSUERS)


def iban(text: str) -> bool:
    """Return whether this is an IBAN of a registered country (ISO 13616)."""
    number = _in_one_piece(text).upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", number) or _IBAN_LENGTHS.get(number[:2]) != len(number):
        return False
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1


def us_ssn(text: str) -> bool:
    """Return whether this can be a US social security number."""
    match = re.fullmatch(r"([0-9]{3})([^0-9])([0-9]{2})\2([0-9]{4})", text, re.DOTALL)
    if match is None:
        return False
    area, _, group, serial = match.groups()
    if area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000":
        return False
    return (area, group, serial) not in {("078", "05", "1120"), ("219", "09", "9999"), ("123", "45", "6789")}


def e164(text: str) -> bool:
    """Return whether this is an international telephone number."""
    return re.fullmatch(r"\+[1-9][0-9]{6,14}", re.sub(r"[ ().-]", "", text)) is not None


def ipv4(text: str) -> bool:
    """Return whether this is an IPv4 address."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def ipv6(text: str) -> bool:
    """Return whether this is an IPv6 address."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


_PRIVATE_4 = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
_PRIVATE_6 = [ipaddress.IPv6Network(network) for network in ("::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8")]


def _is_public_4(address: ipaddress.IPv4Address) -> bool:
    return not any(address in network for network in _PRIVATE_4)


def public_ipv4(text: str) -> bool:
    """Return whether this is an IPv4 address outside the private and special ranges."""
    return ipv4(text) and _is_public_4(ipaddress.IPv4Address(text))


def public_ipv6(text: str) -> bool:
    """Return whether this is an IPv6 address outside the private and special ranges."""
    if not ipv6(text):
        return False
    address = ipaddress.IPv6Address(int(ipaddress.IPv6Address(text)))  # without the zone
    if address.ipv4_mapped is not None:
        return _is_public_4(address.ipv4_mapped)
    return not any(address in network for network in _PRIVATE_6)


def _unbase64(text: str) -> bytes | None:
    """Return the bytes of base64 in the standard alphabet, padding optional; None when it is no base64."""
    digits = text.rstrip("=")
    padding = len(text) - len(digits)
    if not re.fullmatch(r"[A-Za-z0-9+/]*", digits) or len(digits) % 4 == 1 or padding > 2:
        return None
    if padding and len(text) % 4:
        return None
    return base64.b64decode(digits + "=" * (-len(digits) % 4))


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def jwt(text: str) -> bool:
    """Return whether this begins with the header of a JSON web token."""
    head, dot, _ = text.partition(".")
    decoded = _unbase64(head.replace("-", "+").replace("_", "/")) if dot and not set(head) & set("+/") else None
    if decoded is None:
        return False
    try:
        header = json.loads(decoded.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and "alg" in header


def basic_credentials(text: str) -> bool:
    """Return whether this is base64 of a user name and a password."""
    decoded = _unbase64(text.replace("-", "+").replace("_", "/"))
    return decoded is not None and b":" in decoded


def github_token(text: str) -> bool:
    """Return whether the last six characters are the CRC-32 of the others behind the prefix, in base 62."""
    head, _, body = text.rpartition("_")
    value = zlib.crc32(body[:-6].encode())
    digits = ""
    for _ in range(6):
        value, rest = divmod(value, 62)
        digits = _BASE62[rest] + digits
    return head != "" and len(body) > 6 and body[-6:] == digits


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

CHECKS: dict[str, Callable[[str], bool]] = {
    check.__name__: check
    for check in (
        payment_card,
        iban,
        us_ssn,
        e164,
        ipv4,
        ipv6,
        public_ipv4,
        public_ipv6,
        jwt,
        basic_credentials,
        github_token,
    )
}


def compiled(spec: Any) -> Callable[[str], bool]:
    """Return the check of a rule: one of `CHECKS` by its name, or one with parameters. Raises `BadProgram`."""
    return compile_check(spec) if isinstance(spec, Mapping) else CHECKS[choice(spec, CHECKS, "check")]

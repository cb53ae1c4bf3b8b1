"""Addresses of people: e-mail (RFC 5321, 5322, 6531), telephone (ITU-T E.164), US social security numbers (SSA)."""

from __future__ import annotations

import random

from labelled import ALNUM, DIGITS, LOWER, Found, Kind, bare, chars

FIRST = [
    "jane",
    "john",
    "maria",
    "li",
    "olu",
    "fatima",
    "sven",
    "ines",
    "omar",
    "yuki",
    "anna",
    "tomás",
    "zoë",
    "björn",
    "chloé",
]
LAST = [
    "doe",
    "miller",
    "o'brien",
    "garcia",
    "wang",
    "schmidt",
    "okafor",
    "rossi",
    "novak",
    "de.vries",
    "van-dyk",
    "smith-jones",
    "kim",
    "nguyen",
]
DOMAINS = ("example", "mail", "corp", "acme-industries", "my-company", "uni", "post", "x1", "team5", "a")
TOPS = ("com", "org", "net", "io", "de", "co.uk", "com.br", "museum", "technology", "fr", "jp", "edu", "gov", "app")
WIDE = ("münchen.de", "пример.рф", "παράδειγμα.ελ", "société.fr", "xn--bcher-kva.example.com")
NUMBERS: tuple[tuple[str, str], ...] = (
    # country codes and national numbers as their plans group them; N: 2 to 9, d: any
    ("1", "Ndd Ndd dddd"), ("44", "20 dddd dddd"), ("44", "7Ndd dddddd"), ("49", "30 Nddddddd"), ("49", "15dd ddddddd"),
    ("33", "6 dd dd dd dd"), ("34", "6dd ddd ddd"), ("39", "3dd ddd dddd"), ("31", "6 dddddddd"), ("41",
    "79 ddd dd dd"),
    ("43", "664 ddddddd"), ("46", "70 ddd dd dd"), ("47", "4dd dd ddd"), ("48", "5dd ddd ddd"), ("7", "9dd ddd dd dd"),
    ("81", "90 dddd dddd"), ("82", "10 dddd dddd"), ("86", "138 dddd dddd"), ("91", "9dddd ddddd"), ("55",
    "11 9dddd dddd"),
    ("52", "55 dddd dddd"), ("61", "4dd ddd ddd"), ("64", "21 ddd ddd"), ("27", "82 ddd dddd"), ("234", "803 ddd dddd"),
    ("353", "86 ddd dddd"), ("351", "912 ddd ddd"), ("420", "602 ddd ddd"), ("972", "50 ddd dddd"), ("971",
    "50 ddd dddd"),
)  # fmt: skip


def email(random: random.Random) -> str:
    """Return an address as people and systems have them: dot-atoms, tags, subdomains."""
    kind = random.randrange(12)
    first, last = random.choice(FIRST), random.choice(LAST)
    local = f"{first}{random.choice(['.', '_', '-', ''])}{last}"
    if kind == 0:
        local += f"+{chars(random, LOWER, 3, 8)}"
    elif kind == 1:
        local = chars(random, ALNUM, 1, 20)
    elif kind == 2:
        local = f"{first[0]}{last}{chars(random, DIGITS, 1, 4)}"
    elif kind == 3:
        local = chars(random, DIGITS, 3, 9)
    if kind < 11:
        local = local.encode("ascii", "ignore").decode()
    domain = f"{random.choice(DOMAINS)}.{random.choice(TOPS)}"
    if kind in (4, 5):
        domain = f"{chars(random, LOWER, 2, 6)}.{domain}"
    elif kind == 6:
        domain = domain.upper()
    elif kind == 11:
        domain = random.choice(WIDE)
    return f"{local}@{domain}"


def rare_email(random: random.Random) -> str:
    """Return an address in a form that RFC 5321 allows and hardly anybody has."""
    local = chars(random, LOWER, 3, 8)
    return random.choice(
        [f'"{local} {local}"@example.com', f"{local}@[192.0.2.{random.randint(1, 254)}]", f"用户{local}@例え.テスト"]
    )


def digits(random: random.Random, plan: str) -> str:
    return "".join(chars(random, "23456789" if c == "N" else DIGITS, 1) if c in "Nd" else c for c in plan)


def phone(random: random.Random) -> str:
    """Return an international number."""
    code, plan = random.choice(NUMBERS)
    number, style = digits(random, plan), random.randrange(6)
    if style < 2:
        return f"+{code}{number.replace(' ', '')}"
    if style == 2:
        return f"+{code}-{number.replace(' ', '-')}"
    if style == 3:
        area, _, rest = number.partition(" ")
        return f"+{code} ({area}) {rest.replace(' ', '-')}"
    return f"+{code}.{number.replace(' ', '.')}" if style == 4 else f"+{code} {number}"


def national_phone(random: random.Random) -> str:
    """Return a number as it is dialled inside of a country."""
    area, exchange, line = digits(random, "Ndd"), digits(random, "Ndd"), digits(random, "dddd")
    return random.choice([f"({area}) {exchange}-{line}", f"{area}-{exchange}-{line}", f"0{area} {exchange}{line}"])


PHONE_WORDS = (
    "phone ",
    "Phone: ",
    "phone=",
    "mobile: ",
    "Tel. ",
    "fax: ",
    "phone number is ",
    "call me at ",
    "telephone: ",
)


def named_phone(random: random.Random) -> Found:
    """Return a number as people write it at home, behind a word for it."""
    rest = random.choice(["ddd dddd", "ddd dd dd", "ddddddd", "dd dd dd dd"])
    abroad = digits(random, f"0N{random.choice(['', 'd', 'dd'])}{random.choice([' ', '-', '/'])}{rest}")
    return Found(random.choice([national_phone(random), abroad]), random.choice(PHONE_WORDS))


def ssn(random: random.Random, separator: str = "-") -> str:
    """Return a number that can have been assigned: no area 000, 666, 900 and above, no group 00, no serial 0000."""
    area = random.choice([*range(1, 666), *range(667, 900)])
    text = f"{area:03}{separator}{random.randint(1, 99):02}{separator}{random.randint(1, 9999):04}"
    famous = {"078-05-1120", "219-09-9999", "123-45-6789"}
    return ssn(random, separator) if text in {one.replace("-", separator) for one in famous} else text


SSN_WORDS = (
    "ssn ",
    "SSN: ",
    "ssn=",
    "Social Security Number: ",
    "social security number ",
    "SSN# ",
    "social security no. ",
)


def named_ssn(random: random.Random) -> Found:
    return Found(ssn(random, random.choice(["", " ", "."])), random.choice(SSN_WORDS))


KINDS = (
    Kind("e-mail address", ("email",), bare(email), "any", 320),
    Kind("international number", ("phone",), bare(phone), "any", 280),
    Kind("social security number, hyphens", ("us_ssn",), bare(ssn), "any", 170),
    Kind("social security number, named", ("us_ssn",), named_ssn, "lines", 110),
    Kind("e-mail, quoted local part, domain literal or CJK letters", ("email",), bare(rare_email), "lines", 25,
         counted=False),
    Kind("national number, named", ("phone",), named_phone, "lines", 80),
    Kind("national telephone number", ("phone",), bare(national_phone), "any", 25, counted=False),
)  # fmt: skip

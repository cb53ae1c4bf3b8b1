"""Payment cards (ISO/IEC 7812), IBANs (ISO 13616), routing numbers (ABA), with their check digits."""

from __future__ import annotations

import random
import re

from labelled import DIGITS, UPPER, Found, Kind, bare, chars

ISSUERS: tuple[tuple[int, int, int, int], ...] = (
    # first and last prefix, length, weight; as the networks publish them
    (4, 4, 16, 30), (4, 4, 13, 1), (51, 55, 16, 14), (2221, 2720, 16, 8), (34, 34, 15, 4), (37, 37, 15, 6),
    (6011, 6011, 16, 4), (644, 649, 16, 2), (65, 65, 16, 2), (300, 305, 14, 1), (309, 309, 14, 1), (36, 36, 14, 2),
    (38, 39, 14, 1), (3528, 3589, 16, 5), (1800, 1800, 15, 1), (2131, 2131, 15, 1),
    (62, 62, 16, 4), (62, 62, 19, 2), (5018, 5018, 16, 1), (5020, 5020, 16, 1),
    (5038, 5038, 16, 1), (6304, 6304, 16, 1), (6759, 6759, 16, 1), (6761, 6763, 16, 2),
)  # fmt: skip
LONG_ISSUERS = ((4, 4, 19, 1), (6011, 6011, 19, 1), (65, 65, 18, 1), (6759, 6759, 18, 1), (3528, 3589, 17, 1))
SHORT_ISSUERS = ((5018, 5018, 12, 1), (6304, 6304, 13, 1), (6759, 6759, 12, 1), (6761, 6763, 14, 1))
"""Maestro's, of fewer digits than other cards have."""
NATIONAL_ISSUERS = ((5019, 5019, 16, 1), (2200, 2204, 16, 1), (508, 508, 16, 1), (81, 82, 16, 1))
"""Dankort, Mir, RuPay."""
BLOCKS = {13: (4, 3, 3, 3), 14: (4, 6, 4), 15: (4, 6, 5), 16: (4, 4, 4, 4), 19: (4, 4, 4, 4, 3)}

IBANS = """AD 8n12c|AE 19n|AL 8n16c|AT 16n|AZ 4a20c|BA 16n|BE 12n|BG 4a6n8c|BH 4a14c|BR 23n1a1c|BY 4c4n16c|CH 5n12c
CR 18n|CY 8n16c|CZ 20n|DE 18n|DK 14n|DO 4c20n|EE 16n|EG 25n|ES 20n|FI 14n|FO 14n|FR 10n11c2n|GB 4a14n|GE 2a16n
GI 4a15c|GL 14n|GR 7n16c|GT 4c20c|HR 17n|HU 24n|IE 4a14n|IL 19n|IQ 4a15n|IS 22n|IT 1a10n12c|JO 4a4n18c|KW 4a22c
KZ 3n13c|LB 4n20c|LI 5n12c|LT 16n|LU 3n13c|LV 4a13c|MC 10n11c2n|MD 20c|ME 18n|MK 3n10c2n|MT 4a5n18c|MU 4a19n3a
NL 4a10n|NO 11n|PK 4a16c|PL 24n|PS 4a21c|PT 21n|QA 4a21c|RO 4a16c|RS 18n|SA 2n18c|SE 20n|SI 15n|SK 20n|SM 1a10n12c
TN 20n|TR 5n1n16c|UA 6n19c|VG 4a16n|XK 16n""".replace("\n", "|").split("|")
"""Countries with the structure of what follows the check digits: n digits, a letters, c both (the registry's)."""


def luhn(digits: str) -> str:
    """Return digits with their check digit (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(digits))]
    return digits + str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def card(random: random.Random, issuers: tuple[tuple[int, int, int, int], ...] = ISSUERS) -> str:
    """Return the digits of a card."""
    low, high, length, _ = random.choices(issuers, [issuer[3] for issuer in issuers])[0]
    prefix = str(random.randint(low, high))
    number = luhn(prefix + chars(random, DIGITS, length - 1 - len(prefix)))
    return card(random, issuers) if len(set(number)) == 1 else number


def printed_card(random: random.Random) -> str:
    """Return a card in the blocks in which it is printed."""
    number, separator, at = card(random), random.choice("  -"), 0
    parts = []
    for size in BLOCKS[len(number)]:
        parts.append(number[at : at + size])
        at += size
    return separator.join(parts)


CARD_WORDS = ("card ", "card number: ", "credit card ", "cardNumber=", "debit card no. ", "cc: ", "PAN ")


def named_card(random: random.Random) -> Found:
    """Return the digits of a card that is shorter or longer than most, behind a word for it."""
    return Found(card(random, (*LONG_ISSUERS, *SHORT_ISSUERS)), random.choice(CARD_WORDS))


def iban(random: random.Random) -> str:
    """Return an IBAN in its electronic format."""
    country, structure = random.choice(IBANS).split()
    alphabets = {"n": DIGITS, "a": UPPER, "c": DIGITS * 3 + UPPER}
    account = "".join(chars(random, alphabets[kind], int(size)) for size, kind in re.findall(r"(\d+)(\w)", structure))
    rest = int("".join(str(int(sign, 36)) for sign in f"{account}{country}00")) % 97
    return f"{country}{98 - rest:02}{account}"


def printed_iban(random: random.Random) -> str:
    """Return an IBAN in groups of four."""
    text = iban(random)
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def routing(random: random.Random) -> str:
    """Return a routing transit number: a Federal Reserve prefix and the weights 3, 7, 1."""
    prefix = random.choice([*range(1, 13), *range(21, 33), *range(61, 73), 80])
    digits = f"{prefix:02}{chars(random, DIGITS, 6)}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, (3, 7, 1, 3, 7, 1, 3, 7), strict=True))
    return digits + str(-total % 10)


ROUTING_WORDS = (
    "routing number ", "routing_number=", "ABA ", "ABA routing number: ", "aba: ", "RTN ", "Routing No. ",
    "routingNumber: ", "bank routing number is ", '"routing_number": "', "routing transit number ", "aba_number=",
)  # fmt: skip


def named_routing(random: random.Random) -> Found:
    before = random.choice(ROUTING_WORDS)
    return Found(routing(random), before, '"' if before.endswith('"') else "")


KINDS = (
    Kind("card, in one piece", ("payment_card",), bare(card), "any", 190),
    Kind("card, as printed", ("payment_card",), bare(printed_card), "any", 150),
    Kind("card of 12 to 19 digits, named", ("payment_card",), named_card, "lines", 60),
    Kind("IBAN, electronic", ("iban",), bare(iban), "any", 150),
    Kind("IBAN, as printed", ("iban",), bare(printed_iban), "any", 110),
    Kind("IBAN, small letters", ("iban",), bare(lambda random: iban(random).lower()), "any", 30),
    Kind("routing number", ("aba_routing",), named_routing, "lines", 140),
    Kind(
        "card of 17 to 19 digits that is not UnionPay's, in one piece",
        ("payment_card",),
        bare(lambda random: card(random, LONG_ISSUERS)),
        "any",
        25,
        counted=False,
    ),
    Kind(
        "card of Dankort, Mir or RuPay",
        ("payment_card",),
        bare(lambda random: card(random, NATIONAL_ISSUERS)),
        "any",
        25,
        counted=False,
    ),
)

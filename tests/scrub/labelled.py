"""What a labelled example is, and the random texts that generators are made of.

Generators follow public definitions (named at each) and know nothing of the product's patterns.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

DIGITS, LOWER, UPPER = string.digits, string.ascii_lowercase, string.ascii_uppercase
ALNUM = DIGITS + string.ascii_letters
HEX = "0123456789abcdef"
B64, B64URL = ALNUM + "+/", ALNUM + "-_"


@dataclass(frozen=True)
class Found:
    """Something that must be found, in the words that it needs around it."""

    secret: str
    before: str = ""
    """Words that say what it is; they stay."""
    behind: str = ""
    core: str | None = None
    """The part of it that must not survive, where not every part is secret."""


Draw = Callable[[random.Random], Found]


@dataclass(frozen=True)
class Kind:
    """One generator of secrets."""

    name: str
    detectors: tuple[str, ...]
    """Whose this is; then those that may find it as well."""
    draw: Draw
    texts: str
    """In which texts it can stand: `any`, `lines` (not in URLs and such), `whole` (to the end of a line), `alone`."""
    weight: int
    """Examples in the corpus."""
    counted: bool = True
    """False: a form that the pages say is not looked for; it is shown in a table of its own."""
    keys: tuple[str, ...] = ()
    """Keys of the attribute, where these say so and not the value."""


def chars(random: random.Random, alphabet: str, low: int, high: int | None = None) -> str:
    """Return a text over an alphabet."""
    return "".join(random.choices(alphabet, k=low if high is None else random.randint(low, high)))


def grown(random: random.Random, alphabet: str, low: int, high: int | None = None) -> str:
    """The same with a digit and a letter in it, as what is drawn by a provider has nearly always."""
    while True:
        text = chars(random, alphabet, low, high)
        if any(c.isdigit() for c in text) and any(c.isalpha() for c in text):
            return text


def bare(draw: Callable[[random.Random], str]) -> Draw:
    """Return what draws a secret that needs no words around it."""
    return lambda random: Found(draw(random))


def shaped(template: str) -> Draw:
    """Return what draws a text by a template: `{hex:32}`, `{alnum:10-20}`, `{upper:3}`; the rest stays as it is."""
    parts = list(string.Formatter().parse(template))

    def draw(random: random.Random) -> Found:
        text = ""
        for literal, name, length, _ in parts:
            text += literal
            if name is not None:
                low, _, high = (length or "1").partition("-")
                text += chars(random, ALPHABETS[name], int(low), int(high or low))
        return Found(text)

    return draw


ALPHABETS = {
    "digits": DIGITS,
    "hex": HEX,
    "alnum": ALNUM,
    "lower": LOWER,
    "lowernum": LOWER + DIGITS,
    "upper": UPPER,
    "uppernum": UPPER + DIGITS,
    "base32": UPPER + "234567",
    "b64": B64,
    "b64url": B64URL,
    "word": ALNUM + "_",
}

"""Long values made of fragments: secrets in their texts, damaged ones, look-alikes, words that must be near, filler."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence

import lookalikes
import lookalikes_code
import texts
from adversarial_words import NEAR, PREFIXES
from corpus import KINDS, NATIONAL

LONG = 2048
"""Longer values take another way through the accelerator."""
MOST = 12_000
SIGNS = ":=@._-/%+ 0a?&\"'\\\n\t,;|(){}[]<>*#~é漢🙂"
Draw = Callable[[random.Random], str]
LOOKS: tuple[Draw, ...] = tuple(
    draw for _, draw in {**lookalikes.LOOKALIKES, **lookalikes_code.CODE, **lookalikes.DECIMAL}.values()
)


def secret(rng: random.Random) -> str:
    """Return something that must be found, in a text of its own."""
    kind = rng.choice((*KINDS, *NATIONAL))
    template = rng.choice([one for one in texts.TEMPLATES if texts.fits(one, kind.texts)])
    return texts.filled(template, kind.draw(rng), rng).whole


def bare_secret(rng: random.Random) -> str:
    """Return something that must be found with its words, or without them."""
    found = rng.choice((*KINDS, *NATIONAL)).draw(rng)
    return found.secret if rng.randrange(3) == 0 else found.before + found.secret + found.behind


def damaged(rng: random.Random) -> str:
    """Return what is left of a secret of which a part is cut off, left out, doubled or changed."""
    text = bare_secret(rng)
    start, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
    piece = rng.choice(["", "", text[start:end] * 2, rng.choice(SIGNS), rng.choice(string.digits)])
    return rng.choice([text[:end], text[start:], text[:start] + piece + text[min(end, start + 2) :]])


def numbers(rng: random.Random) -> str:
    """Return some numbers, of which any may be a national identifier, near a word that says so or not."""
    word = rng.choice((*NEAR, "", "")) + rng.choice([" ", ": ", "="])
    return word + " ".join(f"{rng.randrange(10 ** rng.choice([9, 10, 11, 13, 16]))}" for _ in range(rng.randint(1, 8)))


def cut_short(rng: random.Random) -> str:
    """Return a prefix and a little of what would follow."""
    return rng.choice(PREFIXES) + "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(0, 40)))


def noise(rng: random.Random) -> str:
    """Return signs, or characters of any kind, or one of them many times."""
    signs = "".join(rng.choices(SIGNS, k=rng.randint(1, 30)))
    anything = "".join(chr(rng.choice([rng.randrange(32, 127), rng.randrange(0xA0, 0x2000)])) for _ in range(12))
    return rng.choice([signs, anything, rng.choice(SIGNS) * rng.randint(1, 300)])


FRAGMENTS: tuple[Draw, ...] = (
    secret,
    bare_secret,
    damaged,
    damaged,
    lambda rng: rng.choice(LOOKS)(rng),
    numbers,
    lambda rng: rng.choice(NEAR),
    lambda rng: rng.choice(PREFIXES),
    cut_short,
    noise,
)
FILLERS = (
    "lorem ipsum dolor ",
    " ",
    "\n",
    "0123456789",
    "aB3",
    "x",
    "é ",
    "10.0.0.1 ",
    "a@b ",
    "ghp_",
    "eyJ",
    "-----BEGIN ",
)
BETWEEN = ("", " ", " ", "\n", ", ", '"', "/", "=", " [X] ")


def fragment(rng: random.Random) -> str:
    """Return one piece of a value."""
    return rng.choice(FRAGMENTS)(rng)


def joined(rng: random.Random, pieces: Sequence[str]) -> str:
    """Return the pieces with a little between them."""
    return "".join(piece + rng.choice(BETWEEN) for piece in pieces)


def long_value(rng: random.Random) -> str:
    """Return a value that is about as long as `LONG`, or longer, of pieces and sometimes of much of the same."""
    size = rng.choice([LONG - 1, LONG, LONG + 1, LONG + 200, 2 * LONG, rng.randint(LONG, MOST)])
    pieces: list[str] = []
    while sum(map(len, pieces)) < size:
        pieces.append(fragment(rng))
        if rng.randrange(12) == 0:
            filler = rng.choice((*FILLERS, pieces[-1]))
            pieces.append(filler * rng.randint(1, 1 + 900 // len(filler)) if filler else "")
    text = joined(rng, pieces)
    return text[:size] if rng.randrange(2) else text[:MOST]

"""Random lists of scrub rules, and long texts in which they find much, nearly find more, and undo each other's work.

Patterns are built together with texts that they (mostly) match, so that long texts can be made of matches and of what
is left of them when something is cut off. All of a case is drawn from one seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

LONG = 2048
"""Longer texts take another way through the accelerator."""
MOST = 9000
MARKS = "abcdefgh"
"""So many rules find their `!a`, `!b`, ... in nearly every text: where few do, the accelerator asks one by one."""


@dataclass(frozen=True)
class Part:
    """A pattern, and texts that it mostly matches."""

    pattern: str
    texts: tuple[str, ...]

    def __add__(self, other: Part) -> Part:
        pairs = [one + two for one in self.texts for two in other.texts]
        return Part(self.pattern + other.pattern, tuple(pairs[:: 1 + len(pairs) // 6]))

    def around(self, before: str, behind: str) -> Part:
        """Return the part within something that takes no text."""
        return Part(f"{before}{self.pattern}{behind}", self.texts)


ATOMS = [
    Part("#", ("#",)),
    Part("key", ("key",)),
    Part("id[ :=]", ("id ", "id=")),
    Part("tok_", ("tok_",)),
    Part("-----B", ("-----B",)),
    Part("::", ("::",)),
    Part("@", ("@",)),
    Part("é", ("é",)),
    Part("Q", ("Q",)),
    Part("(?i:key|sk)", ("KEY", "sK", "\u017f\u212a")),
    Part("(?i)Tok", ("tok", "TOK", "to\u212a")),
    Part("[0-9]", ("1", "7")),
    Part("[a-f0-9]", ("a", "9")),
    Part("[A-Z]", ("A", "Z")),
    Part(r"\w", ("w", "_")),
    Part("[^ ]", ("w", "é", "漢")),
    Part(".", (".", "🙂")),
    Part("(?s:.)", ("\n", "x")),
    Part(r"\s", (" ", "\n")),
    Part("[#@~]", ("#", "~")),
    Part("[é-ü]", ("é", "ü")),
    Part("[a-z漢]", ("q", "漢")),
    Part("1{3}", ("111",)),
    Part("(?:[0-9]{1,3}[.]){3}[0-9]{1,3}", ("10.0.0.1", "1.2.3.999", "8.8.8.8")),
    Part("(?:[0-9][ -]?){12,15}[0-9]", ("4111 1111 1111 1111", "4111111111111112")),
]
BEFORE = ["", "", "", "", "", r"\b", r"\b", r"\b", "(?m:^)", "^", r"\B"]
BEHIND = ["", "", "", "", "", r"\b", r"\b", "(?m:$)", "$", r"\B"]
TIMES = [("?", 0, 1), ("*", 0, 3), ("+", 1, 3), ("{2}", 2, 2), ("{3,9}", 3, 5), ("{20}", 20, 20), ("{2,}", 2, 30)]
LAZY = [("??", 0, 1), ("*?", 0, 3), ("+?", 1, 2), ("{2,5}?", 2, 3)]
FILLERS = [" ", "lorem ipsum ", "x", "0123456789", "é", "\n", "a1", "\t \n", ". ", "#", "key", "漢 ", "11111 "]
CHECKS = [*[None] * 12, "payment_card", "ipv4", "public_ipv4", {"digits": "luhn"}, {"entropy": 150}, {"entropy": 900}]


def part(rng: random.Random, depth: int = 2) -> Part:
    """Return a pattern without groups."""
    kind = rng.choice(["atom", "times", "lazy", "then", "then", "or"] if depth else ["atom", "atom", "times"])
    if kind == "then":
        return part(rng, depth - 1) + part(rng, depth - 1)
    if kind == "or":
        one, two = part(rng, depth - 1), part(rng, depth - 1)
        return Part(f"(?:{one.pattern}|{two.pattern})", one.texts[:3] + two.texts[:3])
    atom = rng.choice(ATOMS) if kind == "atom" or rng.randrange(3) else part(rng, 0)
    if kind == "atom":
        return atom
    sign, least, most = rng.choice(LAZY if kind == "lazy" else TIMES)
    texts = [text * times for times in (least, most) for text in atom.texts[:3]]
    return Part(f"(?:{atom.pattern}){sign}", tuple(text[:60] for text in texts))


def reaching(rng: random.Random) -> Part:
    """Return a pattern that looks far for its end, and text in which it looks so from every place."""
    begin, end = rng.choice(ATOMS), rng.choice([Part(";;", (";;",)), Part("~$", ("~",)), Part(";[0-9]", (";1", ";"))])
    between = rng.choice(["[^;]*", "[^;]*?", "(?s:.)*", "(?s:.)*?", r"[^\n]+", r"(?:[^;]|;\w)*"])
    one = begin.texts[0]
    return Part(begin.pattern + between + end.pattern, (one * 60, one + "x " + end.texts[-1], one * 99 + end.texts[0]))


def bordered(rng: random.Random) -> Part:
    """Return a pattern without groups that looks at what stands around it, too."""
    return (part if rng.randrange(8) else reaching)(rng).around(rng.choice(BEFORE), rng.choice(BEHIND))


def grouped(rng: random.Random) -> Part:
    """Return a pattern with a group, which need not take part in a match."""
    one, two, three = bordered(rng), part(rng, 1), part(rng, 1)
    group, both = two.around("(", ")"), one + two
    forms = (
        one + group + three,
        Part(f"{one.pattern}{group.pattern}|{three.pattern}", both.texts + three.texts),
        Part(f"{three.pattern}|{one.pattern}{group.pattern}", both.texts + three.texts),
        one + Part(f"{group.pattern}?", ("", *two.texts)) + three,
        one + Part(f"{group.pattern}??", ("", *two.texts)) + three,
        one + Part(f"(?:{group.pattern}|{three.pattern})", (*two.texts[:3], *three.texts[:3])),
        Part(f"(?:{one.pattern}{group.pattern}){{1,3}}", tuple(text * 2 for text in both.texts)),
    )
    return rng.choice(forms)


def cut(rng: random.Random, text: str) -> str:
    """Return some of a text."""
    return text[rng.randrange(3) : len(text) - rng.randrange(3)]


def action(rng: random.Random, texts: list[str]) -> Any:
    """Return what is done with a match; some of these texts may be put in its place."""
    put = rng.choice(["", "X", "é", " ", "*****", rng.choice(texts), cut(rng, rng.choice(texts))])
    redact = {"do": "redact", "text": put}
    others = [
        {"do": "lines", "each": redact},
        {"do": "mask", "keep_last": 2, "keep_first": 1, "char": rng.choice("*1é")},
        {"do": "truncate", "keep": rng.randrange(4)},
        {"do": "token", "key": "00ff"},
        {"do": "tag", "as": "t"},
        {"do": "drop"} if rng.randrange(9) == 0 else redact,
    ]
    return rng.choice([redact] * len(others) + others)


def rule(rng: random.Random, texts: list[str], words: list[Part], found: Part) -> Any:
    """Return a rule that looks for something, perhaps near a word."""
    one: dict[str, Any] = {"pattern": found.pattern, "action": action(rng, texts), "check": rng.choice(CHECKS)}
    if "(" in found.pattern.replace("(?", ""):
        one["group"] = rng.choice([0, 1, 1, 1])
    if rng.randrange(12) == 0:
        one["skip"] = "^text$"
    if rng.randrange(3) == 0:
        one["near"] = {"pattern": rng.choice(words).pattern, "within": rng.choice([0, 1, 7, 30, 200])}
    return one


def stage_and_texts(rng: random.Random) -> tuple[Any, list[str]]:
    """Return a scrub stage, and texts in which its rules may find something."""
    found = [rng.choice((bordered, grouped))(rng) for _ in range(rng.choice([1, 2, 3, 4, 5, 6, 8, 8, 8, 40]))]
    words = [bordered(rng) for _ in range(rng.randint(1, 2))]
    texts = [text for one in (*found, *words) for text in one.texts if text] or ["x"]
    rules = [rule(rng, texts, words, one) for one in found]
    if rng.randrange(2):
        rules.append(rules[0] | {"action": {"do": "redact", "text": rng.choice(texts)}})
    if rng.randrange(6):
        put = [{"do": "redact", "text": cut(rng, rng.choice(texts))} for _ in MARKS]
        marks = [{"pattern": f"!{mark}", "action": one} for mark, one in zip(MARKS, put, strict=True)]
        at = rng.randint(0, len(rules))
        rules[at:at] = marks
    stage = {"kind": "scrub", "positions": ["span", "span_name"], "skip": None, "keys": [], "values": rules, "tag": "t"}
    if rng.randrange(9) == 0:
        size = rng.choice([LONG - 1, LONG + 1, 3 * LONG])
        stage["limits"] = {"size": size, "depth": 9, "do": "redact", "text": "L"}
    return stage, texts


def long_text(rng: random.Random, texts: list[str]) -> bytes:
    """Return a text that is mostly a little longer than `LONG`, or much longer."""
    pieces = []
    for _ in range(rng.randint(4, 40)):
        piece = rng.choice([rng.choice(texts)] * 3 + [cut(rng, rng.choice(texts)), rng.choice(FILLERS)])
        pieces.append(piece * rng.choice([1, 1, 1, 1, 2, 30]) + rng.choice(["", " ", " ", "\n", "x"]))
    size = rng.choice([LONG - 1, LONG, LONG + 1, *[LONG + 50] * 6, 3 * LONG, MOST])
    filler = rng.choice([rng.choice(FILLERS), rng.choice(FILLERS), rng.choice(texts)])
    pieces.insert(rng.randint(0, len(pieces)), "".join(f"!{mark} " for mark in MARKS))
    left = max(0, size - len("".join(pieces).encode()))
    pieces.insert(rng.randint(0, len(pieces)), filler * (1 + left // len(filler.encode())))
    return "".join(pieces).encode()[: size if rng.randrange(2) else MOST]


def long_case(seed: int, texts: int = 3) -> tuple[Any, list[bytes]]:
    """Return a stage, and some long texts for it."""
    rng = random.Random(seed)
    stage, pieces = stage_and_texts(rng)
    return stage, [long_text(rng, pieces) for _ in range(texts)]

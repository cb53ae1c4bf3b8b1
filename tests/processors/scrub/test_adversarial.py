"""Values of 1 MiB that are made to tire the scrubber cost little more than others: time grows with bytes alone."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from tailgate.kernel import load, why_not_rust

SIZE = 1 << 20
LIMIT = 0.4
"""Seconds of CPU; on a quiet machine most take 10 to 60 ms, the worst 150 ms. What is not linear takes minutes."""
PREFIXES = (
    "ghp_ glpat- xoxb- sk_live_ sk-proj- AIza npm_ pypi-AgE SG. hf_ dop_v1_ shpat_ hvs. AKIA eyJ pat NRAK- r8_ 1:AA"
)


def _filled(unit: str) -> Callable[[random.Random], str]:
    text = unit.encode() * (SIZE // len(unit.encode()) + 1)
    return lambda rng: text[:SIZE].decode(errors="ignore")  # in bytes: what is larger is redacted without a look


def _drawn(alphabet: str) -> Callable[[random.Random], str]:
    return lambda rng: "".join(rng.choices(alphabet, k=SIZE))


def _words(word: Callable[[random.Random], str]) -> Callable[[random.Random], str]:
    return lambda rng: " ".join(word(rng) for _ in range(SIZE // 8))[:SIZE]


BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
TEXTS: dict[str, Callable[[random.Random], str]] = {
    "digits": _drawn("0123456789"),
    "one digit": _filled("4"),
    "hex": _drawn("0123456789abcdef"),
    "hex words": _words(lambda rng: f"{rng.getrandbits(128):032x}"),
    "base64": _drawn(BASE64),
    "numbers": _words(lambda rng: str(rng.randrange(10 ** rng.randrange(8, 20)))),
    "cards but one digit": _filled("4111 1111 1111 1112 "),
    "ibans but one digit": _filled("DE89370400440532013001 "),
    "addresses": _filled("8.8.8."),
    "many @": _filled("@"),
    "many a@b.": _filled("a@b."),
    "a long local part": _filled("a"),
    "many eyJ": _filled("eyJ"),
    "many headers": _filled("eyJhbGciOiJ."),
    "tokens cut short": _words(lambda rng: rng.choice(PREFIXES.split()) + f"{rng.getrandbits(40):x}"),
    "names of secrets": _words(
        lambda rng: rng.choice(["password=", "token: ", "api key is ", "Bearer ", "Basic ", "aws "])
    ),
    "nested quantifiers": _filled("((a+)+)+"),
    "private keys begin": _filled("-----BEGIN RSA PRIVATE" + " KEY"),
    "colons": _filled("2001:"),
    "pairs": _filled("aa:bb:cc:dd:ee:"),
    "escapes": _filled("%40%25\\u0040"),
    "beyond ASCII": _filled("é@ü."),
}


@pytest.mark.skipif(why_not_rust() is not None, reason=f"the Rust kernel is not there: {why_not_rust()}")
@pytest.mark.parametrize("name", TEXTS)
def test_time_is_linear(name: str, scrubber: Callable[..., Any], kernel: Any) -> None:
    """Scenario: all packs, one value of 1 MiB. Guarantees: well below half a second of CPU."""
    if kernel.name != load("rust").name:
        pytest.skip("the reference kernel promises no time")
    subject = scrubber({"packs": ["pii", "financial", "credentials", "network", "national"]})
    text = TEXTS[name](random.Random(name))
    start = time.process_time()
    subject.text(text)
    assert time.process_time() - start < LIMIT

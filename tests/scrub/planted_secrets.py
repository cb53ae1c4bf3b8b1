"""Secrets of every kind in texts, drawn by Hypothesis, and where they are looked for afterwards."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import secrets_credentials
import secrets_financial
import secrets_network
import secrets_personal
import secrets_tokens
from hypothesis import strategies as st
from planting import ALL_POSITIONS

SIGNALS = tuple(ALL_POSITIONS)
"""Those that pipelines take."""
MAKERS: dict[str, Callable[[random.Random], str]] = {
    "email": lambda source: f"{secrets_credentials.grown(source, 'abcdefgh0123', 8, 14)}@mail.example.com",
    "card": secrets_financial.card,
    "iban": secrets_financial.iban,
    "ssn": secrets_personal.ssn,
    "ipv4": secrets_network.ipv4,
    "jwt": secrets_credentials.jwt,
    "github": secrets_tokens.github,
    "pem": secrets_credentials.pem,
}
WORDS = (
    "{}",
    "paid with {} today",
    "<{}>",
    '{{"note": "{}"}}',
    "see {}.",
    "\u7528\u6237\uff1a{}\uff0c\u8bf7",
    "a\n{}\nb",
)


@st.composite
def secrets(draw: st.DrawFn) -> tuple[str, str]:
    """Return (text, secret in it)."""
    kind = draw(st.sampled_from(sorted(MAKERS)))
    secret = MAKERS[kind](random.Random(draw(st.integers(0, 1 << 40))))
    return draw(st.sampled_from(WORDS)).format(secret), secret


PLACES = st.sampled_from([(signal, position) for signal in SIGNALS for position in ALL_POSITIONS[signal]])


def needles(secret: str) -> list[bytes]:
    """Return what must not be seen: the secret, as it stands and as JSON has it, and its better half."""
    half = secret[: max(8, len(secret) // 2)]
    return [part.encode() for part in (secret, json.dumps(secret)[1:-1], half, json.dumps(half)[1:-1])]


def seen(secrets_planted: list[str], where: bytes) -> list[str]:
    """Return the secrets that stand in some bytes."""
    return [secret for secret in secrets_planted if any(needle in where for needle in needles(secret))]

"""The shipped detectors, in the order in which a text goes through them.

Each works on what the ones before have left, so the more specific stand first: a private key before everything, a JWT
before the bearer token that it may be, the password in a URL before the e-mail address that `user:password@host` looks
like.
"""

from __future__ import annotations

from . import assigned, credentials, financial, network, personal
from .detector import NATIONAL, PACKS, Detector
from .national import NUMBERS
from .providers import PROVIDERS

__all__ = ["BY_NAME", "COUNTRIES", "DETECTORS", "NATIONAL", "PACKS"]

DETECTORS: tuple[Detector, ...] = (
    credentials.PRIVATE_KEY,
    credentials.JWT,
    credentials.URL_USERINFO,
    credentials.AUTHORIZATION,
    credentials.BEARER_TOKEN,
    credentials.BASIC_CREDENTIALS,
    credentials.COOKIE_HEADER,
    credentials.GITHUB_TOKEN,
    credentials.AWS_ACCESS_KEY,
    *PROVIDERS,
    credentials.AWS_SECRET_KEY,
    assigned.URL_QUERY_SECRET,
    assigned.ASSIGNED_SECRET,
    assigned.GENERIC_SECRET,
    personal.EMAIL,
    financial.IBAN,
    *NUMBERS,
    financial.PAYMENT_CARD,
    personal.US_SSN,
    personal.US_ITIN,
    financial.ABA_ROUTING,
    personal.PHONE,
    network.MAC,
    network.IPV6,
    network.IPV4,
)

BY_NAME = {detector.name: detector for detector in DETECTORS}

COUNTRIES = sorted({number.name[:2] for number in NUMBERS})
"""Those whose numbers the pack `national` knows (ISO 3166)."""

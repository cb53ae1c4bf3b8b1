"""Validators by the names that configurations know them under, each as a CHECK of the kernel (`docs/kernel.md`)."""

from __future__ import annotations

from typing import Any

from .detector import Check
from .national import CHECKS as NATIONAL_CHECKS

_KERNEL = (
    "payment_card",
    "iban",
    "us_ssn",
    "e164",
    "ipv4",
    "ipv6",
    "public_ipv4",
    "public_ipv6",
    "jwt",
    "basic_credentials",
    "github_token",
)


def sums(*given: tuple[list[int], int], **more: Any) -> dict[str, Any]:
    """Return a check by weighted sums that the modulus divides."""
    return {"digits": "sums", **more, "sums": [{"weights": weights, "mod": mod} for weights, mod in given]}


VALIDATORS: dict[str, Check] = {
    **{name: name for name in _KERNEL},
    "luhn": {"digits": "luhn", "drop": " -."},
    "verhoeff": {"digits": "verhoeff", "drop": " -."},
    "mod_11_10": {"digits": "mod_11_10", "drop": " -."},
    "aba_routing": sums(([3, 7, 1, 3, 7, 1, 3, 7, 1], 10)),
    "entropy": {"entropy": 300, "kinds": 2, "changes": 3},
    **NATIONAL_CHECKS,
}
"""What `check` may name."""

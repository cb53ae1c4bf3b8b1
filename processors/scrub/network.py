"""The pack `network`: public addresses. Private ones (pods, nodes, loopback) name no person and stay."""

from __future__ import annotations

from .actions import redact
from .detector import ESCAPE, NUMBER, Detector, Rule

PACK = "network"

# All public unicast addresses begin with 2 or 3; asking for it keeps `std::fmt`, times and MAC addresses out.
_GROUPS = r"(?:::?[0-9A-Fa-f]{1,4}){1,7}(?:(?:\.[0-9]{1,3}){3}|::)?"
IPV6 = Detector(
    "ipv6",
    PACK,
    redact("[IP]"),
    (
        Rule(
            rf"(?:{ESCAPE}|^|[^0-9A-Za-z:.])((?:[23][0-9A-Fa-f]{{3}}|64:ff9b:|::[Ff]{{4}}){_GROUPS}|[23][0-9A-Fa-f]{{3}}::)",
            check="public_ipv6",
        ),
    ),
)

_QUAD = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"
_LONG = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{4}"
IPV4 = Detector(
    "ipv4",
    PACK,
    redact("[IP]"),
    (
        Rule(
            # What ends in .0 is a network, an anonymised address or a version (`Chrome/131.0.0.0`), never a host.
            rf"{NUMBER}(?:[0-9.]+\.0(?:[^0-9.]|\.[^0-9]|\.?$)|{_QUAD}(?:[A-Za-z]|\.[0-9])|{_LONG}|({_QUAD}))",
            check="public_ipv4",
        ),
    ),
)

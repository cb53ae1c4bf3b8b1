"""The pack `network`: public addresses. Private ones (pods, nodes, loopback) name no person and stay."""

from __future__ import annotations

from .actions import redact
from .detector import ESCAPE, NUMBER, VERSIONS, Detector, Rule

PACK = "network"

SERVERS = (
    r"^(?:server\.(?:address|socket\.address)|net\.host\.(?:ip|name)|net\.sock\.host\.addr|host\.(?:ip|name)|k8s\..*)$"
)
"""Keys of addresses that are a machine's of one's own."""

# All public unicast addresses begin with 2 or 3; asking for it keeps `std::fmt`, times and MAC addresses out.
_GROUPS = r"(?:::?[0-9A-Fa-f]{1,4}){1,7}(?:(?:\.[0-9]{1,3}){3}|::)?"
_BEFORE_6 = rf"(?:{ESCAPE}|^|[^0-9A-Za-z:.])"
_HEX, _COLON = "[0-9A-Fa-f]", "%3[Aa]"
_PRIVATE_6 = r"(?:[23][0-9A-Fa-f]{3}|[Ff][CDEFcdef][0-9A-Fa-f]{2}|64:ff9b:|::[Ff]{4})"
IPV6 = Detector(
    "ipv6",
    PACK,
    redact("[IP]"),
    (
        Rule(
            rf"{_BEFORE_6}((?:[23][0-9A-Fa-f]{{3}}|64:ff9b:|::[Ff]{{4}}){_GROUPS}|[23][0-9A-Fa-f]{{3}}::)",
            check="public_ipv6",
        ),
        Rule(  # In full, wherever it begins: no pair of digits, which MAC addresses and names of ports are made of.
            rf"{_BEFORE_6}(?:[0-9A-Fa-f]{{1,4}}(?::[0-9A-Fa-f]{{1,4}}){{8}}|([0-9A-Fa-f]{{3,4}}(?::[0-9A-Fa-f]{{1,4}}){{7}}))",
            check="public_ipv6",
            variant="full",
        ),
        Rule(
            rf"{_BEFORE_6}((?:[0-9A-Ea-e]{_HEX}{{2,3}}|[Ff][0-9ABab]{_HEX}{{1,2}})(?:{_COLON}{_HEX}{{1,4}}){{7}}"
            rf"|[23]{_HEX}{{3}}(?:(?:{_COLON}{_HEX}{{1,4}}){{7}}|(?:{_COLON}{_HEX}{{1,4}}){{0,6}}{_COLON}{_COLON}"
            rf"(?:{_HEX}{{1,4}}(?:{_COLON}{_HEX}{{1,4}}){{0,5}})?)|{_COLON}{_COLON}[Ff]{{4}}{_COLON}"
            rf"(?:{_HEX}{{1,4}}{_COLON}{_HEX}{{1,4}}|[0-9]{{1,3}}(?:[.][0-9]{{1,3}}){{3}}))",
            variant="encoded",
        ),
    ),
    skip_keys=(SERVERS,),
    private=(Rule(rf"{_BEFORE_6}({_PRIVATE_6}{_GROUPS}|[23Ff][0-9A-Fa-f]{{3}}::|::1(?:\b|_))", check="ipv6"),),
)

_QUAD = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"
_LONG = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{4}"
_BEFORE_4 = NUMBER.replace("A-Za-z.", "A-Za-z.~")  # `package~amd64~~6.1.3.1` is a version
# What ends in .0 is a network, an anonymised address or a version (`Chrome/131.0.0.0`), never a host.
_IPV4 = rf"{_BEFORE_4}(?:[0-9.]+\.0(?:[^0-9.]|\.[^0-9]|\.?$)|{_QUAD}(?:[A-Za-z]|\.[0-9])|{_LONG}|({_QUAD}))"
IPV4 = Detector(
    "ipv4",
    PACK,
    redact("[IP]"),
    (Rule(_IPV4, check="public_ipv4"),),
    skip_keys=(SERVERS, VERSIONS),
    private=(Rule(_IPV4, check="ipv4"),),
)

_OCTET = "[0-9A-Fa-f]{2}"


def _pairs(sign: str) -> str:
    more = f"{_OCTET}(?:{sign}{_OCTET}){{6}}"
    nobody = f"(?:00{sign}){{5}}00|(?:[Ff]{{2}}{sign}){{5}}[Ff]{{2}}"
    return f"{more}|{nobody}|({_OCTET}(?:{sign}{_OCTET}){{5}})(?:[^0-9A-Za-z]|_|$)"


MAC = Detector(
    "mac",
    PACK,
    redact("[MAC]"),
    tuple(
        Rule(rf"(?:{ESCAPE}|^|[^0-9A-Za-z:-])(?:{_pairs(sign)})", variant=variant)
        for sign, variant in ((":", ""), ("-", "hyphens"), ("%3[Aa]", "encoded"))
    ),
    skip_keys=(r"^(?:host\.mac|k8s\..*)$", r"(?i)(?:^|[._-])(?:fingerprint|thumbprint|digest|hash|serial)"),
)

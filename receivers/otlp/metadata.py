"""Request values for processors: `metadata.<header>` and `client.address`, looked up only when a rule asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import unquote

Lookup = Callable[[str], str | None]
PREFIX = "metadata."
ADDRESS = "client.address"


def lookup(values: Callable[[str], Iterable[str]], address: Callable[[], str | None]) -> Lookup:
    """Return the look-up: `values` gives all values of a lower-case header, which are joined by `;`."""

    def find(name: str) -> str | None:
        if name.startswith(PREFIX):
            found = list(values(name.removeprefix(PREFIX).lower()))
            return ";".join(found) if found else None
        return plain_address(address()) if name == ADDRESS else None

    return find


def plain_address(address: str | None) -> str | None:
    """Return an IPv4 address that came in through an IPv6 socket (`::ffff:10.0.0.1`) as what it is."""
    if address is not None and "." in address:
        return address.lower().removeprefix("::ffff:")
    return address


def peer_address(peer: str) -> str | None:
    """Return the IP address of a gRPC peer such as `ipv4:10.0.0.1:4711` or `ipv6:%5B::1%5D:4711`, None for others."""
    kind, _, rest = unquote(peer).partition(":")
    if kind not in ("ipv4", "ipv6"):
        return None
    return rest.rpartition(":")[0].strip("[]") or None

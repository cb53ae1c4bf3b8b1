"""Public addresses: IPv4 (RFC 791), IPv6 (RFC 4291, 5952), MAC (IEEE 802, EUI-48)."""

from __future__ import annotations

import ipaddress
import random

from labelled import HEX, Found, Kind, bare, chars


def ipv4(random: random.Random) -> str:
    """Return an address that is somebody's: global, unicast, and no network's own."""
    while True:
        address = ipaddress.IPv4Address(random.getrandbits(32))
        if address.is_global and not address.is_multicast and int(address) % 256 not in (0, 255):
            return str(address)


def zero_ipv4(random: random.Random) -> str:
    """Return an address that ends in zero."""
    return ipv4(random).rpartition(".")[0] + ".0"


def ipv6(random: random.Random) -> str:
    """Return a global unicast address, in any way in which people write it."""
    while True:
        value = random.getrandbits(128) & ~(7 << 125) | 1 << 125
        style = random.randrange(6)
        if style in (0, 1):
            value &= ~(((1 << 48) - 1) << 16)
        address = ipaddress.IPv6Address(value)
        if address.is_global and not address.is_multicast:
            break
    if style == 2:
        return address.exploded
    if style == 3:
        return str(address).upper()
    return f"::ffff:{ipv4(random)}" if style == 4 else str(address)


def unallocated(random: random.Random) -> str:
    """Return an address as generators of test data make them: any bits that make it neither private nor multicast."""
    while True:
        address = ipaddress.IPv6Address(random.getrandbits(128))
        if not (address.is_private or address.is_multicast or address.is_link_local) and int(address) >> 120:
            return str(address)


def bracketed(random: random.Random) -> Found:
    """Return an address as it stands in URLs and peer names."""
    return Found(ipv6(random), "[", f"]:{random.randint(1, 65535)}")


def mac(random: random.Random) -> str:
    """Return the address of an interface: not multicast, not all the same."""
    octets = [random.randrange(256) & 0xFE, *(random.randrange(256) for _ in range(5))]
    text = random.choice(":-").join(f"{octet:02x}" for octet in octets)
    return random.choice([text, text.upper()])


def dotted_mac(random: random.Random) -> str:
    return ".".join(chars(random, HEX, 4) for _ in range(3))


KINDS = (
    Kind("IPv4 address", ("ipv4",), bare(ipv4), "any", 260),
    Kind("IPv6 address", ("ipv6", "ipv4"), bare(ipv6), "any", 200),
    Kind("IPv6 address in full, of no registry", ("ipv6",), bare(unallocated), "any", 60),
    Kind("IPv6 address with port", ("ipv6", "ipv4"), bracketed, "lines", 60),
    Kind("MAC address", ("mac",), bare(mac), "any", 200),
    Kind("IPv4 address that ends in .0", ("ipv4",), bare(zero_ipv4), "any", 25, counted=False),
    Kind("MAC address in Cisco's notation", ("mac",), bare(dotted_mac), "lines", 25, counted=False),
)

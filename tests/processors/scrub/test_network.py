"""The pack `network`, detector by detector, on texts as they stand in spans (« and » mark what must be replaced)."""

from __future__ import annotations

from collections.abc import Callable

FOUND: dict[str, list[str]] = {
    "ipv4": [
        "«8.8.8.8»",
        "«203.0.113.7»",
        "from «203.0.113.7» to «198.51.100.23»",
        "«203.0.113.7»:8080",
        "http://«203.0.113.7»/x",
        "http://«203.0.113.7»:8080/x?y",
        "x-forwarded-for: «203.0.113.7», 10.0.0.1",
        "«203.0.113.7»,«8.8.4.4»",
        '{"ip":"«203.0.113.7»"}',
        "[«203.0.113.7»]",
        "(«203.0.113.7»)",
        "dial tcp 10.1.2.3:443->«203.0.113.7»:55012: i/o timeout",
        "«203.0.113.7».",
        "ip=«203.0.113.7»&x",
        "ip%3D«203.0.113.7»%26",
        "\\n«203.0.113.7»\\n",
        "peer_«203.0.113.7»_x",
        "адрес«203.0.113.7»",
        "«1.1.1.1»/32",
        "::ffff:«203.0.113.7»",
        "«223.255.255.254»",
        "«93.184.215.14»",
        "«151.101.1.140» «151.101.65.140»",
    ],
    "ipv6": [
        "«2001:db8::1»",
        "«2a00:1450:4001:81b::200e»",
        "«2001:0db8:85a3:0000:0000:8a2e:0370:7334»",
        "«2001:DB8::A:B»",
        "[«2001:db8::1»]:443",
        "http://[«2001:db8::1»]/x",
        "«2001:db8::1»: connection refused",
        "«2001:db8::1»,«2a00::1»",
        "from «2001:db8::1» to «2600:1f18::2»",
        "«2001:db8::1»%eth0",
        "«2001:db8::»",
        "«2001:db8::»/32",
        "«2001:db8::192.0.2.33»",
        "«64:ff9b::192.0.2.33»",
        "«::ffff:203.0.113.7»",
        "«::FFFF:cb00:7107»",
        '{"ip":"«2001:db8::1»"}',
        "\\n«2001:db8::1»\\n",
        "адрес«2001:db8::1»",
        "«2001:db8:1:2:3:4:5:6»:443",
    ],
}

IGNORED: dict[str, list[str]] = {
    "ipv4": [
        "10.0.0.1",
        "10.244.1.17:9090",
        "192.168.1.1",
        "172.16.0.9",
        "172.31.255.254",
        "127.0.0.1",
        "169.254.169.254",
        "100.64.0.7",
        "0.0.0.0:4317",
        "255.255.255.255",
        "224.0.0.1",
        "Chrome/131.0.0.0 Safari/537.36",
        "Chrome/91.0.4472.124",
        "203.0.113.0/24",
        "Version=4.0.0.0, Culture=neutral",
        "1.2.3",
        "1.2.3.4.5",
        "1.3.6.1.4.1.311.21",
        "v1.2.3.4",
        "8.8.8.256",
        "8.8.8.08",
        "8.8.8.8888",
        "1.2.3.4rc1",
        "a8.8.8.8",
        "2026.11.20.1234",
        "ip-8-8-8-8.ec2.internal",
    ],
    "ipv6": [
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd12:3456:789a::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "std::fmt",
        "Feed::Face",
        "DB::Dba",
        "12:34:56",
        "2026:11:20",
        "23:43:40.123",
        "aa:bb:cc:dd:ee:ff",
        "20:01:0d:b8:85:a3",
        "sha256:9f86d081884c7d659a2feaa0c55ad015",
        "arn:aws:iam::123456789012:role/x",
        "urn:uuid:f81d4fae",
        "3000:3000",
        "2001:db8",
        "x2001:db8::1",
        "zzzz:::1",
    ],
}


def test_found(detector: str, found: str, finds: Callable[[str, str], None]) -> None:
    """What is marked is replaced, all else of the text stays; by the detector alone and in the whole shipped row."""
    finds(detector, found)


def test_ignored(detector: str, ignored: str, leaves: Callable[[str, str], None]) -> None:
    """What only looks like it stays as it is."""
    leaves(detector, ignored)

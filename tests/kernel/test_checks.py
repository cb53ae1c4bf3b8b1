"""The validators of scrub rules: good values, and near misses of each."""

from __future__ import annotations

import base64
import json

import pytest
from kernel_helpers import request, rule, run, scrub, span, span_attributes


def b64(content: bytes, url: bool = False, pad: bool = True) -> str:
    text = (base64.urlsafe_b64encode if url else base64.b64encode)(content).decode()
    return text if pad else text.rstrip("=")


def header(value: object) -> str:
    return b64(json.dumps(value).encode(), url=True, pad=False)


def card(prefix: str, length: int) -> str:
    """Return a number of that length with the right check digit."""
    body = prefix.ljust(length - 1, "0")
    total = sum(sum(divmod(int(digit) * (2 - index % 2), 10)) for index, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


CASES: dict[str, tuple[list[str], list[str]]] = {
    "payment_card": (
        [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            " 4111-1111 1111-1111 ",
            "4111+1111%201111%2D1111",
            "5555555555554444",
            "378282246310005",
            "6011111111111117",
            "30569309025904",
            "3530111333300000",
            *(card("4", length) for length in (13, 16, 19)),
            *(card(prefix, 16) for prefix in ("51", "55", "2221", "2720")),
            *(card(prefix, 15) for prefix in ("34", "37")),
            *(
                card(prefix, length)
                for prefix in ("6011", "644", "649", "65", "3528", "3589", "35")
                for length in (16, 19)
            ),
            *(card(prefix, 15) for prefix in ("1", "2131")),
            *(card(prefix, 16) for prefix in ("2200", "2204", "81", "82", "9792")),
            *(card(prefix, length) for prefix in ("300", "305", "309", "36", "38", "39") for length in (14, 19)),
            *(card(prefix, length) for prefix in ("50", "56", "58", "6", "62") for length in (12, 19)),
        ],
        [
            "4111111111111112",  # Luhn
            "6666666666666",  # all the same
            *(card("4", length) for length in (12, 14, 15, 17, 18)),
            *(
                card(prefix, 16)
                for prefix in ("1", "2", "7", "8", "9", "2220", "2721", "1800", "2131", "2199", "2205", "9791", "59")
            ),
            *(card(prefix, length) for prefix in ("51", "55", "2221", "2720") for length in (15, 17)),
            *(card(prefix, length) for prefix in ("34", "37") for length in (14, 16)),
            *(card(prefix, 13) for prefix in ("300", "36", "38", "39")),
            *(card(prefix, 14) for prefix in ("306", "308", "31", "33", "35")),
            *(card("50", length) for length in (11, 20)),
            card("3528", 15),
            "4111.1111.1111.1111",
            "4111\n111111111111",
            "- -",
        ],
    ),
    "iban": (
        [
            "GB82WEST12345698765432",
            "GB82 WEST 1234 5698 7654 32",
            "gb82west12345698765432",
            "GB82%20WEST+1234 56987654%2032",
            "DE89370400440532013000",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "FR1420041010050500013M02606",
            "CH9300762011623852957",
            "LC55HEMM000100010012001200023015",
            "BE68539007547034",
            "SC18SSCB11010000000000001497USD",
        ],
        [
            "GB82WEST12345698765433",  # mod 97
            "GB82WEST1234569876543",  # length
            "XX82WEST12345698765432",  # country
            "GB82-WEST-1234-5698-7654-32",
            "8289370400440532013000",
            "",
            "GB",
            "NO93\t86011117947",
        ],
    ),
    "us_ssn": (
        ["123-45-6788", "123 45 6788", "899-99-9999", "001.01.0001", "123/45/6788"],
        [
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "999-99-9999",
            "123-00-6789",
            "123-45-0000",
            "078-05-1120",
            "219-09-9999",
            "123-45-6789",
            "219 09 9999",
            "123-45 6788",
            "123456788",
            "12304506788",  # digits are no separators
            "123-45-67888",
            "1123-45-6788",
            "",
        ],
    ),
    "e164": (
        ["+14155552671", "+1 (415) 555-2671", "+49.30.123456", "+1234567", "+123456789012345", " (+44) 20 7946 0958"],
        [
            "14155552671",
            "+04155552671",
            "+123456",
            "+1234567890123456",
            "++14155552671",
            "+1415x5552671",
            "1+4155552671",
            "+",
            "",
        ],
    ),
    "ipv4": (
        ["1.2.3.4", "0.0.0.0", "255.255.255.255", "10.0.0.1"],
        ["256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", "1..2.3", "1.2.3.-4", "0x1.2.3.4", "", "1.2.3.4/8"],
    ),
    "ipv6": (
        [
            "::",
            "::1",
            "2001:db8::1",
            "2001:DB8:0:0:0:0:0:1",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "::ffff:1.2.3.4",
            "1:2:3:4:5:6:1.2.3.4",
            "fe80::1%eth0",
            "0001:0002::",
        ],
        [
            ":",
            ":::",
            "1::2::3",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "12345::",
            "g::",
            "::1.2.3",
            "::1.2.3.256",
            "1.2.3.4::",
            "::1.2.3.4:5",
            ":1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:",
            "fe80::1%",
            "fe80::1%a%b",
            "::1/64",
            " ::1",
            "1:2:3:4:5:6:7:1.2.3.4",
            "1::2:3:4:5:6:7:8",
            "",
        ],
    ),
    "public_ipv4": (
        [
            "1.2.3.4",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "223.255.255.255",
            "126.255.255.255",
            "169.253.0.0",
        ],
        [
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.255",
            "192.168.1.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "1.2.3",
            "x",
        ],
    ),
    "public_ipv6": (
        [
            "2001:db8::1",
            "2600::",
            "::2",
            "fbff::",
            "fe00::",
            "fe7f::",
            "fec0::",
            "::ffff:8.8.8.8",
            "::ffff:808:808",
            "2600::1%1",
        ],
        [
            "::",
            "::1",
            "fc00::",
            "fdff::1",
            "fe80::1",
            "febf::",
            "ff02::1",
            "::ffff:10.1.2.3",
            "::ffff:a01:203",
            "fe80::1%eth0",
            "::1%lo",
            "1.2.3.4",
            "x",
        ],
    ),
    "jwt": (
        [
            header({"alg": "HS256", "typ": "JWT"}) + ".e30.sig",
            header({"alg": None}) + ".",
            b64(b'{"alg":"a"}', url=True) + ".x",
            b64(b' {"x":[{}],"alg":1}\n', url=True, pad=False) + "..",
            b64('{"alg":"é"}'.encode(), url=True, pad=False) + ".",
            b64(b'{"alg":"~~~???"}', url=True) + ".",
        ],
        [
            header({"typ": "JWT"}) + ".e30.sig",
            header(["alg"]) + ".e30",
            header("alg") + ".e30",
            header({"alg": "HS256"}),  # no dot
            ".e30.sig",
            "eyJhbGciOiJIUzI1NiJ.e30",  # cut
            "!" + header({"alg": "a"}) + ".x",
            header({"alg": "a"}) + "=.x",
            b64(b'{"alg":NaN}', url=True, pad=False) + ".x",
            b64(b'{"alg":1', url=True, pad=False) + ".x",
            b64(b'\xff{"alg":1}', url=True, pad=False) + ".x",
            b64(b'{"alg":1}{}', url=True, pad=False) + ".x",
            b64(b"[" * 5000, url=True, pad=False) + ".x",
            b64(b'{"alg":"~~~???"}') + ".",  # the standard alphabet
            "",
        ],
    ),
    "basic_credentials": (
        [
            b64(b"user:password"),
            b64(b"user:password", pad=False),
            b64(b"u:\xff\xfe\xfb"),
            b64(b"u:\xff\xfe\xfb", url=True),
            b64(b":"),
            "Og",
            "Ov",  # bits left over
            "Oi+_Og==",
        ],
        [b64(b"user password"), "dXNlcjpwYXNzd29yZ", "dXNlcjpw YXNz", "!!!!", "Og=", "Og===", "", "=", "O"],
    ),
    "github_token": (
        ["ghp_" + "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ" + "0mLq17", "x_a_" + "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ" + "0mLq17"],
        [
            "ghp_" + "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ" + "0mLq18",
            "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17",
            "_a",
            "a_000000",
            "a_",
        ],
    ),
}


def passes(kernel, check, content):
    data = request(span({"k": "<" + content + ">"}))
    after = run(kernel, data, scrub(rule("(?s)^<(.*)>$", check=check, group=1)))
    [(_, left)] = span_attributes(after)
    assert left in ("<X>", "<" + content + ">")
    return left == "<X>"


@pytest.mark.parametrize("check", CASES)
def test_good_values_pass(kernel, check):
    """Each good value passes its check."""
    assert [one for one in CASES[check][0] if not passes(kernel, check, one)] == []


@pytest.mark.parametrize("check", CASES)
def test_near_misses_do_not_pass(kernel, check):
    """Each near miss is refused by its check."""
    assert [one for one in CASES[check][1] if one and passes(kernel, check, one)] == []


@pytest.mark.parametrize("check", CASES)
def test_only_ascii_passes(kernel, check):
    """A good value with a character beyond ASCII, a digit of another script too, is refused."""
    good = CASES[check][0][0]
    for character in "é\u0661\uff11\u00a0":
        assert not passes(kernel, check, good + character)
        assert not passes(kernel, check, good[:-1] + character)

"""Texts of 1 MiB that are made to tire the scrubber, by what they attack.

Texts are drawn by seed. What is drawn letter by letter never repeats; words come from a store of `STORE` bytes in an
order of their own, so that no automaton has seen all that follows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import chain

from adversarial_words import NEAR, PREFIXES, TOKENS

SIZE = 1 << 20
STORE = 1 << 16
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
PRINTABLE = "".join(map(chr, range(32, 127)))
Word = Callable[[random.Random], str]
Family = dict[str, Word]


def sized(text: str) -> str:
    """Return what of a text fits into `SIZE` bytes: what is larger is redacted without a look."""
    return text.encode()[:SIZE].decode(errors="ignore")


def filled(unit: str, before: str = "", behind: str = "") -> Word:
    """Return what draws the same over and over."""
    room = SIZE - len(before.encode()) - len(behind.encode())
    times = room // len(unit.encode()) + 1
    return lambda rng: before + (unit.encode() * times)[:room].decode(errors="ignore") + behind


def drawn(alphabet: str, before: str = "") -> Word:
    """Return what draws letter by letter."""

    def draw(rng: random.Random) -> str:
        letters = bytes(index * len(alphabet) >> 8 for index in range(256))
        return sized(before + "".join(map(alphabet.__getitem__, rng.randbytes(SIZE).translate(letters))))

    return draw


def words(word: Word, before: str = "", between: str = " ") -> Word:
    """Return what draws word by word."""

    def draw(rng: random.Random) -> str:
        store, size = [], 0
        while size < STORE:
            store.append(word(rng) + between)
            size += len(store[-1])
        return sized(before + "".join(rng.choices(store, k=2 * len(store) * SIZE // size)))

    return draw


def one_of(*choices: str) -> Word:
    """Return what draws one of these."""
    return lambda rng: rng.choice(choices)


def digits(*lengths: int) -> Word:
    """Return what draws that many digits."""
    return lambda rng: f"{rng.randrange(10 ** (length := rng.choice(lengths))):0{length}}"


def shaped(*shapes: str) -> Word:
    """Return what draws one of these, with a digit for each `#`."""

    def draw(rng: random.Random) -> str:
        return "".join(rng.choice("0123456789") if sign == "#" else sign for sign in rng.choice(shapes))

    return draw


def either(*draws: Word) -> Word:
    """Return what draws in one of these ways."""
    return lambda rng: rng.choice(draws)(rng)


def cut_short(rng: random.Random) -> str:
    """Return a prefix and too little behind it."""
    return rng.choice(PREFIXES) + f"{rng.getrandbits(24):06x}"[: rng.randrange(7)]


def near_and_numbers(count: int) -> Word:
    """Return what draws a word near which numbers count, and numbers."""
    return lambda rng: " ".join([rng.choice(NEAR), *(digits(9, 10, 11)(rng) for _ in range(count))])


def uuid(rng: random.Random) -> str:
    """Return something like a UUID."""
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def log_line(rng: random.Random) -> str:
    """Return a line of a log in which nothing is to be found."""
    request, user = f"{rng.getrandbits(128):032x}", rng.randrange(10**9)
    return (
        f"2024-01-0{rng.randrange(1, 9)}T12:00:00.123Z INFO {request} from 10.0.0.{user % 255} /v1/users/{user}?page=2"
    )


ALL_NEAR = " ".join(NEAR) + " "
RUNS: Family = {
    "digits": drawn("0123456789"),
    "one digit": filled("4"),
    "a letter": filled("a"),
    "stars": filled("*"),
    "newlines": filled("\n"),
    "hex": drawn("0123456789abcdef"),
    "hex words": words(lambda rng: f"{rng.getrandbits(128):032x}"),
    "base64": drawn(BASE64),
    "letters": drawn("abcdefghijklmnopqrstuvwxyz "),
    "printable": drawn(PRINTABLE),
    "signs": drawn(':=@._-/%+ 0a?&"'),
    "beyond ASCII": filled("é@ü."),
    "letters beyond ASCII": drawn("".join(map(chr, range(0xC0, 0x1C0)))),
    "UUIDs": words(uuid),
    "prose": filled("lorem ipsum dolor sit amet, consectetur "),
    "JSON": filled('{"name": "x", "value": 12, "ok": true}, '),
    "log lines": words(log_line, between="\n"),
    "nested quantifiers": filled("((a+)+)+"),
}
NUMBERS: Family = {
    "of any length": words(digits(*range(8, 20))),
    "of 15 to 18 digits that may be cards": words(either(shaped("4###############"), shaped("37#############"))),
    "cards but one digit": filled("4111 1111 1111 1112 "),
    "cards but one digit, hyphens": filled("4111-1111-1111-1112-"),
    "cards with dots": filled("4111.1111.1111.1112 "),
    "cards and a digit more": filled("41111111111111111 "),
    "ibans but one digit": filled("DE89370400440532013001 "),
    "ibans": words(
        shaped(*(country + "#" * length for country in ("DE", "GB", "FR", "NL") for length in (16, 20, 25)))
    ),
    "routing numbers": words(digits(9), before="routing number "),
    "routing numbers, each named": words(shaped("aba #########")),
    "social security numbers never issued": filled("000-12-3456 "),
    "social security numbers that go on": filled("123-45-6789-0 "),
    "phones": filled("+1 415 555 012 "),
    "phones that go on": filled("+1234567890123456 "),
    "plus signs, escaped": filled("%2B1 2 3 "),
    "nine to eleven digits, all words once": words(digits(9, 10, 11), before=ALL_NEAR),
    "eleven digits, all words once": words(digits(11), before=ALL_NEAR),
    "all words again and again": words(lambda rng: ALL_NEAR + " ".join(digits(9, 10, 11)(rng) for _ in range(6))),
    "words only": words(one_of(*NEAR)),
    "a word and a number": words(near_and_numbers(1)),
    "of France": words(shaped("1 85 05 78 006 084 ##")),
    "of Norway": words(shaped("010185#####")),
    "of China": words(shaped("11010519491231002#")),
    "of Korea": words(shaped("850505-1######")),
    "of Germany": words(shaped("idnr 1##########")),
    "of many countries": words(
        shaped(
            *("010185 #####", "850505-1######", "1850578006084##", "11010519491231002#", "20-########-#", "S#######A"),
            *("93.05.18-223.##", "##.###.###/0001-##", "###.###.###-##", "756.####.####.##", "12.###.###-#"),
            *("X#######A", "010185-###B", "ABCPE####F", "1-####-#####-##-1"),
        )
    ),
}
ADDRESSES: Family = {
    "IPv4 without an end": filled("8.8.8."),
    "IPv4 of private networks": filled("10.0.0.1 "),
    "IPv4 of networks": filled("1.2.3.0 "),
    "IPv6 without an end": filled("2001:"),
    "IPv6 but one group": filled("2001:db8:zz "),
    "IPv6 but three groups": filled("2001:db8:1:2:3 "),
    "IPv6 of nine groups": filled("2001:1:2:3:4:5:6:7:8:9 "),
    "hardware addresses without an end": filled("aa:bb:cc:dd:ee:"),
    "hardware addresses of seven": filled("aa:bb:cc:dd:ee:ff:00 "),
    "at signs": filled("@"),
    "at signs and dots": filled("a@b."),
    "mail without an end": filled("abc@def "),
    "mail: files": filled("a@b.png "),
    "mail: units": filled("a@b.service "),
    "mail: labels": filled("b.", before="a@"),
    "mail: escaped signs": filled("%40%25\\u0040"),
    "mail: escaped slashes": filled("%2F%2F"),
    "URLs": filled("http://a.b:80/ "),
    "connections": filled("postgres://user:[X]@h "),
    "a long user": filled("a:", before="://"),
}
NAMED: Family = {
    "names of secrets": words(one_of("password=", "token: ", "api key is ", "Bearer ", "Basic ", "aws ")),
    "passwords without an end": filled("password="),
    "passwords, one taken for the other": filled("password= "),
    "passwords: words": filled("password: required "),
    "passwords: placeholders": filled("password=${X} "),
    "passwords in JSON": filled('"password": "'),
    "passwords in JSON in JSON": filled('password\\": \\"'),
    "tokens: numbers": filled("token: 15 "),
    "secrets: words": filled("secret key is "),
    "secrets: letters": filled("secret key abcdefghijklmnopq "),
    "secrets in one piece": filled("secret aaaaaaaaaaaaaaaaaaaa"),
    "authorization without an end": filled("authorization:"),
    "authorization, one taken for the other": filled("authorization: bearer "),
    "bearer: words": filled("bearer token "),
    "basic: words": filled("basic "),
    "basic: no credentials": filled("basic QUJDREVG "),
    "query parameters": filled("&key=a"),
    "query parameters, redacted": filled("&token=[X]"),
    "cookies": filled("cookie=="),
}
TOKENS_CUT: Family = {
    "prefixes": words(cut_short),
    "prefixes, glued": words(cut_short, between="_"),
    "prefixes once, then words": words(lambda rng: "lorem ipsum dolor", before=" ".join(PREFIXES) + " "),
    "prefixes once, then base64": drawn(BASE64, before=" ".join(PREFIXES) + " "),
    "tokens": words(one_of(*TOKENS)),
    "tokens once, then base64": drawn(BASE64, before=" ".join(TOKENS) + " "),
    "JWTs: first letters": filled("eyJ"),
    "JWTs: first letters, apart": filled("eyJ-"),
    "JWTs: headers": filled("eyJhbGciOiJ."),
    "JWTs: headers of two": filled("eyJhbGciOiJ.eyJ."),
    "JWTs without an algorithm": filled("eyJhIjoxfQ.eyJhIjoxfQ.abc "),
    "JWTs: a long one": filled("eyJ", behind=".a.b"),
    "private keys begin": filled("-----BEGIN RSA PRIVATE" + " KEY"),
    "private keys begin to begin": filled("-----BEGIN "),
    "AWS: beside words": filled("aws " + "a1B" * 13 + "a "),
    "Cloudflare: beside words": filled("cloudflare " + "a1-" * 13 + "a "),
    "SendGrid: long": filled("a", before="SG."),
    "SendGrid: many": filled("SG.aaaaaaaaaaaaaaaaa"),
    "Mapbox": filled("sk.eyJ" + "a" * 40),
    "Mapbox: first letters": filled("sk.eyJ"),
    "Tailscale": filled("tskey-abc-"),
    "Tailscale: first letters": filled("tskey-"),
    "Asana": filled("1/1234567890123/1234567890123"),
    "Azure": filled("APIM", before=BASE64),
}
MIXED: Family = {
    "all kinds": words(
        either(
            *(cut_short, digits(9, 11, 13, 16), shaped("DE8937040044053201300#"), one_of(*NEAR)),
            one_of("4111 1111 1111 1112", "eyJhIjoxfQ.e.", "password: ${X}", "10.0.0.1", "a@b.png", "bearer x"),
        )
    ),
}
FAMILIES: dict[str, Family] = {
    "runs": RUNS,
    "numbers": NUMBERS,
    "addresses": ADDRESSES,
    "named secrets": NAMED,
    "tokens": TOKENS_CUT,
    "mixed": MIXED,
}
TEXTS: dict[str, Word] = dict(
    chain.from_iterable(
        ((f"{family}: {name}", draw) for name, draw in texts.items()) for family, texts in FAMILIES.items()
    )
)


def text_of(name: str) -> str:
    """Return the text with this name, the same every time."""
    return TEXTS[name](random.Random(name))

"""Secrets that only a name gives away, as languages, files and commands write it; hashes of passwords."""

from __future__ import annotations

import base64
import random

from labelled import ALNUM, DIGITS, HEX, LOWER, UPPER, Found, Kind, bare, chars, grown
from secrets_credentials import SECRET_NAMES, jwt, pem

SERVICES = (
    "acme", "billing", "courier", "dispatch", "forecast", "geo", "hotel", "invoice", "jukebox", "kiosk", "ledger",
    "metrics", "newsroom", "orbit", "parcel", "quotes", "ratings", "sentinel", "tracker", "vision", "weather",
)  # fmt: skip
WRITTEN = (
    # a name in small letters with `_`, in capitals, with a hump; what stands behind the value
    ("{snake} = {}", ""), ("{snake}: {}", ""), ("{snake}: '", "'"), ('"{snake}": "', '"'), ('"{camel}": "', '"'),
    ("export {upper}={}", ""), ('{camel} = "', '"'), ("{camel} := `", "`"), ('const {camel}: string = "', '"'),
    ('var {camel} string = "', '"'), ('let {snake}: &str = "', '"'), ('{upper} ?= "', '"'), ('{upper} ::= "', '"'),
    ('${camel} .= "', '"'), ('"{camel}" => "', '"'), ('System.setProperty("{upper}", "', '")'),
    ('os.Setenv("{upper}", "', '")'), ("<{camel}>", "</{camel}>"), ("{snake} - '", "'"), ("| {snake} | ", " |"),
)  # fmt: skip
PAIRS = (
    ('{{"name": "{upper}", "value": "', '"}}'), ("- name: {upper}\n  value: ", ""),
    ('<add key="{camel}" value="', '" />'),
    ('{{"name":"{upper}","value":"', '"}}'), ('<property name="{snake}" value="', '"/>'),
    ("{{Name:{upper},Value:", ",}}"),
)  # fmt: skip
COMMANDS = (
    ("shopctl login --user app --password ", " --insecure"), ('["shopctl","--token","', '","--verbose"]'),
    ("curl -s -u app:", " https://api.shop.example/v1"), ("curl --user app:", " https://api.shop.example/v1"),
    ("deploy --db-password ", ""), ("runner -api-key ", " -v"), ("machine git.shop.example login app password ", ""),
)  # fmt: skip
CRYPT = "./" + ALNUM


def word(random: random.Random) -> str:
    """Return a secret as services hand them out: 20 signs and more, with digits among them."""
    kind = random.randrange(4)
    if kind == 0:
        return grown(random, HEX, random.choice([32, 40, 64]))
    if kind == 1:
        return grown(random, LOWER + DIGITS, 24, 40)
    return grown(random, ALNUM, 24, 48) if kind == 2 else grown(random, UPPER + DIGITS, 24, 36)


def spelled(random: random.Random, before: str, behind: str, ends: tuple[str, ...]) -> tuple[str, str]:
    """Return what stands around a value, with the name of somebody's token in it."""
    service, end = random.choice(SERVICES), random.choice(ends)
    parts = end.split("_")
    names = {
        "snake": f"{service}_{end}",
        "upper": f"{service}_{end}".upper(),
        "camel": service + "".join(part.capitalize() for part in parts),
    }
    return before.replace("{}", "").format(**names), behind.format(**names)


def of_a_service(random: random.Random) -> Found:
    """Return the token or key of a service that nobody has heard of."""
    before, behind = spelled(random, *random.choice(WRITTEN), ("token", "api_token", "key", "api_key", "secret"))
    return Found(word(random), before, behind)


def in_a_pair(random: random.Random) -> Found:
    """Return a value beside its name, as Kubernetes, .NET and Spring have environments and settings."""
    before, behind = spelled(random, *random.choice(PAIRS), ("password", "client_secret", "api_key", "access_token"))
    return Found(grown(random, ALNUM, 12, 30), before, behind)


def in_a_command(random: random.Random) -> Found:
    """Return a secret behind an option, or in .netrc."""
    before, behind = random.choice(COMMANDS)
    return Found(grown(random, ALNUM, 10, 30), before, behind)


def encoded_key(random: random.Random) -> str:
    """Return a private key in base64 once more, as Kubernetes' secrets and variables hold it."""
    return base64.b64encode(pem(random).replace("\\n", "\n").encode()).decode()


def encoded_jwt(random: random.Random) -> str:
    """Return a signed token in base64 once more."""
    token = jwt(random)
    return base64.b64encode(token.encode()).decode() if token.count(".") == 2 else encoded_jwt(random)


def hashed(random: random.Random) -> str:
    """Return a hash of crypt(5), of Argon2 (RFC 9106) or of Django's PBKDF2."""
    salt = chars(random, CRYPT, 16)
    return random.choice([
        f"$2{random.choice('aby')}${random.randint(4, 14):02}${chars(random, CRYPT, 53)}",
        f"$6${salt}${chars(random, CRYPT, 86)}",
        f"$6$rounds={random.randint(1000, 99999)}${salt}${chars(random, CRYPT, 86)}",
        f"$5${salt}${chars(random, CRYPT, 43)}",
        f"$1${salt[:8]}${chars(random, CRYPT, 22)}",
        f"$apr1${salt[:8]}${chars(random, CRYPT, 22)}",
        "$argon2id$v=19$m=65536,t=3,p=4$" + "$".join(
            base64.b64encode(random.randbytes(size)).decode().rstrip("=") for size in (16, 32)
        ),
        f"pbkdf2_sha256${random.randint(100000, 900000)}${chars(random, ALNUM, 12)}$"
        + base64.b64encode(random.randbytes(32)).decode(),
    ])  # fmt: skip


KINDS = (
    Kind("token or key of any service", SECRET_NAMES, of_a_service, "lines", 200),
    Kind("secret beside its name", SECRET_NAMES, in_a_pair, "lines", 60),
    Kind("secret in a command", SECRET_NAMES, in_a_command, "lines", 60),
    Kind("private key, in base64", ("private_key",), bare(encoded_key), "lines", 30),
    Kind("JSON web token, in base64", ("jwt",), bare(encoded_jwt), "lines", 30),
    Kind("hash of a password", ("password_hash", *SECRET_NAMES), bare(hashed), "lines", 60),
)

"""Keys, web tokens, headers, passwords in URLs and assignments, generic secrets known by their words and randomness."""

from __future__ import annotations

import base64
import json
import random
import uuid
from collections.abc import Callable

from labelled import ALNUM, DIGITS, HEX, Found, Kind, bare, chars, grown

PEMS = ("RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY",
"DSA PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK")  # fmt: skip
SCHEMES = (
    "postgres",
    "postgresql+asyncpg",
    "mysql",
    "amqp",
    "mongodb+srv",
    "redis",
    "https",
    "ftp",
    "jdbc:postgresql",
    "smtp",
)
QUERY_NAMES = ("access_token", "token", "api_key", "apikey", "id_token", "sig", "signature", "password", "secret",
"client_secret",
               "X-Amz-Signature", "X-Goog-Signature", "refresh_token", "auth_token")  # fmt: skip
NAMES = ("password", "passwd", "db_password", "DB_PASSWORD", "client_secret", "clientSecret", "api_key", "apiKey",
"API_KEY",
         "secret_key", "SECRET_KEY", "access_token", "accessToken", "auth_token", "private_key", "refresh_token", "pwd",
         "admin_password", "SMTP_PASSWORD", "encryption_key", "signing_secret", "webhook_secret",
         "session_secret")  # fmt: skip
SYMBOLS = "!#$%*+-./=^_~"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(random: random.Random) -> str:
    """Return a JSON web token (RFC 7519): signed (RFC 7515), encrypted (RFC 7516) or unsecured."""
    kind = random.randrange(8)
    if kind == 0:
        header = {
            "alg": random.choice(["RSA-OAEP", "dir", "ECDH-ES"]),
            "enc": random.choice(["A256GCM", "A128CBC-HS256"]),
        }
        sizes = (random.choice([0, 256]), 12, random.randint(40, 200), 16)
        return ".".join(
            [base64url(json.dumps(header).encode()), *(base64url(random.randbytes(size)) for size in sizes)]
        )
    header = {"alg": "none" if kind == 1 else random.choice(["HS256", "RS256", "ES256", "EdDSA", "PS512"])}
    header |= random.choice([{}, {"typ": "JWT"}, {"typ": "at+jwt", "kid": chars(random, HEX, 16)}])
    claims = {
        "sub": str(random.getrandbits(40)),
        "iat": random.randint(10**9, 2 * 10**9),
        "iss": "https://id.example.com",
    }
    separators = random.choice([(",", ":"), (", ", ": ")])
    parts = [base64url(json.dumps(part, separators=separators).encode()) for part in (header, claims)]
    return ".".join([*parts, "" if kind == 1 else base64url(random.randbytes(random.choice([32, 64, 256])))])


def pem(random: random.Random) -> str:
    """Return a private key (RFC 7468), with real line ends or as they stand in one-line variables."""
    kind = random.choice(PEMS)
    body = base64.b64encode(random.randbytes(random.randint(120, 900))).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    head = ["Version: GnuPG v2", ""] if kind.startswith("PGP") else []
    end = random.choice(["\n", "\n", "\r\n", "\\n"])
    return end.join([f"-----BEGIN {kind}-----", *head, *lines, f"-----END {kind}-----"])


def password(random: random.Random) -> str:
    """Return a password as generators and people make them."""
    kind = random.randrange(4)
    if kind == 0:
        return grown(random, ALNUM, 10, 24)
    if kind == 1:
        word = random.choice(["Summer", "Winter", "hunter", "Tr0ub4dor", "Passw0rd"])
        return f"{word}{random.randint(1, 9999)}{random.choice('!#$*')}"
    if kind == 2:
        words = random.choices(["correct", "horse", "battery", "staple", "violet"], k=3)
        return f"{'-'.join(words)}{random.randint(1, 99)}"
    return grown(random, ALNUM, 4) + chars(random, SYMBOLS, 2) + grown(random, ALNUM, 4, 10)


def generated(random: random.Random) -> str:
    """Return a secret as programs make them: hexadecimal, base64, a UUID, letters and digits."""
    kind = random.randrange(5)
    if kind == 0:
        return grown(random, HEX, random.choice([32, 40, 64]))
    if kind == 1:
        return base64.b64encode(random.randbytes(random.choice([24, 30, 33, 48]))).decode()
    if kind == 2:
        return str(uuid.UUID(int=random.getrandbits(128), version=4))
    return grown(random, ALNUM, 20, 48) if kind == 3 else base64url(random.randbytes(random.randint(24, 48)))


def in_url(random: random.Random) -> Found:
    """Return a password in a URL (RFC 3986, 3.2.1), which has what is not allowed there percent-encoded."""
    word = password(random).replace("%", "%25").replace("#", "%23").replace("/", "%2F").replace("^", "%5E")
    user = random.choice(["app", "admin", "svc-orders", "root", "postgres"])
    host = random.choice(["db:5432/shop", "10.0.3.7:6379/0", "mq.shop.svc/vhost", "db.internal/shop?sslmode=require"])
    return Found(word, f"{random.choice(SCHEMES)}://{user}:", f"@{host}")


def in_query(random: random.Random) -> Found:
    """Return the value of a parameter with a secret's name."""
    before = random.choice(["https://api.shop.example/v1/items?page=2&", "/callback?", "GET /export?format=csv&"])
    behind = random.choice(["", "&size=50", " HTTP/1.1", "#top"])
    return Found(
        generated(random).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
        f"{before}{random.choice(QUERY_NAMES)}=",
        behind,
    )


def basic(random: random.Random) -> Found:
    """Return credentials of RFC 7617."""
    word = base64.b64encode(f"{chars(random, ALNUM, 3, 12)}:{password(random)}".encode()).decode()
    return Found(
        word,
        random.choice(
            ["Authorization: Basic ", "authorization: Basic ", "header Basic ", "Proxy-Authorization: Basic "]
        ),
    )


def bearer(random: random.Random) -> Found:
    """Return a token of RFC 6750."""
    word = random.choice([grown(random, ALNUM, 24, 60), generated(random), grown(random, HEX, 40)])
    if random.random() < 0.25:
        return Found(f"Bearer {word}", "'Authorization': '", "'", core=word)
    return Found(word, random.choice(["Authorization: Bearer ", "authorization: bearer ", "sent Bearer "]))


def other_scheme(random: random.Random) -> Found:
    """Return what follows another scheme in the header of RFC 9110, 11.6.2."""
    return Found(
        grown(random, ALNUM, 16, 40), f"Authorization: {random.choice(['Token', 'ApiKey', 'Key', 'GenieKey'])} "
    )


def cookie(random: random.Random) -> Found:
    """Return a cookie header's value with a session in it (RFC 6265)."""
    name = random.choice(["sid", "session", "JSESSIONID", "connect.sid", "_shop_session"])
    value = grown(random, ALNUM, 20, 40)
    if random.random() < 0.5:
        return Found(f"theme=dark; {name}={value}", "Cookie: ", core=value)
    return Found(f"{name}={value}; Path=/; HttpOnly; Secure", "Set-Cookie: ", core=value)


WRITTEN: tuple[tuple[str, str], ...] = (
    ("{}=", ""), ("{}='", "'"), ('{}="', '"'), ("{}: ", ""), ('{}: "', '"'), ('"{}": "', '"'), ('"{}":"', '"'),
    ("'{}': '", "'"),
    ("export {}=", ""), ("--{}=", ""), ("{} = ", ""), ("<{}>", "<"), ('{} := "', '"'), ("Server=db;{}=", ";Timeout=5"),
)  # fmt: skip


def assigned(make: Callable[[random.Random], str]) -> Callable[[random.Random], Found]:
    """Return what draws a secret behind its name, as languages and formats write that."""

    def draw(random: random.Random) -> Found:
        before, behind = random.choice(WRITTEN)
        return Found(make(random), before.format(random.choice(NAMES)), behind)

    return draw


def near(random: random.Random) -> Found:
    """Return a random secret a few words behind what names it."""
    name = random.choice(
        ["secret", "token", "api key", "API key", "credential", "access key", "client secret", "password"]
    )
    between = random.choice([" ", " is ", " was ", " used: ", " value ", " set to "])
    word = random.choice([grown(random, ALNUM, 28, 48), base64url(random.randbytes(random.randint(24, 40)))])
    return Found(word, f"{name}{between}")


SECRET_NAMES = ("assigned_secret", "generic_secret", "url_query_secret", "api_token")
HEADERS = ("authorization", "bearer_token", "basic_credentials", "jwt")
KEYS: dict[str, tuple[tuple[str, ...], Callable[[random.Random], str]]] = {
    "password": (("password", "user.password", "dbPassword", "db_password", "PASSWD", "smtp.pwd", "admin-password"),
    password),
    "secret": (("client_secret", "oauth.clientSecret", "app.secret", "SECRET_KEY", "aws.secret_access_key"), generated),
    "token": (("token", "auth.token", "accessToken", "refresh_token", "x-csrf-token",
    "http.request.header.x-auth-token"),
              generated),
    "API key": (("api_key", "x-api-key", "http.request.header.x-api-key", "apiKey", "stripe.apikey"), generated),
    "header": (("authorization", "http.request.header.authorization", "http.request.header.cookie",
                "http.response.header.set-cookie", "http.request.header.proxy-authorization"), generated),
    "card": (("card_number", "creditCard", "credit_card_number", "payment.card.number"),
    lambda r: chars(r, DIGITS, 16)),
    "personal": (("ssn", "user.ssn", "date_of_birth", "dob", "passport_number", "iban"), lambda r: chars(r, DIGITS, 9)),
    "code": (("cvv", "card.cvc", "pin", "card_pin", "otp"), lambda r: chars(r, DIGITS, 4)),
}  # fmt: skip
"""Keys whose values are secret whatever they are."""
KINDS = (
    *(
        Kind(f"value by key: {name}", ("key",), bare(make), "alone", 30, keys=keys)
        for name, (keys, make) in KEYS.items()
    ),
    Kind("JSON web token", ("jwt",), bare(jwt), "any", 200),
    Kind("private key", ("private_key",), bare(pem), "lines", 130),
    Kind("password in a URL", ("url_userinfo",), in_url, "lines", 150),
    Kind("secret in a query", ("url_query_secret", *SECRET_NAMES), in_query, "lines", 150),
    Kind("basic credentials", ("basic_credentials", *HEADERS), basic, "lines", 110),
    Kind("bearer token", ("bearer_token", *HEADERS), bearer, "lines", 130),
    Kind("other authorization", ("authorization", *HEADERS), other_scheme, "lines", 110),
    Kind("cookie", ("cookie_header", "assigned_secret"), cookie, "whole", 110),
    Kind("password, assigned", SECRET_NAMES, assigned(password), "lines", 180),
    Kind("generated secret, assigned", SECRET_NAMES, assigned(generated), "lines", 180),
    Kind("random secret near its name", ("generic_secret", *SECRET_NAMES), near, "lines", 150),
)

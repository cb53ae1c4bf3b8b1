"""The names under which people store secrets: `password`, `api_key`, `http.request.header.authorization`, ...

One table serves the key rules (an attribute's key ends in the name) and the detectors that find `name=value` in text.
A name is matched as whole words, in any spelling: `api key` stands for `api_key`, `API-KEY`, `api.key`, `apikey` and,
after a lower-case letter, `ApiKey`. So `user.pin` is found and `mapping` is not, `access_token` is found and neither
`gen_ai.usage.input_tokens` nor `time_to_first_token` is: `token` needs a word before it that makes it a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_TOKENS = """access account admin api app auth authentication authorization bearer bot client csrf csrfmiddleware
customer deploy device fcm github gitlab hf id identity invite jwt login magic mfa npm oauth oauth2 payment personal
private push refresh registration reset sas secret security service session slack sso stripe user vault verification
webhook xsrf"""
_KEYS = """access account api app auth authentication consumer decryption encryption functions license master private
secret session sharedaccess signing ssh subscription"""


@dataclass(frozen=True)
class Name:
    """A kind of secret and the words under which it is stored."""

    kind: str
    phrases: tuple[str, ...] = ()
    """Found as whole words."""
    glued: tuple[str, ...] = ()
    """Found also at the end of a longer word (`dbpassword`)."""
    alone: tuple[str, ...] = ()
    """Too common as the second word of another name: found after a dot, a slash or nothing only."""
    in_text: bool = True
    """Whether `name=value` and `name: value` inside a text count; else attribute keys only."""


_CARD = (
    "card number",
    "card no",
    "card num",
    "card pan",
    "credit card",
    "credit card number",
    "debit card",
    "cc number",
)
_IDENTITY = (
    *("ssn", "social security", "social security number", "national id", "tax id", "passport number", "passport no"),
    *("drivers? licen[cs]e", "drivers? licen[cs]e number", "date of birth", "birth ?date", "dob"),
)
_SESSIONS = ("jsessionid", "phpsessid", "bearer", "jwt", "access token secret")

NAMES: tuple[Name, ...] = (
    Name(
        "password",
        ("pwd", "passcode", *(f"{word} pass" for word in ("db", "user", "smtp", "admin", "root", "mysql", "ftp"))),
        glued=("passwords?", "passwords? ?(?:hash|digest|value|confirmation)", "passwd", "passphrase"),
    ),
    Name("secret", ("secrets",), glued=("secret", "secret ?(?:value|string|text)")),
    Name("token", (*(f"{word} token" for word in _TOKENS.split()), *_SESSIONS), alone=("token", "x-[a-z0-9-]*token")),
    Name("api_key", (*(f"{word} key" for word in _KEYS.split()), "api keys", "access key id", "apim subscription key")),
    Name("authorization", ("authorization",)),
    Name("credentials", alone=("credentials?", "[a-z0-9]+_credentials?"), in_text=False),
    Name("cookie", ("set cookie2?", "cookies?"), in_text=False),
    Name("card", _CARD, alone=("pan",), in_text=False),
    Name("card_code", ("cvv2?", "cvc2?", "cvn", "card security code", "card verification value")),
    Name("bank_account", ("iban", "account number", "bank account", "routing number", "sort code"), in_text=False),
    Name("personal_id", _IDENTITY, in_text=False),
    Name("phone", ("phone number", "mobile number", "telephone", "msisdn"), alone=("phone",), in_text=False),
    Name("code", ("pin", "otp", "totp", "otp code", "mfa code", "verification code"), in_text=False),
)
"""In the order in which an attribute's key is tried."""

_SPACE = "[-_. ]?"
_INDEX = r"(?:[._\[-]?[0-9]{1,3}\]?)?"
"""Keys of lists that were flattened: `passwords.0`, `token[1]`."""


def _loose(phrase: str) -> str:
    return phrase.replace(" ?", " ").replace(" ", _SPACE)


def _camel(phrase: str) -> Iterable[str]:
    """Return the words as they follow a lower-case letter: `CardNumber`, `Cvv` and `CVV`."""
    for spelling in sorted({phrase.replace("?", ""), re.sub(".[?]", "", phrase)}):
        words = spelling.split()
        if all(word.isalnum() for word in words):
            yield "".join(word.capitalize() for word in words)
            if len(words) == 1 and len(spelling) < 5:
                yield spelling.upper()


def _alternatives(names: Iterable[Name], before_alone: str) -> str:
    """Return a pattern (no capturing group) for any of the names; `before_alone` stands before those found alone."""
    chosen = list(names)
    phrases = [phrase for name in chosen for phrase in name.phrases]
    glued = [phrase for name in chosen for phrase in name.glued]
    alone = [phrase for name in chosen for phrase in name.alone]
    parts = [f"(?i:{_loose(phrase)})" for phrase in glued]
    if phrases:
        parts.append(f"(?:^|[^A-Za-z0-9])(?i:{'|'.join(map(_loose, phrases))})")
        parts.append(f"[a-z0-9](?:{'|'.join(word for phrase in phrases for word in _camel(phrase))})")
    if alone:
        parts.append(f"{before_alone}(?i:{'|'.join(alone)})")
    return f"(?:{'|'.join(parts)})"


def key_pattern(name: Name) -> str:
    """Return the pattern that is found in an attribute key which ends in the name."""
    return f"{_alternatives([name], '(?:^|[./:])')}{_INDEX}$"


TEXT_NAMES = tuple(name for name in NAMES if name.in_text)


def text_pattern() -> str:
    """Return the pattern of the names inside a text; what assigns the value follows it."""
    return _alternatives(TEXT_NAMES, r"""(?:^|[\s"'{(,;|\\])""")


def query_pattern() -> str:
    """Return the pattern of the names as parameters of a URL, from the delimiter on; `=` follows it.

    `code` and `key` are left to the detector: they are secrets only when they are long.
    """
    words = [_loose(phrase) for name in TEXT_NAMES for phrase in (*name.phrases, *name.glued)]
    more = "token|auth|sig|signature|session|sessionid|sid|otp|x-amz-(?:signature|credential|security-token)"
    more += "|x-goog-(?:signature|credential)|googleaccessid|awsaccesskeyid|saml(?:request|response)|code|key"
    return rf"(?i:[?&;#](?:(?:[\w.\[-]*[_.\[-])?(?:{'|'.join(words)})|{more})\]?)"


def about(*words: str) -> str:
    """Return a pattern that finds one of the words, in any spelling; a blank stands for any joint or none.

    Words in other alphabets are found anywhere (RE2 knows borders of ASCII words only), also as JSON escapes them.
    """
    escaped = [" ".join(map(re.escape, word.split())) for word in words]
    camel = "|".join(spelling for word in words if word.isascii() for spelling in _camel(word))
    after_letter = f"|[a-z](?:{camel})" if camel else ""
    plain = "|".join(_loose(word) for word in escaped if word.isascii())
    foreign = ["".join(map(_in_json, _loose(word))) for word in escaped if not word.isascii()]
    bordered = [rf"(?:(?:\b|_)(?i:{plain}){after_letter})s?(?:\b|_|[A-Z])"] if plain else []
    return "|".join([*bordered, *(f"(?i:{word})" for word in foreign)])


def _in_json(character: str) -> str:
    """Return what finds a character beyond ASCII as it is and as JSON escapes it, also JSON within JSON."""
    return character if character.isascii() else rf"(?:{character}|\\+u{ord(character):04x})"

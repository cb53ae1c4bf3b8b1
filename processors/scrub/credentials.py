"""The pack `credentials`: keys, tokens and passwords, by their form or by the name that stands before them."""

from __future__ import annotations

from .actions import redact
from .detector import CJK, HOLE, SCHEMES, WORD, Detector, Near, Rule
from .names import about

PACK = "credentials"

_OF_KEY = r"[ A-Z0-9%+_]*PRIVATE(?: |%20|\+|_)KEY"
_PEM_KINDS = "|".join(
    # Base64 of what stands behind `-----BEGIN`: the kinds of RFC 7468 and of OpenSSL, OpenSSH, PGP.
    (
        *("BSU0EgUFJJVkFURS", "BFQyBQUklWQVRF", "BQUklWQVRF", "BFTkNSWVBURUQgUFJJVkFURS", "BPUEVOU1NIIFBSSVZBVE"),
        *("BEU0EgUFJJVkFURS", "BQR1AgUFJJVkFURS"),
    )
)
_B64, _NEXT = "(?:[A-Za-z0-9+/]|%2[BFbf])", r"(?:\\n|\r?\n[ \t]*)"
PRIVATE_KEY = Detector(
    "private_key",
    PACK,
    redact("[PRIVATE_KEY]"),
    # Without an end (a text that was cut) everything behind the beginning is the key.
    (
        Rule(rf"(?s)-{{4,5}} ?BEGIN{_OF_KEY}.*?(?:-{{4,5}} ?END{_OF_KEY}[ A-Z0-9%+_]*-{{4,5}}|\z)", group=0),
        Rule(
            rf"LS0tLS1CRUdJTi(?:{_PEM_KINDS}){_B64}*(?:{_NEXT}{_B64}{{40,}})*"
            rf"(?:{_NEXT}{_B64}+={{1,2}}|(?:=|%3D){{0,2}})",
            group=0,
            variant="base64",
        ),
    ),
)

JWT = Detector(
    "jwt",
    PACK,
    redact("[JWT]"),
    # Base64 of `{"`, `{ `, `{\n`, `{\t`; then two more parts, or four (encrypted), or fewer where the text was cut.
    (
        Rule(r"ey[JA][\w-]+=*\.[\w-]*=*(?:\.[\w-]*=*(?:\.[\w-]+\.[\w-]+)?)?", group=0, check="jwt"),
        # A header that begins with `alg` or `typ` and was damaged; base64 of a whole token, with that of `.ey` in it.
        Rule(
            r"eyJ(?:hbGciOi|0eXAiOi)[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]{8,})?"
            r"|ZXl[BK][A-Za-z0-9+/_-]{10,}(?:LmV5|5leU|uZXlK)[A-Za-z0-9+/_-]{10,}={0,2}",
            group=0,
            variant="coded",
        ),
    ),
)

_PORTS = r"[^\s/?#@:]*(?::[0-9]+(?:,[^\s/?#@:]*)?)*"
URL_USERINFO = Detector(
    "url_userinfo",
    PACK,
    redact("[CREDENTIALS]"),
    (
        Rule(
            # None: a repository, an IPv6 address, hosts and ports before a path, an image, a user without digits
            # (akka.tcp://system@host), a password that is filled in elsewhere or was taken out before.
            rf"""://(?:git@|\[|{_PORTS}[/?#]|[^\s/?#@:]*@sha256:|[A-Za-z_.-]*@[^\s/?#.:@]*(?:[:/?#]|$)|(?:[^\s/?#@:"'<>\[]*:)?{HOLE}@|[^\s/?#@:"'<>\[]*:\[[A-Z_]+\]@|"""
            r"""(?:[^\s/?#@:"'<>\[]*:)?([^\s/?#"'<>\[][^\s/?#"'<>]*|[^\s"'<>\[][^\s"'<>]*?)@)"""
        ),
        Rule(
            r"""\b[\w.%+-]+:([^\s:/"'<>()\[][^\s/"'<>()]*)@(?:tcp6?|unix|udp)\(""",  # Go's MySQL driver
            variant="dsn",
        ),
    ),
)

# A parameter's value does not begin with what follows a string in JSON: `Basic ...=",` ends at the quote.
_PARAMETER = r"""\w+="(?:[^",\\}\]][^"]*)?\""""
AUTHORIZATION = Detector(
    "authorization",
    PACK,
    redact("[TOKEN]"),
    (
        Rule(
            rf"""(?i)authorization\\*["']?\s*(?::|=>|=|%3A|%3D)[\s"'\\\[]*(?:{SCHEMES})(?:\s|%20|\+)+"""
            rf"""(?:{HOLE}(?:[\s"'`,;)\\]|$)|"""
            rf"""((?:{_PARAMETER}|[^\s"',;<>\\\[\]{CJK}][^\s"',;<>\\\]{CJK}]*)"""
            rf"""(?:, ?\w+=(?:"[^"]*"|[^\s",;{CJK}]+))*))"""
        ),
    ),
)

_GAP = r"(?:\s|%20|%3A|[+:=]|\\[nrt])+"
_T = r"[A-Za-z0-9._~+/-]"
BEARER_TOKEN = Detector(
    "bearer_token",
    PACK,
    redact("[TOKEN]"),
    # `bearer` is followed by prose as well: a digit, two dots or 32 characters make a token of what follows.
    (
        Rule(
            rf"(?i)bearer{_GAP}((?:{_T}{{5,}}[0-9]{_T}*|{_T}*[0-9]{_T}{{5,}}|{_T}{{32,}}"
            r"|[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)=*)"
        ),
    ),
)

BASIC_CREDENTIALS = Detector(
    "basic_credentials",
    PACK,
    redact("[CREDENTIALS]"),
    (Rule(rf"(?i)basic{_GAP}([A-Za-z0-9+/_-]{{4,}}={{0,2}})", check="basic_credentials"),),
)

COOKIE_HEADER = Detector(
    "cookie_header",
    PACK,
    redact("[COOKIE]"),
    (Rule(r"""(?i)cookie2?\\*["']?\s*(?::|=>|=)\s*\\*["']?([^\s;,"'=<>]+=[^\r\n"'<>\\]+)"""),),
)

GITHUB_TOKEN = Detector(
    "github_token",
    PACK,
    redact("[GITHUB_TOKEN]"),
    (Rule(r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{22,}", group=0),),
)

_AWS = "(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]"
AWS_ACCESS_KEY = Detector(
    "aws_access_key",
    PACK,
    redact("[AWS_ACCESS_KEY]"),
    (Rule(rf"{WORD}(?:{_AWS}{{17}}|({_AWS}{{16}}))"),),
)

AWS_SECRET_KEY = Detector(
    "aws_secret_key",
    PACK,
    redact("[AWS_SECRET_KEY]"),
    (
        Rule(
            r"(?:^|[^A-Za-z0-9/+=])(?:[A-Za-z0-9/+]{41}|([A-Za-z0-9/+]{40}))",
            check={"entropy": 420, "kinds": 3, "changes": 1},
            near=Near(about("aws", "amazon", "secret access key", "secret key"), 60),
        ),
    ),
)

"""The pack `credentials`: keys, tokens and passwords, by their form or by the name that stands before them."""

from __future__ import annotations

from .actions import redact
from .detector import WORD, Detector, Near, Rule
from .names import about, query_pattern, text_pattern

PACK = "credentials"

_OF_KEY = r"[ A-Z0-9%+_]*PRIVATE(?: |%20|\+|_)KEY"
PRIVATE_KEY = Detector(
    "private_key",
    PACK,
    redact("[PRIVATE_KEY]"),
    # Without an end (a text that was cut) everything behind the beginning is the key.
    (Rule(rf"(?s)-{{4,5}} ?BEGIN{_OF_KEY}.*?(?:-{{4,5}} ?END{_OF_KEY}[ A-Z0-9%+_]*-{{4,5}}|\z)", group=0),),
)

JWT = Detector(
    "jwt",
    PACK,
    redact("[JWT]"),
    # Base64 of `{"`, `{ `, `{\n`, `{\t`; then two more parts, or four (encrypted), or fewer where the text was cut.
    (Rule(r"ey[JA][\w-]+=*\.[\w-]*=*(?:\.[\w-]*=*(?:\.[\w-]+\.[\w-]+)?)?", group=0, check="jwt"),),
)

_PORTS = r"[^\s/?#@:]*(?::[0-9]+(?:,[^\s/?#@:]*)?)*"
URL_USERINFO = Detector(
    "url_userinfo",
    PACK,
    redact("[CREDENTIALS]"),
    (
        Rule(
            # None: a repository, an IPv6 address, hosts and ports before a path, a password taken out before.
            rf"""://(?:git@|\[|{_PORTS}[/?#]|[^\s/?#@:"'<>\[]*:\[[A-Z_]+\]@|"""
            r"""(?:[^\s/?#@:"'<>\[]*:)?([^\s/?#"'<>\[][^\s/?#"'<>]*|[^\s"'<>\[][^\s"'<>]*?)@)"""
        ),
        Rule(
            r"""\b[\w.%+-]+:([^\s:/"'<>()\[][^\s/"'<>()]*)@(?:tcp6?|unix|udp)\(""",  # Go's MySQL driver
            variant="dsn",
        ),
    ),
)

_SCHEMES = "bearer|basic|token|digest|negotiate|ntlm|api-?key|hmac|aws4-hmac-sha256|oauth|jwt|key|hawk|sso-key"
_SCHEMES += "|geniekey|ssws|splunk|pveapitoken"
AUTHORIZATION = Detector(
    "authorization",
    PACK,
    redact("[TOKEN]"),
    (
        Rule(
            rf"""(?i)authorization\\*["']?\s*(?::|=>|=|%3A|%3D)[\s"'\\\[]*(?:{_SCHEMES})(?:\s|%20|\+)+"""
            r"""(?:\$\{[^}]*\}|((?:\w+="[^"]*"|[^\s"',;<>\\\[\]][^\s"',;<>\\\]]*)(?:, ?\w+=(?:"[^"]*"|[^\s",;]+))*))"""
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

_SHORT = r"""[?&;#](?i:code|key)=[^&;\s#"'<>]{0,15}(?:[&;\s#"'<>]|$)"""
URL_QUERY_SECRET = Detector(
    "url_query_secret",
    PACK,
    redact("[SECRET]"),
    (Rule(rf"{_SHORT}|{query_pattern()}=(?:\[[A-Z_]+\]|" + r"""\*+(?:[&;\s#"'<>]|$)|([^&;\s#"'<>]+))"""),),
)

_NAME = text_pattern()
_END = r"""(?:[\s,;:.)}\]"'<]|$)"""
_AFTER = r"""(?:[\s,;)}\]"'<]|[:.](?:\s|$)|$)"""
_HOLE = r"(?:\$\{[^}\"']*\}|\{\{?[\w. :-]*\}|\[[A-Z_]+\]|<[A-Za-z_ .-]+>|%s|%\([a-z_]+\)s|\*+)"
"""What stands for a value that is filled in elsewhere, or was taken out before: `${X}`, `{x}`, `[X]`, `<x>`, `%s`."""

_QUOTED = Rule(rf"""{_NAME}"?\s*(?:=>|:=|[:=])\s*"(?:{_HOLE}"|""" + r"""((?:[^"\\]|\\.)+))""", variant="json")
_ESCAPED = Rule(
    rf"""{_NAME}(?:\\+["']|["'])?\s*(?:=>|:=|[:=])\s*(?:\\+["']|')(?:{_HOLE}["'\\]|""" + r"""([^"'\\]+))""",
    variant="quoted",
)
_ENCODED = Rule(
    rf"{_NAME}(?:%22|%27|%5D)*(?i:%3A|%3D)(?:%22|%27|%20)*" + r"""(?:\[[A-Z_]+\]|([^&\s#"'<>%][^&\s#"'<>]*))""",
    variant="encoded",
)
_MARK = "(?:&quot;|&apos;|&#3[49];|''|\"\")"
_MARKED = Rule(  # in XML, or where quotes are doubled: SQL, CSV
    rf"{_NAME}(?:{_MARK})?\s*(?:=>|:=|[:=])\s*{_MARK}(?:{_HOLE}|" + r"""([^\s&"'<>]+))""",
    variant="marked",
)
_IDENTIFIER = r"(?:[A-Za-z_]*(?i:pass|pwd|secret|token|key|cred|auth)[A-Za-z_]*|[A-Za-z_]+\.[A-Za-z_.]+)"
_PLAIN = Rule(
    rf"""(?:^|[\s"'{{(,;|\\])(?i:token)\\*["']?(?:\s*:|\s+=)\s*[^\s"',;]{{1,11}}{_END}|"""  # `unexpected token: 15`
    rf"""{_NAME}\\*["']?(?:"""
    rf"\s*(?::|=>)\s*[A-Za-z_.-]+{_END}|"  # `password: required` is prose
    rf"\s+=\s*[A-Za-z_.]+(?:{_END}|[(\[{{])|"  # `token = get_token()` is code
    # and so is `connect(password=settings.db, token=os.environ["TOKEN"], secret=get(name))`
    rf"=(?:[A-Za-z_.]+(?:[)\]}}]|\([\w.,= \"'-]*\)|\[[\w\"']+\])|{_IDENTIFIER},)|"
    # `password = $1`, `?`, `:name`, `@name`, `(SELECT ...)`, `==`, `${X}`; `PWD=/usr/src`; `Authorization: Basic ...`
    rf"\s*(?:=>|:=|[:=]|>)\s*(?:(?:{_HOLE}|\?|\$(?:[0-9]+|[A-Z_][A-Z0-9_]*)|[:@][A-Za-z_]+[0-9]{{0,2}}){_AFTER}|(?:/[\w.-]+)+/?(?:[\s,;)\"']|$)|"
    rf"\[[A-Z_]+\]|[(\[{{][)\]}}]|\((?i:select)\s|=|"
    rf"(?i:null|none|nil|true|false){_END}|(?i:{_SCHEMES})(?:\s|%20|\+))|"
    r"(?:\s*(?:=>|:=|[:=])\s*|>)"
    r"""([^\s,;&"'<>)}\]\\][^\s,;&"'<>)}\]\\]*))"""
)
ASSIGNED_SECRET = Detector("assigned_secret", PACK, redact("[SECRET]"), (_QUOTED, _ESCAPED, _ENCODED, _MARKED, _PLAIN))

_SAID = "|".join(
    rf"{word}[-_. ]?{what}s?"
    for word, what in (
        ("(?:api|secret|access|private|signing|encryption|master|shared)", "key"),
        ("(?:access|api|auth|bearer|id|refresh|secret|session)?", "token"),
        ("(?:client|shared|app|api)?", "secret"),
    )
)
_BEFORE_SAID = (
    rf"(?:\b|_)(?i:{_SAID}|passwords?|passphrase|credentials?)"
    r"""(?:\s(?:is|was|of|for|to|set|value|used|with|=|->):?|:){0,2}\s["'`(<\[]?"""
)
GENERIC_SECRET = Detector(
    "generic_secret",
    PACK,
    redact("[SECRET]"),
    # In prose: `the API key 3f9a... was refused`. Names of things (`secret db-7d4b9c6f5`) have hyphens and
    # no capital letters.
    (
        Rule(
            rf"{_BEFORE_SAID}([A-Za-z0-9_+/]{{16,}}={{0,2}})",
            check={"entropy": 300, "kinds": 2, "changes": 3},
        ),
        Rule(
            rf"{_BEFORE_SAID}([A-Za-z0-9_+/-]{{20,}}={{0,2}})",
            check={"entropy": 350, "kinds": 3, "changes": 3},
            variant="mixed",
        ),
    ),
)

"""The pack `credentials`: secrets known by the name that stands before them, in URLs, assignments and prose."""

from __future__ import annotations

from .actions import redact
from .detector import CJK, HOLE, SCHEMES, Detector, Near, Rule
from .names import about, query_pattern, text_pattern

PACK = "credentials"

_SHORT = r"""[?&;#](?i:code|key)=[^&;\s#"'<>]{0,15}(?:[&;\s#"'<>]|$)"""
_QUERY_VALUE = r"""((?:[^&;\s#"'<>\\]|\\[^"'nrtu/\\])+)"""
"""Up to what ends it, an escape in the JSON around it too."""
URL_QUERY_SECRET = Detector(
    "url_query_secret",
    PACK,
    redact("[SECRET]"),
    (Rule(rf"{_SHORT}|{query_pattern()}=(?:{HOLE}(?:[&;\s#\"'<>`)\\]|$)|{_QUERY_VALUE})"),),
)

_NAME = text_pattern()
_TYPE = r"""(?::?\s*&?(?:'static )?\*?(?i:string|str)\b)?"""
"""`key: string = ...`, `var key string = ...`."""
_IS = r"\s*(?:=>|[:?.+|]{0,3}=|:)\s*"
"""What stands between a name and its value, in languages and formats."""
_END = r"""(?:[\s,;:.)}\]"'<]|`(?:[\s,;:.)]|$)|$)"""
_AFTER = r"""(?:[\s,;)}\]"'<]|`(?:[\s,;:.)]|$)|\\[nrt"']|[:.](?:\s|$)|$)"""
_VERSION_RANGE = r"[\^~<>=v]{0,2}[0-9]+\.[0-9x*]+\.[0-9x*]+"
"""A version: packages have names such as `auth-token`."""
_PATH = r"(?:(?:/[\w.-]+)+/?(?:[\s,;)\"']|$))"

_QUOTED = Rule(
    rf"""{_NAME}(?:["']|{_TYPE}){_IS}"(?:(?:{HOLE}|{_VERSION_RANGE})"|""" + r"""((?:[^"\\]|\\.)+))""",
    variant="json",
)
_ESCAPED = Rule(
    rf"""{_NAME}(?:\\+["']|["'])?{_TYPE}{_IS}(?:\\+["']|')(?:{HOLE}["'\\]|""" + r"""([^"'\\]+))""",
    variant="quoted",
)
_ENCODED = Rule(
    rf"{_NAME}(?:%22|%27|%5D)*(?i:%3A|%3D)(?:%22|%27|%20)*" + r"""(?:\[[A-Z_]+\]|([^&\s#"'<>%][^&\s#"'<>]*))""",
    variant="encoded",
)
_MARK = "(?:&quot;|&apos;|&#3[49];|''|\"\")"
_MARKS = r"""(?:\\*["']|&quot;)?"""
_VALUE = rf"{_MARKS}(?:[\s,]|\\+n){{1,12}}{_MARKS}(?i:value){_MARKS}\s?[:=]\s?{_MARKS}"
_MARKED = Rule(
    # in XML, or where quotes are doubled: SQL, CSV; and a pair: `{"name": "DB_PASSWORD", "value": "x"}`,
    # `- name: DB_PASSWORD` and `value: x`, `<add key="DbPassword" value="x">`
    rf"{_NAME}(?:(?:{_MARK})?{_IS}{_MARK}|{_VALUE})(?:{HOLE}{_AFTER}|{HOLE}&|" + r"""([^\s"'\\,}<>&]+))""",
    variant="marked",
)
_ELEMENT = Rule(  # whatever ends it, an end that was cut off too; not `the <token> of <user>`
    rf"{_NAME}>(?:\s*\n\s*)?(?:{HOLE}\s*<|[:,.`][^<]*(?:<[^/]|$)|([^\s<>](?:[^<]*?[^\s<])??)\s*(?:<|&lt;))",
    variant="element",
)
_QUOTE = r"""(?:\\*["'`]{1,2}|&quot;|&apos;|&#3[49];)"""
_FLAGS = "(?i:password|passwd|pwd|passphrase|secret|token|(?:api|access|secret|account)[-_]?key)"
_OPTION = rf"""(?:^|[\s"'\[(,])--?[A-Za-z0-9._-]*{_FLAGS}(?: |{_QUOTE},\s*{_QUOTE}){_QUOTE}?"""
_CURL = r"""\bcurl\b[^\n]*?\s(?:-u|-U|--user|--proxy-user)[\s=]*["']?[^\s:"']+:"""
_NETRC = r"\b(?:machine\s+\S+|default)\s+login\s+\S+\s+password\s+"
_COMMAND = Rule(
    rf"(?:{_OPTION}|{_CURL}|{_NETRC})"
    rf"""(?:(?:{HOLE}|\$[A-Za-z_]\w*|(?i:is|was|not|for|from|to|and|or|in|of|string|flags?|option|value|file)){_AFTER}|"""
    rf"""{_PATH}|id=[\w.-]+(?:[,\s]|$)|"""
    r"""([^\s"'\\,;<>()|&-][^\s"'\\,;<>]*))""",
    variant="command",
)

_IDENTIFIER = r"(?:[A-Za-z_]*(?i:pass|pwd|secret|token|key|cred|auth)[A-Za-z_]*|[A-Za-z_]+\.[A-Za-z_.]+)"
_PLAIN = Rule(
    rf"""(?:^|[\s"'{{(,;|\\])(?i:token)\\*["']?(?:\s*:|\s+=)\s*[^\s"',;]{{1,11}}{_END}|"""  # `unexpected token: 15`
    rf"""{_NAME}\\*["']?{_TYPE}(?:"""
    rf"\s*(?::|=>)\s*[A-Za-z_.-]+{_AFTER}|"  # `password: required` is prose
    rf"\s*(?::|=>)\s*[A-Za-z_.]+(?:\[[A-Za-z_., |]*\]|\([A-Za-z_.,= \"'\[\]-]*\)){_AFTER}|"  # `Password: str(c.Pw)`
    rf"\s+=\s*(?:[A-Za-z_.]+(?:{_AFTER}|[(\[{{])|[A-Za-z_][\w.]*\(\))|"  # `token = get_token()` is code
    # and so is `connect(password=settings.db, token=os.environ["TOKEN"], secret=get(name))`
    rf"=(?:[A-Za-z_.]+(?:\([A-Za-z_.,= \"'-]*\)|\[(?:\"\w+\"|'\w+'|[A-Za-z_]+|[0-9]+)\])|{_IDENTIFIER}[,)\]}}]|"
    r"(?:[A-Za-z]{1,3}|_\w*|args?|kwargs|params|value|config|self|this)[)\]}])|"
    # `password = $1`, `?`, `:name`, `@name`, `(SELECT ...)`, `==`, `${X}`; `PWD=/usr/src`; `Authorization: Basic ...`
    rf"\s*(?:=>|:=|[:=])\s*(?:(?:{HOLE}|\?|\$(?:[0-9]+|[A-Z_][A-Z0-9_]*)|[:@][A-Za-z_]+[0-9]{{0,2}}){_AFTER}|{_PATH}|"
    # What holds more than a word: `secret: {`, `key: |`, `key: # a comment`, `secrets: ["a"]`, `(!value`, `$(`
    r"[(\[{](?:[)\]}]|\s|\\*[\"']|$)|\(![A-Za-z.]+[ .)]|\$\{[^}]*\}@|(?:[|>][+-]?|#|`+)(?:\s|$)|"
    rf"\[[A-Z_]+\]|\((?i:select)\s|=|"
    rf"(?i:null|none|nil|true|false){_END}|(?i:{SCHEMES})(?:\s|%20|\+))|"
    rf"{_IS}"
    rf"""((?::{{1,2}}[^\s,;&"'<>)}}\]\\:={CJK}]|[^\s,;&"'<>)}}\]\\:={CJK}])[^\s,;&"'<>)}}\]\\{CJK}]*))"""
)

_RANDOM = {"entropy": 300, "kinds": 2, "changes": 3}
_GIVEN = (
    rf"""(?:[-_]?(?i:value|[0-9]{{1,3}}))?(?:(?:{_QUOTE}|[)\]]){{0,2}}{_TYPE}"""
    rf"""(?:{_IS}|\s-\s|\s\|\s?){_QUOTE}?|{_QUOTE}\s*,\s*{_QUOTE}|"""
    r""">\s*|(?:%22|%27|%5D)*(?i:%3A|%3D)(?:%22|%27|%20)*)(?:(?i:bearer|token|basic)\s)?"""
)
"""Between any name and a value that looks random: what assigns it, in an argument list, an element, a table too."""


def _named(what: str, others: str) -> tuple[str, str]:
    """Return two patterns of names that end in `what`: of those whose word before it is of `others`, and of all.

    A word begins behind what is no letter or digit, or with a capital letter. The first must be tried first.
    """
    begin, words = "(?:^|[^A-Za-z0-9])", others.split()
    other = rf"(?:{begin}(?i:{'|'.join(words)})|{'|'.join(word.capitalize() for word in words)})[-_. ]?(?i:{what})"
    return other, rf"(?:{begin}(?:[a-z0-9]{{1,24}}|[A-Z0-9]{{1,24}})[-_.]?|[A-Z][a-z0-9]{{1,24}}[-_.]?)(?i:{what})"


_ALONE = "(?:^|[^A-Za-z0-9_.-])"
_OTHER_TOKEN, _TOKEN = _named(
    "token", "page paging next prev previous sync resume continue continuation cursor start end stop"
)
_OTHER_KEY, _KEY = _named(
    "key",
    "cache sort partition primary foreign unique public pub routing idempotency message object row group hash lookup "
    "index map dedup deduplication host storage file image record shard job lock topic range s3",
)
_SECRETS = rf"(?:{_TOKEN}|{_ALONE}(?i:token)|(?i:secret|passwd|password|pwd|credential|cred|[-_. ]auth|[-_]pat))(?i:s?)"
_QUOTED_GIVEN = Rule(
    rf"""{_OTHER_TOKEN}|{_SECRETS}(?:{_QUOTE}?{_TYPE}(?:{_IS}|\s-\s)|{_QUOTE}\s*,\s*)["'](?:https?://|"""
    r"""([^\s"'\\]{16,}))""",
    check=_RANDOM,
    variant="random_quoted",
)
_TOKENS_GIVEN = Rule(
    rf"{_OTHER_TOKEN}|{_SECRETS}{_GIVEN}((?:[\w+/=-]+[.:~]){{0,3}}[\w+/=-]{{16,}}(?:[.:~][\w+/=-]+)*)",
    check=_RANDOM,
    variant="random",
)
_KEYS_GIVEN = Rule(
    rf"{_OTHER_KEY}|{_KEY}{_GIVEN}([A-Za-z0-9_]{{20,}}={{0,2}}|[0-9A-Fa-f]{{8}}(?:-[0-9A-Fa-f]{{4}}){{3}}-[0-9A-Fa-f]{{12}})",
    check=_RANDOM,
    variant="random_key",
)
_MIXED_GIVEN = Rule(
    rf"{_OTHER_KEY}|{_OTHER_TOKEN}|(?:{_KEY}|{_TOKEN}|{_ALONE}(?i:key|token|secret)){_GIVEN}"
    r"(?:[\w.]{24,}\(|([\w+/=.~-]{24,}))",
    check={"entropy": 390, "kinds": 3, "changes": 1},
    variant="mixed",
)
_API_KEYS_GIVEN = Rule(
    rf"{_OTHER_KEY}|(?:{_KEY}|{_ALONE}(?i:key)){_GIVEN}" + r"([\w-]{32,})",
    check=_RANDOM,
    near=Near(about("api", "apis"), 100),
    variant="api_key",
)
ASSIGNED_SECRET = Detector(
    "assigned_secret",
    PACK,
    redact("[SECRET]"),
    (
        *(_COMMAND, _MARKED, _QUOTED, _ESCAPED, _ENCODED, _ELEMENT, _PLAIN),
        *(_QUOTED_GIVEN, _TOKENS_GIVEN, _KEYS_GIVEN, _MIXED_GIVEN, _API_KEYS_GIVEN),
    ),
)

_SAID = "|".join(
    rf"{word}[-_. ]?{what}s?"
    for word, what in (
        ("(?:api|secret|access|private|signing|encryption|master|shared)", "key"),
        ("(?:access|api|auth|bearer|id|refresh|secret|session)", "token"),
        ("(?:client|shared|app|api)", "secret"),
    )
)
_BEFORE_SAID = (
    rf"(?:(?:\b|_)(?i:{_SAID}|passwords?|passphrase|credentials?)"
    rf"|(?:{_ALONE}|(?:^|[^A-Za-z0-9])[A-Za-z0-9]{{1,24}}_)(?i:tokens?|secrets?))"
    r"""(?:\s(?:is|was|of|for|to|set|value|used|with|=|->):?|:){0,2}\s["'`(<\[]?"""
)
GENERIC_SECRET = Detector(
    "generic_secret",
    PACK,
    redact("[SECRET]"),
    # In prose: `the API key 3f9a... was refused`. Names of things (`secret db-7d4b9c6f5`) have hyphens and
    # no capital letters, names of classes hardly more than 4 bits a character.
    (
        Rule(
            rf"{_OTHER_TOKEN}|{_BEFORE_SAID}([A-Za-z0-9_+/-]{{20,}}={{0,2}})",
            check={"entropy": 350, "kinds": 3, "changes": 3},
            variant="mixed",
        ),
        Rule(
            rf"{_OTHER_TOKEN}|{_BEFORE_SAID}([A-Za-z0-9_+/-]{{24,}}={{0,2}})",
            check={"entropy": 410, "kinds": 2},
            variant="letters",
        ),
        Rule(
            rf"{_OTHER_TOKEN}|{_BEFORE_SAID}(?:[A-Za-z0-9_+/]{{16,}}-[A-Za-z0-9]|([A-Za-z0-9_+/]{{16,}}={{0,2}}))",
            check={"entropy": 300, "kinds": 2, "changes": 3},
        ),
        Rule(
            r"(?:(?i:key)\s(?:is|was):?\s|(?:KEY|SECRET|PRIVATE|ACCESS|TOKEN)[-_: =]{1,3})"
            r"([A-Za-z0-9]{20,})",
            check={"entropy": 320, "kinds": 2, "changes": 5},
            variant="key",
        ),
    ),
)

"""The shipped detectors, by pack, in the order in which a text goes through them.

Each works on what the ones before have left, so the more specific stand first: a private key before everything, a JWT
before the bearer token that it may be, the password in a URL before the e-mail address that `user:password@host` looks
like. RE2 has no look-around; three devices stand in for it:

- What must stand *before* a match is matched too, outside the group that is replaced (`_WORD`, `_NUMBER`).
- What must *not follow* is an alternative tried first, without the group: a match whose group took no part does not
  count, and the search goes on behind its first character. So nothing after a counted match is used up, and the next
  secret may follow at once.
- What a pattern cannot say (check digits, registries) is the kernel's check's to say, see `docs/kernel.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .actions import KernelAction, mask, redact
from .iban import IBAN
from .names import query_pattern, text_pattern

PACKS = ("credentials", "pii", "financial", "network")


@dataclass(frozen=True)
class Rule:
    """One pattern of a detector; `group` is what is replaced, if `check` passes."""

    pattern: str
    group: int = 1
    check: str | None = None


@dataclass(frozen=True)
class Detector:
    """What is looked for under one name, and what becomes of it unless configured otherwise."""

    name: str
    pack: str
    action: KernelAction
    rules: tuple[Rule, ...]

    @property
    def label(self) -> str:
        """What a redaction is called: `EMAIL` in `[EMAIL]`."""
        return str(self.action.get("text", f"[{self.name.upper()}]")).strip("[]")


_ESCAPE = r"%[0-9A-Fa-f]{2}|\\(?:[nrt]|u[0-9A-Fa-f]{4})"
_WORD = rf"(?:\b|_|{_ESCAPE})"
"""Before a word: anything but a letter or a digit, also an escaped character of a URL or of JSON."""
_NUMBER = rf"(?:{_ESCAPE}|^|[^0-9A-Za-z.]|[^0-9]\.|^\.)"
"""Before a number: as before a word, and no decimal point with a digit before it."""

_PRIVATE_KEY = Rule(
    r"(?s)-{4,5} ?BEGIN[ A-Z0-9%+_]*PRIVATE(?: |%20|\+|_)KEY.*?"
    r"(?:-{4,5} ?END[ A-Z0-9%+_]*PRIVATE(?: |%20|\+|_)KEY[ A-Z0-9%+_]*-{4,5}|\z)",
    group=0,
)

_JWT = Rule(r"(?:eyJ|eyA|ewo|ewk)[\w-]+=*\.[\w-]*=*(?:\.[\w-]*=*(?:\.[\w-]+\.[\w-]+)?)?", group=0, check="jwt")

_PORTS = r"[^\s/?#@:]*(?::[0-9]+(?:,[^\s/?#@:]*)?)*"
_URL_USERINFO = Rule(
    rf"://(?:git@|\[|{_PORTS}[/?#]|"  # no user-info: a repository, an IPv6 address, or host and port, then a path
    r"""(?:[^\s/?#@:"'<>\[]*:)?([^\s/?#"'<>\[][^\s/?#"'<>]*|[^\s"'<>\[][^\s"'<>]*?)@)"""
)
_DSN = Rule(r"""\b[\w.%+-]+:([^\s:/"'<>()\[][^\s/"'<>()]*)@(?:tcp|tcp6|unix|udp)\(""")

_SCHEMES = "bearer|basic|token|digest|negotiate|ntlm|api-?key|hmac|aws4-hmac-sha256|oauth|jwt|key|hawk|sso-key"
_AUTHORIZATION = Rule(
    rf"""(?i)authorization\\*["']?\s*(?::|=>|=|%3A|%3D)[\s"'\\\[]*(?:{_SCHEMES})(?:\s|%20|\+)+"""
    r"""((?:\w+="[^"]*"|[^\s"',;<>\\\[\]][^\s"',;<>\\\]]*)(?:, ?\w+=(?:"[^"]*"|[^\s",;]+))*)"""
)
_GAP = r"(?:\s|%20|%3A|[+:=]|\\[nrtu])+"
_TOKEN68 = r"[A-Za-z0-9._~+/-]"
_BEARER = Rule(
    rf"(?i)bearer{_GAP}((?:{_TOKEN68}{{5,}}[0-9]{_TOKEN68}*|{_TOKEN68}*[0-9]{_TOKEN68}{{5,}}|{_TOKEN68}{{32,}}"
    r"|[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)=*)"
)
_BASIC = Rule(rf"(?i)basic{_GAP}([A-Za-z0-9+/_-]{{4,}}={{0,2}})", check="basic_credentials")
_COOKIE = Rule(r"""(?i)cookie2?\\*["']?\s*(?::|=>|=)\s*\\*["']?([^\s;,"'=<>]+=[^\r\n"'<>\\]+)""")

_GITHUB = Rule(r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{22,}", group=0)
_AWS = Rule(
    rf"{_WORD}(?:(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{17}}|((?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{16}}))"
)
_VENDORS = (
    r"glpat-[\w-]{20,}",  # GitLab
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}",  # Slack
    r"[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/]{24,}",  # Stripe
    r"sk-(?:proj|svcacct|admin|ant|or|lf)-[\w-]{16,}|sk-[A-Za-z0-9]{20,}",  # OpenAI, Anthropic, OpenRouter, Langfuse
    r"AIza[\w-]{30,}|ya29\.[\w-]{20,}",  # Google
    r"npm_[A-Za-z0-9]{36}|pypi-[\w-]{40,}",
    r"SG\.[\w-]{16,}\.[\w-]{16,}",  # SendGrid
    r"hf_[A-Za-z0-9]{30,}|dop_v1_[a-f0-9]{64}|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}|hvs\.[\w-]{24,}|sq0(?:atp|csp)-[\w-]{22,}",
)
_API_TOKEN = Rule(rf"{_WORD}({'|'.join(_VENDORS)})")
_SLACK_HOOK = Rule(r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{20,})")

_SHORT = r"""[?&;#](?i:code|key)=[^&;\s#"'<>]{0,15}(?:[&;\s#"'<>]|$)"""
_QUERY_SECRET = Rule(
    rf"{_SHORT}|{query_pattern()}=(?:[\[*]|"
    r"""([^&;\s#"'<>\[*][^&;\s#"'<>]*))"""
)

_NAME = text_pattern()
_END = r"""(?:[\s,;:.)}\]"'<]|$)"""
_PLACEHOLDER = rf"(?:(?i:{_SCHEMES})(?:\s|%20|\+)|\?|\$[0-9]|\$?\{{|:[A-Za-z_]|%[a-z(]|@[A-Za-z]|[*<\[({{=/]|(?i:null|none|nil|true|false){_END})"
_BARE_TOKEN = rf"""(?:^|[\s"'{{(,;|\\])(?i:token)\\*["']?(?:\s*:|\s+=)\s*[^\s"',;]{{0,11}}{_END}"""
_ASSIGNED = Rule(
    rf"""{_BARE_TOKEN}|"""  # `unexpected token: 15`
    rf"""{_NAME}\\*["']?(?:"""
    rf"\s*(?::|=>)\s*[A-Za-z_.-]+{_END}|"  # `password: required` is prose
    rf"\s+=\s*[A-Za-z_.]+(?:{_END}|[(\[{{])|"  # `token = get_token()` is code
    r"=[A-Za-z_.]*[(),\[\]{}]|"  # and so is `connect(password=password)`
    rf"\s*(?:=>|:=|[:=]|>)\s*{_PLACEHOLDER}|"  # `password = $1`
    r"(?:\s*(?:=>|:=|[:=])\s*|>)"
    r"""([^\s,;&"'<>)}\]\\][^\s,;&"'<>)}\]\\]*))"""
)
_QUOTED = Rule(
    rf"""{_NAME}"?\s*(?:=>|:=|[:=])\s*"(?:\*+"|\$?\{{|[\[<]|%[a-z(]|"""
    r"""((?:[^"\\]|\\.)+))"""
)
_ESCAPED = Rule(
    rf"""{_NAME}(?:\\+["']|["'])?\s*(?:=>|:=|[:=])\s*(?:\\+["']|')(?:\*+["'\\]|\$?\{{|[\[<]|%[a-z(]|"""
    r"""([^"'\\]+))"""
)
_ENCODED = Rule(
    rf"{_NAME}(?:%22|%27|%5D)*(?i:%3A|%3D)(?:%22|%27|%20)*"
    r"""([^&\s#"'<>%][^&\s#"'<>]*)"""
)

_L = r"\x{C0}-\x{24F}\x{370}-\x{52F}"
"""Letters of the alphabets that put spaces between words: Latin, Greek, Cyrillic."""
_AT = r"(?:@|%(?:25)*40|\\u0040|&#64;)"
_LOCAL = rf"[A-Za-z0-9._%+{_L}-]"
_HOST = rf"[A-Za-z0-9{_L}-]"
_FILES = "png|jpe?g|gif|svg|webp|ico|js|jsx|mjs|ts|tsx|css|scss|json|ya?ml|html?|xml|txt|log|map|wasm"
_EMAIL = Rule(
    rf"(?:^|[^A-Za-z0-9._%+{_L}-])(?:"
    rf"git@|{_LOCAL}+@(?:v?[0-9]+\.[0-9]|[0-9]+x\.|(?:{_HOST}+\.)+(?:svc(?:\.cluster\.local)?|{_FILES})(?:$|[^\w.-]))|"
    rf"({_LOCAL}+{_AT}(?:{_HOST}+\.)+(?:[A-Za-z{_L}]{{2,}}|xn--[A-Za-z0-9-]+)))"
)

_ISSUED = r"(?:62[0-9]{14,17}|[0-9]{13,16})"
_LONGER = r"[0-9]{20}|(?:[0-57-9][0-9]|6[013-9])[0-9]{15}"
_BLOCKS = r"[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{4}"
_CARD = Rule(
    rf"{_NUMBER}(?:{_LONGER}|[0-9]{{13,19}}[A-Za-z]|{_BLOCKS}[0-9A-Za-z]|"
    r"[0-9]{4}[ -][0-9]{6}[ -](?:[0-9]{5}[0-9A-Za-z]|[0-9]{4}[A-Za-z])|"
    rf"({_BLOCKS}|[0-9]{{4}}[ -][0-9]{{6}}[ -][0-9]{{4,5}}|{_ISSUED}))",
    check="payment_card",
)
_GAPS = r"(?:\+|%20|%2D|[._]|  |\x{A0}|[\x{2010}-\x{2015}])"
_BLOCKS_APART = rf"[3-6][0-9]{{3}}{_GAPS}[0-9]{{4}}{_GAPS}[0-9]{{4}}{_GAPS}[0-9]{{4}}"
_CARD_APART = Rule(rf"{_NUMBER}(?:{_BLOCKS_APART}(?:[0-9A-Za-z]|[.][0-9])|({_BLOCKS_APART}))")

_SSN_DIGITS = "[0-9]{3}-[0-9]{2}-[0-9]{4}"
_SSN = Rule(
    rf"(?:{_ESCAPE}|^|[^0-9A-Za-z-]|[^0-9]-|^-)(?:{_SSN_DIGITS}(?:[0-9A-Za-z]|-[0-9])|({_SSN_DIGITS}))",
    check="us_ssn",
)
_SSN_NAMED = Rule(
    r"(?i)(?:\b|_)(?:ssn|social[ _-]?security(?:[ _-]?(?:number|no|num))?)\b[^0-9A-Za-z\n]{0,5}(?:is )?"
    r"(?:[0-9]{3}[ .-]?[0-9]{2}[ .-]?[0-9]{4}[0-9A-Za-z]|([0-9]{3}[ .-]?[0-9]{2}[ .-]?[0-9]{4}))"
)

_NANP = r"\+1[ .-]?\(?[2-9][0-9]{2}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}"
_PHONE = Rule(
    rf"(?:{_ESCAPE}|^|[^0-9A-Za-z+])(?:\+[0-9]{{16}}|{_NANP}[0-9]|"
    rf"({_NANP}|\+[2-9][0-9]{{0,2}}(?:(?:[ .-]|[ .-]?[()][ .-]?)?[0-9]){{6,12}}))",
    check="e164",
)
_PHONE_ENCODED = Rule(r"(?i:%2B)(?:[0-9]{16}|(1[2-9][0-9]{9}|[2-9][0-9]{7,14}))")

_IPV6 = Rule(
    rf"(?:{_ESCAPE}|^|[^0-9A-Za-z:.])((?:[23][0-9A-Fa-f]{{3}}|64:ff9b:|::[Ff]{{4}})"
    r"(?:::?[0-9A-Fa-f]{1,4}){1,7}(?:(?:\.[0-9]{1,3}){3}|::)?|[23][0-9A-Fa-f]{3}::)",
    check="public_ipv6",
)
_QUAD = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"
_IPV4 = Rule(
    rf"{_NUMBER}(?:[0-9.]+\.0(?:[^0-9.]|\.[^0-9]|\.?$)|{_QUAD}(?:[0-9A-Za-z]|\.[0-9])|({_QUAD}))",  # .0: a network
    check="public_ipv4",
)

_SECRET = redact("[SECRET]")
_TOKEN = redact("[TOKEN]")

DETECTORS: tuple[Detector, ...] = (
    Detector("private_key", "credentials", redact("[PRIVATE_KEY]"), (_PRIVATE_KEY,)),
    Detector("jwt", "credentials", redact("[JWT]"), (_JWT,)),
    Detector("url_userinfo", "credentials", redact("[CREDENTIALS]"), (_URL_USERINFO, _DSN)),
    Detector("authorization", "credentials", _TOKEN, (_AUTHORIZATION,)),
    Detector("bearer_token", "credentials", _TOKEN, (_BEARER,)),
    Detector("basic_credentials", "credentials", redact("[CREDENTIALS]"), (_BASIC,)),
    Detector("cookie_header", "credentials", redact("[COOKIE]"), (_COOKIE,)),
    Detector("github_token", "credentials", redact("[GITHUB_TOKEN]"), (_GITHUB,)),
    Detector("aws_access_key", "credentials", redact("[AWS_ACCESS_KEY]"), (_AWS,)),
    Detector("api_token", "credentials", redact("[API_TOKEN]"), (_API_TOKEN, _SLACK_HOOK)),
    Detector("url_query_secret", "credentials", _SECRET, (_QUERY_SECRET,)),
    Detector("assigned_secret", "credentials", _SECRET, (_QUOTED, _ESCAPED, _ENCODED, _ASSIGNED)),
    Detector("email", "pii", redact("[EMAIL]"), (_EMAIL,)),
    Detector("iban", "financial", mask(keep_last=4, keep_first=2), (Rule(IBAN, check="iban"),)),
    Detector("payment_card", "financial", mask(keep_last=4), (_CARD, _CARD_APART)),
    Detector("us_ssn", "pii", redact("[SSN]"), (_SSN_NAMED, _SSN)),
    Detector("phone", "pii", redact("[PHONE]"), (_PHONE, _PHONE_ENCODED)),
    Detector("ipv6", "network", redact("[IP]"), (_IPV6,)),
    Detector("ipv4", "network", redact("[IP]"), (_IPV4,)),
)
"""In the order of application."""

BY_NAME = {detector.name: detector for detector in DETECTORS}

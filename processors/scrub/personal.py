"""The pack `pii`: what names a person."""

from __future__ import annotations

from .actions import redact
from .detector import ESCAPE, IDS, Detector, Rule

PACK = "pii"

_L = r"\x{C0}-\x{24F}\x{370}-\x{52F}"
"""Letters of the alphabets that put spaces between words: Latin, Greek, Cyrillic."""
_AT = r"(?:@|%(?:25)*40|\\u0040|&#64;)"
_ESCAPED = r"%[C-Fc-f][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f])+|\\{1,4}u(?:00[C-Fc-f][0-9A-Fa-f]|0[1-5][0-9A-Fa-f]{2})"
"""Such a letter as URLs and JSON write it."""
_ENCODED_SIGN = "%(?:25)*(?i:2[023689acf]|3[a-f]|5[b-d]|7[b-d])"
"""A sign of a URL that is in no address: a quote, a colon, a bracket."""
_LOCAL = rf"[A-Za-z0-9._%+{_L}-]"
_HOST = rf"(?:[A-Za-z0-9{_L}-]|{_ESCAPED})"
_FILES = "png|jpe?g|gif|svg|webp|ico|js|jsx|mjs|ts|tsx|css|scss|json|ya?ml|html?|xml|txt|log|map|wasm"
_UNITS = "service|socket|timer|mount|automount|swap|slice|scope|device"
EMAIL = Detector(
    "email",
    PACK,
    redact("[EMAIL]"),
    (
        Rule(
            rf"(?:^|[^A-Za-z0-9._%+{_L}-])(?:"
            # None: a repository, `package@1.2`, `logo@2x.png`, `rabbit@broker.shop.svc`, files, systemd's units.
            rf"git@|{_LOCAL}+@(?:v?[0-9]+\.[0-9]|[0-9]+x\.|(?:{_HOST}+\.)+(?:svc(?:\.cluster\.local)?|{_FILES}|{_UNITS})"
            r"(?:$|[^\w.-]))|"
            rf"(?:{_LOCAL}*{_ENCODED_SIGN})?((?:{_LOCAL}|{_ESCAPED})+{_AT}(?:{_HOST}+\.)+(?:xn--[A-Za-z0-9-]+|(?:[A-Za-z{_L}]|{_ESCAPED}){{2,}})))"
        ),
    ),
)

_SSN = "[0-9]{3}-[0-9]{2}-[0-9]{4}"
_SSN_ANY = "[0-9]{3}[ .-]?[0-9]{2}[ .-]?[0-9]{4}"
_NEVER_ISSUED = (
    "(?:000|666|9[0-9]{2})-[0-9]{2}-[0-9]{4}|[0-9]{3}-00-[0-9]{4}|[0-9]{3}-[0-9]{2}-0000"
    "|078-05-1120|219-09-9999"  # printed in advertisements
)
US_SSN = Detector(
    "us_ssn",
    PACK,
    redact("[SSN]"),
    (
        Rule(
            r"(?i)(?:\b|_)(?:ssn|social[ _-]?security(?:[ _-]?(?:number|no|num))?)\b[^0-9A-Za-z\n]{0,5}(?:is )?"
            rf"(?:{_SSN_ANY}[0-9A-Za-z]|({_SSN_ANY}))",
            variant="named",
        ),
        # Not the kernel's check: it also refuses 123-45-6789, which people write where a number belongs.
        Rule(
            rf"(?:{ESCAPE}|^|[^0-9A-Za-z-]|[^0-9]-|^-)"
            rf"(?:{_SSN}(?:[0-9A-Za-z]|-[0-9])|{_NEVER_ISSUED}|({_SSN}))"
        ),
    ),
    skip_keys=(IDS,),
)

_ITIN = "9[0-9]{2}-(?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-24-9])-[0-9]{4}"
US_ITIN = Detector(
    "us_itin",
    PACK,
    redact("[ITIN]"),
    (Rule(rf"(?:{ESCAPE}|^|[^0-9A-Za-z-]|[^0-9]-|^-)(?:{_ITIN}(?:[0-9A-Za-z]|-[0-9])|({_ITIN}))"),),
    skip_keys=(IDS,),
)

_PHONES = r"phone|mobile|\b(?:cell|fax|tel)\b|contact number|msisdn|whatsapp|answering at"
_PHONES += (
    "|(?:call|reach|text) (?:me|us|him|her|them) (?:at|on)|telefon[eo]?|teléfono|téléphone|handy|móvil|celular|portable"
)
_AMERICAN = r"\+1(?:[ .-]|%20)?\(?[0-9]{3}\)?(?:[ .-]|%20)?[0-9]{3}(?:[ .-]|%20)?[0-9]{3}"
_FOREIGN = r"\+[2-9][0-9]{0,2}(?:(?:[ .-]|%20|[ .-]?[()][ .-]?)?[0-9]){6,12}"
_NANP = r"\(?[2-9][0-9]{2}\)?[ .-]{0,2}[2-9][0-9]{2}[ .-]?[0-9]{4}"
_TRUNK = r"\(?0[1-9][0-9]{0,4}\)?(?:[ ./-]{0,3}[0-9]{2,8}){1,4}"
_BLOCKS = r"[1-9][0-9]{1,3}(?:[ -][0-9]{2,4}){2,4}|[2-9][0-9]{2}[ -][0-9]{4}|[1-9][0-9]{6,10}"
_DATE = r"(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]"
_IN_URL = "(?:[ .+()-]|%2[089]){0,3}"
PHONE = Detector(
    "phone",
    PACK,
    redact("[PHONE]"),
    (
        Rule(
            rf"(?i:%2B)(?:[0-9]{{16}}|(1(?:{_IN_URL}[0-9]){{9,10}}|[2-9][0-9]{{0,2}}(?:{_IN_URL}[0-9]){{6,12}}))",
            variant="encoded",
        ),
        Rule(
            rf"(?:{ESCAPE}|^|[^0-9A-Za-z+])(?:\+[0-9]{{16}}|{_AMERICAN}[0-9]{{2}}|({_AMERICAN}[0-9]?|{_FOREIGN}))",
        ),
        Rule(  # national numbers, behind a word for them
            rf"(?i:{_PHONES})[^0-9+\n]{{0,16}}(?:{_DATE}|({_NANP}|{_TRUNK}|{_BLOCKS})(?:[^0-9A-Za-z]|$))",
            variant="named",
        ),
    ),
)

"""The pack `financial`: card and account numbers."""

from __future__ import annotations

from collections import defaultdict

from .actions import mask
from .detector import IDS, NUMBER, TIMES, WORD, Detector, Near, Rule
from .names import about

PACK = "financial"

_IBAN_LENGTHS = """AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28
EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20
LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29
RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"""
"""ISO 13616: country and length, as in the IBAN registry of SWIFT."""


def _iban() -> str:
    """Return a pattern that knows each country's length: a number ends where it ends, whatever word follows it."""
    by_length: dict[int, list[str]] = defaultdict(list)
    for entry in _IBAN_LENGTHS.split():
        by_length[int(entry[2:])].append(entry[:2])
    blank, forms = "(?:[ +]|%20)?", []
    for length, countries in sorted(by_length.items()):
        blocks, rest = divmod(length - 4, 4)
        tail = f"{blank}[A-Z0-9]{{{rest}}}" if rest else ""
        forms.append(f"(?:{'|'.join(countries)})[0-9]{{2}}(?:{blank}[A-Z0-9]{{4}}){{{blocks}}}{tail}")
    return rf"(?i){WORD}({'|'.join(forms)})(?:\b|_)"


IBAN = Detector("iban", PACK, mask(keep_last=4, keep_first=2), (Rule(_iban(), check="iban"),))

_SIGN = "(?:[ +-]|%20|%2D)"
_BLOCKS = f"[0-9]{{4}}{_SIGN}[0-9]{{4}}{_SIGN}[0-9]{{4}}{_SIGN}[0-9]{{4}}"
_SMALL = f"4[0-9]{{3}}{_SIGN}[0-9]{{3}}{_SIGN}[0-9]{{3}}{_SIGN}[0-9]{{3}}"  # as Visa's of 13 digits were printed
_SIX = f"[0-9]{{4}}{_SIGN}[0-9]{{6}}{_SIGN}"
# In one piece 16 digits, or what old Visa (13), Diners (14), American Express and JCB (15) begin with; longer ones from
# UnionPay only: 17 to 19 digits are what ids of 64 bits look like.
_PIECE = r"(?:62[0-9]{14,17}|[2-6][0-9]{15}|(?:3[47][0-9]{2}|1800|2131)[0-9]{11}|3[0689][0-9]{12}|4[0-9]{12})"
_SHORT = r"(?:4[0-9]{13,14}|(?:3[0689])[0-9]{13})(?:[^0-9]|$)"
_LONGER = r"[0-9]{20}|(?:[0-57-9][0-9]|6[013-9])[0-9]{15}"
_CARD = Rule(
    rf"{NUMBER}(?:{_LONGER}|{_SHORT}|[0-9]{{13,19}}[A-Za-z]|(?:{_BLOCKS}|{_SMALL})[0-9A-Za-z]|"
    rf"{_SIX}(?:[0-9]{{5}}[0-9A-Za-z]|[0-9]{{4}}[A-Za-z])|"
    rf"({_BLOCKS}|{_SIX}[0-9]{{4,5}}|{_SMALL}|{_PIECE}))",
    check="payment_card",
)
_GAPS = r"(?:[._]|  |\x{A0}|[\x{2010}-\x{2015}])"
_APART = rf"[3-6][0-9]{{3}}{_GAPS}[0-9]{{4}}{_GAPS}[0-9]{{4}}{_GAPS}[0-9]{{4}}"
_CARD_APART = Rule(rf"{NUMBER}(?:{_APART}(?:[0-9A-Za-z]|[.][0-9])|({_APART}))", variant="apart")
_CARD_LONG = Rule(  # UnionPay's, as printed; for others three digits behind a card are its code
    rf"{NUMBER}(?:62[0-9]{{2}}(?:{_SIGN}[0-9]{{4}}){{3}}{_SIGN}[0-9]{{3}}[0-9A-Za-z]"
    rf"|(62[0-9]{{2}}(?:{_SIGN}[0-9]{{4}}){{3}}{_SIGN}[0-9]{{3}}))",
    check="payment_card",
    variant="long",
)
_CARD_NAMED = Rule(  # Maestro from 12 digits on, and all of 19, where the text says that it is a card
    r"(?i:card|\bccn?\b|\bcc_?n|\bpan\b|maestro|visa)[^0-9\n]{0,24}(?:[0-9]{20}|[0-9]{12,19}[A-Za-z]|([0-9]{12,19}))",
    check="payment_card",
    variant="named",
)
PAYMENT_CARD = Detector(
    "payment_card", PACK, mask(keep_last=4), (_CARD_LONG, _CARD, _CARD_APART, _CARD_NAMED), skip_keys=(IDS, TIMES)
)

ABA_ROUTING = Detector(
    "aba_routing",
    PACK,
    mask(keep_last=4),
    (
        Rule(
            rf"{NUMBER}(?:[0-9]{{9}}[0-9A-Za-z]|((?:0[0-9]|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)[0-9]{{7}}))",
            check={"digits": "sums", "sums": [{"weights": [3, 7, 1, 3, 7, 1, 3, 7, 1], "mod": 10}]},
            near=Near(about("aba", "rtn", "routing", "routing number", "routing no", "transit number"), 40),
        ),
    ),
)

"""The pattern of an IBAN: each country's length is known, so a number ends where it ends, whatever follows it."""

from __future__ import annotations

from collections import defaultdict

_LENGTHS = """AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20
EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28
LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24
RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"""
"""ISO 13616: country and length, as in the IBAN registry of SWIFT."""


def _pattern() -> str:
    by_length: dict[int, list[str]] = defaultdict(list)
    for entry in _LENGTHS.split():
        by_length[int(entry[2:])].append(entry[:2])
    forms = []
    for length, countries in sorted(by_length.items()):
        blocks, rest = divmod(length - 4, 4)
        tail = f" ?[A-Z0-9]{{{rest}}}" if rest else ""
        forms.append(f"(?:{'|'.join(countries)})[0-9]{{2}}(?: ?[A-Z0-9]{{4}}){{{blocks}}}{tail}")
    return rf"(?i)(?:\b|_|%[0-9A-F]{{2}}|\\[nrt])({'|'.join(forms)})(?:\b|_)"


IBAN = _pattern()
"""Group 1 is the number, in blocks of four or in one piece, upper or lower case."""

"""The pack `national`: numbers that states give to persons, by country. It is on only when it is named.

A number stands without a word near it where its form and its check digits say enough; other ones count only near a word
that names them. Check digits are data here, for the kernel's check (`docs/kernel.md`); dates of birth are in the
patterns, to the day of a month. The sources are those of python-stdnum, with which the tests compare each of them.
"""

from __future__ import annotations

from typing import Any

from .actions import redact
from .detector import ESCAPE, NATIONAL, Check, Detector, Near, Rule
from .names import about

_WITHIN = 50
_DD = "(?:0[1-9]|[12][0-9]|3[01])"
_MM = "(?:0[1-9]|1[0-2])"
_YYMMDD = rf"[0-9]{{2}}{_MM}{_DD}"
_DDMMYY = rf"{_DD}{_MM}[0-9]{{2}}"
_DROP = " -./"

# What stands for each remainder of a sum whose check digit makes it whole; with 11 two digits are left over.
_TEN = "0987654321"
_NONE_FOR_10 = "0-987654321"
_ZERO_FOR_10 = "00987654321"
_ZERO_BY_TEN = "10987654321"
_PLAIN = "01234567890"


def _sums(*given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"digits": "sums", "drop": _DROP, **more, "sums": list(given)}


def _sum(weights: list[int], mod: int, letters: str | None = None, at: int | None = None) -> dict[str, Any]:
    """Return a weighted sum; where `letters` are given the character behind the weighted ones is by the remainder."""
    return {"weights": weights, "mod": mod, "map": letters, "at": len(weights) if at is None and letters else at or 0}


def _powers(count: int, mod: int) -> list[int]:
    """Return the weights of a number of so many digits."""
    return [10**place % mod for place in reversed(range(count))]


def _down(first: int, last: int = 2) -> list[int]:
    return list(range(first, last - 1, -1))


_MAP_ES = "TRWAGMYFPDXBNJZSQVHLCKE"
_MAP_FI = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_SIGNED = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ+-"
_MAP_IE = "WABCDEFGHIJKLMNOPQRSTUV"
_CURP = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ"
_FIRST_CNPJ = [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]
_CN = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
_LUHN: dict[str, Any] = {"digits": "luhn", "drop": _DROP}
_HYBRID: dict[str, Any] = {"digits": "mod_11_10", "drop": _DROP}


def _turned(letters: str, by: int) -> str:
    """Return what stands for each remainder when the sum lacks `by`."""
    return letters[by % len(letters) :] + letters[: by % len(letters)]


def _with_letter(letter: str, letters: str, by: int) -> Check:
    """Return the check of a Singaporean number; what begins with `letter` has that much more in its sum."""
    return _sums(_sum([0, 2, 7, 6, 5, 4, 3, 2], 11, _turned(letters, by)))


CHECKS: dict[str, Check] = {
    "ar_cuit": _sums(_sum([5, 4, 3, 2, 7, 6, 5, 4, 3, 2], 11, "09987654321")),
    "at_vnr": _sums(_sum([3, 7, 9, 0, 5, 8, 4, 2, 1, 6], 11, "0123456789-", at=3)),
    "au_tfn": _sums(_sum([1, 4, 3, 7, 5, 8, 6, 9, 10], 11)),
    "be_nn": _sums(_sum([*_powers(9, 97), 10, 1], 97)),
    "be_nn_2000": _sums(_sum([*_powers(10, 97), 10, 1], 97), front="2"),
    "bg_egn": _sums(_sum([2, 4, 8, 5, 10, 9, 7, 3, 6], 11, _PLAIN)),
    "br_cnpj": _sums(_sum(_FIRST_CNPJ, 11, _ZERO_FOR_10), _sum([6, *_FIRST_CNPJ], 11, _ZERO_FOR_10)),
    "br_cpf": _sums(_sum(_down(10), 11, _ZERO_FOR_10), _sum(_down(11), 11, _ZERO_FOR_10)),
    "ca_sin": _LUHN,
    "ch_ahv": _sums(_sum([1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1], 10)),
    "cl_rut": _sums(_sum([3, 2, 7, 6, 5, 4, 3, 2], 11, "0K987654321"), pad=9),
    "cn_ric": _sums(_sum(_CN, 11, "10X98765432")),
    "cz_rc": _sums(_sum(_powers(9, 11), 11, _PLAIN)),
    "de_idnr": _HYBRID,
    "es_dni": _sums(_sum(_powers(8, 23), 23, _MAP_ES)),
    "es_nie_x": _sums(_sum([0, *_powers(7, 23)], 23, _MAP_ES)),
    "es_nie_y": _sums(_sum([0, *_powers(7, 23)], 23, _turned(_MAP_ES, 10**7))),
    "es_nie_z": _sums(_sum([0, *_powers(7, 23)], 23, _turned(_MAP_ES, 2 * 10**7))),
    "fi_hetu": {**_sums(_sum([*_powers(9, 31)[:6], 0, *_powers(3, 31)], 31, _MAP_FI)), "drop": "", "alphabet": _SIGNED},
    "fr_nir": _sums(_sum([*_powers(13, 97), 10, 1], 97), replace=[["2A", "19"], ["2B", "18"]]),
    "gb_nhs": _sums(_sum(_down(10), 11, _NONE_FOR_10)),
    "hr_oib": _HYBRID,
    "ie_pps": _sums(_sum(_down(8), 23, _MAP_IE)),
    # A second letter counts nine times its place in the alphabet, which is less by nine than its value.
    "ie_pps_2": _sums(_sum([*_down(8), 0, 9], 23, _turned(_MAP_IE, -81), at=7)),
    "il_id": {**_LUHN, "pad": 9},
    "in_aadhaar": {"digits": "verhoeff", "drop": _DROP},
    "kr_rrn": _sums(_sum([2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5], 11, _ZERO_BY_TEN)),
    "mx_curp": _sums(_sum(_down(18), 10, _TEN), alphabet=_CURP),
    "nl_bsn": _sums(_sum([*_down(9), 10], 11), pad=9),
    "no_fnr": _sums(
        _sum([3, 7, 6, 1, 8, 9, 4, 5, 2], 11, _NONE_FOR_10), _sum([5, 4, 3, 2, 7, 6, 5, 4, 3, 2], 11, _NONE_FOR_10)
    ),
    "pl_pesel": _sums(_sum([1, 3, 7, 9, 1, 3, 7, 9, 1, 3], 10, _TEN)),
    "pt_nif": _sums(_sum(_down(9), 11, _ZERO_FOR_10)),
    "ro_cnp": _sums(_sum([2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9], 11, "01234567891")),
    "se_pn": {"digits": "luhn", "drop": "-+ ", "last": 10},
    "sg_nric_s": _with_letter("S", "JZIHGFEDCBA", 0),
    "sg_nric_t": _with_letter("T", "JZIHGFEDCBA", 4),
    "sg_nric_f": _with_letter("F", "XWUTRQPNMLK", 0),
    "sg_nric_g": _with_letter("G", "XWUTRQPNMLK", 4),
    "th_pin": _sums(_sum(_down(13), 11, _ZERO_BY_TEN)),
    "tr_tckn": _sums(_sum([7, 9, 7, 9, 7, 9, 7, 9, 7], 10, "0123456789"), _sum([1] * 10, 10, "0123456789")),
    "za_id": _LUHN,
}
"""Check digits by the name of the number, as `check` may name them."""


def _alone(form: str) -> str:
    """Return the pattern of a number that stands for itself: no letter, digit or further group of digits touches it.

    The form has one length in digits, so that what it leaves over is always seen.
    """
    return rf"(?:{ESCAPE}|^|_|[^0-9A-Za-z./-]|[^0-9][./-]|^[./-])(?:(?:{form})(?:[0-9A-Za-z]|[./-][0-9])|({form}))"


def _rule(form: str, check: str | None, words: tuple[str, ...] = (), variant: str = "") -> Rule:
    near = Near(about(*words), _WITHIN) if words else None
    return Rule(_alone(form), check=None if check is None else CHECKS[check], near=near, variant=variant)


def _number(name: str, *rules: Rule) -> Detector:
    return Detector(name, NATIONAL, redact(f"[{name.upper()}]"), rules)


def _named(name: str, form: str, *words: str, check: str | None = "") -> Detector:
    """Return a number that counts only near one of the words."""
    return _number(name, _rule(form, name if check == "" else check, words))


def _both(name: str, spaced: str, bare: str, *words: str) -> Detector:
    """Return a number that counts anywhere in the form that is printed, and near one of the words in one piece."""
    return _number(name, _rule(spaced, name), _rule(bare, name, words, "named"))


_GAP = "[ .-]?"
_NINO = "[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
_BELGIAN = "[0-9]{2}[.][0-9]{2}[.][0-9]{2}-[0-9]{3}[.][0-9]{2}"
_POLISH = "(?:[02468][1-9]|[13579][0-2])"
_BULGARIAN = "(?:[024][1-9]|[135][0-2])"
_CZECH = "(?:[0257][1-9]|[1368][0-2])"
_NORWEGIAN = r"(?:[04][1-9]|[1256][0-9]|[37][01])(?:[0468][1-9]|[1579][0-2])"
_SINGAPORE = "[0-9]{7}[A-Z]"
_NIR = "[1-478] ?[0-9]{2} ?(?:[02-9][0-9]|1[0-9]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}"
_CF_DIGIT = "[0-9L-NP-V]"

NUMBERS: tuple[Detector, ...] = (
    _number("ar_cuit", _rule("(?:2[03457]|3[034])-[0-9]{8}-[0-9]", "ar_cuit")),
    _named(
        "at_vnr",
        "[1-9][0-9]{3} ?[0-9]{6}",
        "svnr",
        "versicherungsnummer",
        "sozialversicherung",
        "sozialversicherungsnummer",
    ),
    _named("au_tfn", rf"[0-9]{{3}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{3}}", "tfn", "tax file number", "tax file no"),
    _number(
        "be_nn",
        _rule(_BELGIAN, "be_nn"),
        _rule(_BELGIAN, "be_nn_2000", (), "2000"),
        _rule(
            "[0-9]{11}", "be_nn", ("rijksregister", "rijksregisternummer", "registre national", "insz", "niss"), "named"
        ),
        _rule(
            "[0-9]{11}",
            "be_nn_2000",
            ("rijksregister", "rijksregisternummer", "registre national", "insz", "niss"),
            "named2000",
        ),
    ),
    _named("bg_egn", rf"[0-9]{{2}}{_BULGARIAN}{_DD}[0-9]{{4}}", "egn", "civil number"),
    _both("br_cnpj", "[0-9]{2}[.][0-9]{3}[.][0-9]{3}/[0-9]{4}-[0-9]{2}", "[0-9]{14}", "cnpj"),
    _both("br_cpf", "[0-9]{3}[.][0-9]{3}[.][0-9]{3}-[0-9]{2}", "[0-9]{11}", "cpf"),
    _named("ca_sin", "[1-79][0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{3}", "sin", "social insurance", "assurance sociale"),
    _both(
        "ch_ahv", "756[.][0-9]{4}[.][0-9]{4}[.][0-9]{2}", "756[0-9]{10}", "ahv", "avs", "ahv nr", "sozialversicherung"
    ),
    _both("cl_rut", "[0-9]{1,2}[.][0-9]{3}[.][0-9]{3}-[0-9Kk]", "[0-9]{8}-?[0-9Kk]", "rut", "run"),
    _number("cn_ric", _rule(rf"[1-9][0-9]{{5}}(?:1[89]|20)[0-9]{{2}}{_MM}{_DD}[0-9]{{3}}[0-9Xx]", "cn_ric")),
    _number(
        "cz_rc",
        _rule(
            rf"[0-9]{{2}}{_CZECH}{_DD}/?[0-9]{{4}}",
            "cz_rc",
            ("rodne cislo", "rodné číslo", "rc", "birth number"),
        ),
    ),
    _named(
        "de_idnr", r"[1-9][0-9](?: ?[0-9]{3}){3}", "idnr", "steuer id", "steueridentifikationsnummer", "tax id", "tin"
    ),
    _named("es_dni", "[0-9]{8}[ -]?[A-Za-z]", "dni", "nif", "documento nacional"),
    _number(
        "es_nie",
        *(_rule(f"[{one.upper()}{one}]-?[0-9]{{7}}-?[A-Za-z]", f"es_nie_{one}", (), one) for one in "xyz"),
    ),
    _named(
        "se_pn",
        rf"(?:1[89]|20)?[0-9]{{2}}{_MM}(?:[06][1-9]|[1278][0-9]|[39][01])[-+]?[0-9]{{4}}",
        "personnummer",
        "pnr",
    ),
    # Behind the Swedish one, which has the same name and check digits.
    _named("dk_cpr", rf"{_DDMMYY}-?[0-9]{{4}}", "cpr", "cpr nr", "cpr nummer", "personnummer", check=None),
    _number("fi_hetu", _rule(rf"{_DDMMYY}[-+A-FU-Y][0-9]{{3}}[0-9A-FHJ-NPR-Y]", "fi_hetu")),
    _number("fr_nir", _rule(_NIR, "fr_nir")),
    _named("gb_nhs", "[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", "nhs", "nhs no", "nhs number", "patient"),
    _number(
        "gb_nino",
        _rule(f"{_NINO} [0-9]{{2}} [0-9]{{2}} [0-9]{{2}} [A-D]", None),
        _rule(
            f"{_NINO} ?(?:[0-9]{{2}} ?){{3}}[A-D]", None, ("nino", "ni number", "ni no", "national insurance"), "named"
        ),
    ),
    _named("hr_oib", "[0-9]{11}", "oib"),
    _number(
        "ie_pps",
        _rule("[0-9]{7}[A-Wa-w]", "ie_pps", ("pps", "ppsn", "pps number", "pps no")),
        _rule("[0-9]{7}[A-Wa-w][A-IWa-iw]", "ie_pps_2", ("pps", "ppsn", "pps number", "pps no"), "two"),
    ),
    _named("il_id", "[0-9]{9}", "teudat zehut", "mispar zehut", "תעודת זהות", "israeli id", "tz"),
    _named("in_aadhaar", "[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}", "aadhaar", "aadhar", "uidai", "uid"),
    _number("in_pan", _rule("[A-Z]{3}[ABCFGHLJPT][A-Z][0-9]{4}[A-Z]", None)),
    _number(
        "it_codice_fiscale",
        _rule(
            rf"[A-Z]{{6}}{_CF_DIGIT}{{2}}[ABCDEHLMPRST](?:[04L][1-9M-NP-V]|[1256MNQR]{_CF_DIGIT}|[37PT][01LM])"
            rf"[A-Z]{_CF_DIGIT}{{3}}[A-Z]",
            None,
        ),
    ),
    _number("kr_rrn", _rule(rf"{_YYMMDD}-[1-8][0-9]{{6}}", "kr_rrn")),
    _number("mx_curp", _rule(rf"[A-Z]{{4}}{_YYMMDD}[HMX][A-Z]{{5}}[0-9A-Z][0-9]", "mx_curp")),
    _named("nl_bsn", "[0-9]{9}|[0-9]{4}[.][0-9]{2}[.][0-9]{3}", "bsn", "burgerservicenummer", "sofinummer"),
    _number("no_fnr", _rule(rf"{_NORWEGIAN}[0-9]{{2}} ?[0-9]{{5}}", "no_fnr")),
    _named("pl_pesel", rf"[0-9]{{2}}{_POLISH}{_DD}[0-9]{{5}}", "pesel"),
    _named("pt_nif", "[1-9][0-9]{2} ?[0-9]{3} ?[0-9]{3}", "nif", "contribuinte"),
    _named("ro_cnp", rf"[1-9]{_YYMMDD}[0-9]{{6}}", "cnp", "cod numeric"),
    _number(
        "sg_nric",
        *(_rule(f"{one.upper()}{_SINGAPORE}", f"sg_nric_{one}", (), one) for one in "stfg"),
    ),
    _both("th_pin", "[1-8]-[0-9]{4}-[0-9]{5}-[0-9]{2}-[0-9]", "[1-8][0-9]{12}", "pin", "thai id", "citizen id"),
    _named("tr_tckn", "[1-9][0-9]{10}", "tckn", "tc kimlik", "kimlik"),
    _named(
        "za_id",
        rf"{_YYMMDD}[0-9]{{4}}[01][89][0-9]",
        "id number",
        "id no",
        "sa id",
        "rsa id",
        "south african id",
        "identity number",
    ),
)

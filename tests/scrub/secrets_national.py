"""National identifiers with their check digits, as their registries define them, behind the words that name them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from labelled import DIGITS, UPPER, Found, Kind, chars

Make = Callable[[random.Random], str]


def day(random: random.Random) -> tuple[int, int, int]:
    """Return (year, month, day) of a birth."""
    return random.randint(1940, 2005), random.randint(1, 12), random.randint(1, 28)


def weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def until(draw: Callable[[random.Random], str | None]) -> Make:
    """Return what draws until there is something: some bodies have no check digit."""

    def drawn(random: random.Random) -> str:
        while (found := draw(random)) is None:
            continue
        return found

    return drawn


def luhn(digits: str) -> str:
    doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(digits))]
    return digits + str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def mod_11_10(digits: str) -> str:
    """Return digits with the check digit of ISO 7064, mod 11,10."""
    product = 10
    for digit in digits:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return digits + str((11 - product) % 10)


def cpf(random: random.Random) -> str:
    """Brazil, persons."""
    digits = chars(random, DIGITS, 9)
    for _ in range(2):
        rest = weighted(digits, range(len(digits) + 1, 1, -1)) * 10 % 11
        digits += str(rest % 10)
    return f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}"


def cnpj(random: random.Random) -> str:
    """Brazil, companies."""
    digits = chars(random, DIGITS, 8) + "0001"
    for weights in ((5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)):
        rest = weighted(digits, weights) % 11
        digits += str(0 if rest < 2 else 11 - rest)
    return f"{digits[:2]}.{digits[2:5]}.{digits[5:8]}/{digits[8:12]}-{digits[12:]}"


def cuit(random: random.Random) -> str | None:
    """Argentina."""
    digits = random.choice(["20", "23", "24", "27", "30"]) + chars(random, DIGITS, 8)
    check = 11 - weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return None if check == 10 else f"{digits[:2]}-{digits[2:]}-{check % 11}"


def tfn(random: random.Random) -> str | None:
    """Australia."""
    digits = f"{random.randint(10**7, 10**8 - 1)}"
    found = [d for d in DIGITS if weighted(digits + d, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0]
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}{found[0]}" if found else None


def belgian(random: random.Random) -> str:
    year, month, date = day(random)
    digits = f"{year % 100:02}{month:02}{date:02}{random.randint(1, 997):03}"
    check = 97 - int(("2" if year >= 2000 else "") + digits) % 97
    return f"{digits[:2]}.{digits[2:4]}.{digits[4:6]}-{digits[6:]}.{check:02}"


def egn(random: random.Random) -> str:
    """Bulgaria."""
    year, month, date = day(random)
    digits = f"{year % 100:02}{month + (40 if year >= 2000 else 0):02}{date:02}{chars(random, DIGITS, 3)}"
    return digits + str(weighted(digits, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10)


def sin(random: random.Random) -> str:
    """Canada."""
    digits = luhn(random.choice("1245679") + chars(random, DIGITS, 7))
    separator = random.choice(" -")
    return separator.join((digits[:3], digits[3:6], digits[6:]))


def ahv(random: random.Random) -> str:
    """Switzerland."""
    digits = "756" + chars(random, DIGITS, 9)
    digits += str(-weighted(digits, (1, 3) * 6) % 10)
    return f"{digits[:3]}.{digits[3:7]}.{digits[7:11]}.{digits[11:]}"


def rut(random: random.Random) -> str:
    """Chile."""
    digits = str(random.randint(5_000_000, 25_000_000))
    rest = 11 - sum(int(digit) * (2 + at % 6) for at, digit in enumerate(reversed(digits))) % 11
    return f"{int(digits):,}".replace(",", ".") + f"-{ {11: '0', 10: 'K'}.get(rest, str(rest)) }".replace(" ", "")


def chinese(random: random.Random) -> str:
    """China (GB 11643)."""
    year, month, date = day(random)
    region = random.choice(["110101", "110105", "110108", "310101"])
    digits = f"{region}{year}{month:02}{date:02}{random.randint(1, 999):03}"
    weights = [pow(2, 17 - at, 11) for at in range(17)]
    return digits + "10X98765432"[weighted(digits, weights) % 11]


def czech(random: random.Random) -> str | None:
    year, month, date = random.randint(1954, 2003), random.randint(1, 12), random.randint(1, 28)
    digits = f"{year % 100:02}{month + random.choice([0, 50]):02}{date:02}{chars(random, DIGITS, 3)}"
    rest = int(digits) % 11
    return None if rest == 10 else f"{digits[:6]}/{digits[6:]}{rest}"


def idnr(random: random.Random) -> str:
    """Germany: one digit twice, the others once or never."""
    some = random.sample(DIGITS, 9)
    digits = [*some, random.choice(some)]
    random.shuffle(digits)
    if digits[0] == "0" or any(digits[at : at + 1] * 2 == digits[at : at + 2] for at in range(9)):
        return idnr(random)
    found = mod_11_10("".join(digits))
    return f"{found[:2]} {found[2:5]} {found[5:8]} {found[8:]}"


LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def dni(random: random.Random) -> str:
    """Spain."""
    number = random.randint(10_000_000, 99_999_999)
    return f"{number}{LETTERS[number % 23]}"


def nie(random: random.Random) -> str:
    """Spain, foreigners."""
    first, number = random.randrange(3), random.randint(0, 9_999_999)
    return f"{'XYZ'[first]}{number:07}{LETTERS[(first * 10**7 + number) % 23]}"


def hetu(random: random.Random) -> str:
    """Finland."""
    year, month, date = day(random)
    digits, number = f"{date:02}{month:02}{year % 100:02}", f"{random.randint(2, 899):03}"
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits + number) % 31]
    return f"{digits}{'A' if year >= 2000 else '-'}{number}{check}"


def nir(random: random.Random) -> str:
    """France."""
    year, month, _ = day(random)
    place = f"{random.randint(1, 95):02}{random.randint(1, 599):03}{random.randint(1, 999):03}"
    digits = f"{random.choice('12')}{year % 100:02}{month:02}{place}"
    parts = (digits[0], digits[1:3], digits[3:5], digits[5:7], digits[7:10], digits[10:], f"{97 - int(digits) % 97:02}")
    return random.choice(["", " "]).join(parts)


def nhs(random: random.Random) -> str | None:
    """England."""
    digits = random.choice("4679") + chars(random, DIGITS, 8)
    check = 11 - weighted(digits, range(10, 1, -1)) % 11
    return None if check == 10 else f"{digits[:3]} {digits[3:6]} {digits[6:]}{check % 11}"


def oib(random: random.Random) -> str:
    """Croatia."""
    return mod_11_10(chars(random, "123456789", 1) + chars(random, DIGITS, 9))


def pps(random: random.Random) -> str:
    """Ireland."""
    digits, second = chars(random, DIGITS, 7), random.choice(["", "A"])
    total = weighted(digits, range(8, 1, -1)) + (9 if second else 0)
    return f"{digits}{'WABCDEFGHIJKLMNOPQRSTUV'[total % 23]}{second}"


def israeli(random: random.Random) -> str:
    return luhn(random.choice("0123") + chars(random, DIGITS, 7))


D = ("0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043",
     "8765932104", "9876543210")  # fmt: skip
P = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258")


def aadhaar(random: random.Random) -> str:
    """India: Verhoeff's check digit."""
    digits, check = random.choice("23456789") + chars(random, DIGITS, 10), 0
    for at, digit in enumerate(reversed(digits), 1):
        check = int(D[check][int(P[at % 8][int(digit)])])
    digits += "0432156789"[check]
    return f"{digits[:4]} {digits[4:8]} {digits[8:]}"


def rrn(random: random.Random) -> str:
    """Korea."""
    year, month, date = day(random)
    digits = (
        f"{year % 100:02}{month:02}{date:02}{random.choice('12' if year < 2000 else '34')}{random.randint(0, 95):02}"
    )
    digits += chars(random, DIGITS, 3)
    check = (11 - weighted(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return f"{digits[:6]}-{digits[6:]}{check}"


def curp(random: random.Random) -> str:
    """Mexico."""
    year, month, date = day(random)
    names = random.choice(["GOMC", "HERM", "LOPJ", "PERA", "RAFE", "SARA"])
    state, rest = random.choice(["DF", "JC", "NL", "OC", "YN"]), chars(random, "BCDFGHJKLMNPQRSTVWXYZ", 3)
    text = f"{names}{year % 100:02}{month:02}{date:02}{random.choice('HM')}{state}{rest}{'A' if year >= 2000 else '0'}"
    signs = "0123456789ABCDEFGHIJKLMN\xd1OPQRSTUVWXYZ"
    return text + str(-sum(signs.index(sign) * (18 - at) for at, sign in enumerate(text)) % 10)


def bsn(random: random.Random) -> str | None:
    """The Netherlands."""
    digits = f"{random.randint(10_000_000, 99_999_999)}"
    check = weighted(digits, range(9, 1, -1)) % 11
    return None if check == 10 else f"{digits}{check}"


def fnr(random: random.Random) -> str | None:
    """Norway."""
    year, month, date = random.randint(1940, 1999), random.randint(1, 12), random.randint(1, 28)
    digits = f"{date:02}{month:02}{year % 100:02}{random.randint(0, 499):03}"
    for weights in ((3, 7, 6, 1, 8, 9, 4, 5, 2), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)):
        check = -weighted(digits, weights) % 11
        if check == 10:
            return None
        digits += str(check)
    return f"{digits[:6]} {digits[6:]}"


def pesel(random: random.Random) -> str:
    """Poland."""
    year, month, date = day(random)
    digits = f"{year % 100:02}{month + (20 if year >= 2000 else 0):02}{date:02}{chars(random, DIGITS, 4)}"
    return digits + str(-weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10)


def nif(random: random.Random) -> str:
    """Portugal."""
    digits = random.choice("12356") + chars(random, DIGITS, 7)
    rest = weighted(digits, range(9, 1, -1)) % 11
    return digits + str(0 if rest < 2 else 11 - rest)


def cnp(random: random.Random) -> str:
    """Romania."""
    year, month, date = day(random)
    digits = f"{random.choice('12' if year < 2000 else '56')}{year % 100:02}{month:02}{date:02}"
    digits += f"{random.randint(1, 46):02}{random.randint(1, 999):03}"
    rest = weighted(digits, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return digits + str(1 if rest == 10 else rest)


def personnummer(random: random.Random) -> str:
    """Sweden."""
    year, month, date = day(random)
    digits = luhn(f"{year % 100:02}{month:02}{date:02}{chars(random, DIGITS, 3)}")
    return f"{digits[:6]}-{digits[6:]}"


def nric(random: random.Random) -> str:
    """Singapore."""
    first, digits = random.choice("STFG"), chars(random, DIGITS, 7)
    total = weighted(digits, (2, 7, 6, 5, 4, 3, 2)) + (4 if first in "TG" else 0)
    return first + digits + ("JZIHGFEDCBA" if first in "ST" else "XWUTRQPNMLK")[total % 11]


def thai(random: random.Random) -> str:
    digits = random.choice("12345678") + chars(random, DIGITS, 11)
    digits += str((11 - weighted(digits, range(13, 1, -1)) % 11) % 10)
    return f"{digits[0]}-{digits[1:5]}-{digits[5:10]}-{digits[10:12]}-{digits[12]}"


def tckn(random: random.Random) -> str:
    """Turkey."""
    digits = chars(random, "123456789", 1) + chars(random, DIGITS, 8)
    odd, even = sum(map(int, digits[0::2])), sum(map(int, digits[1::2]))
    digits += str((odd * 7 - even) % 10)
    return digits + str(sum(map(int, digits)) % 10)


def south_african(random: random.Random) -> str:
    year, month, date = day(random)
    return luhn(
        f"{year % 100:02}{month:02}{date:02}{chars(random, DIGITS, 4)}{random.choice('01')}{random.choice('89')}"
    )


def vnr(random: random.Random) -> str | None:
    """Austria."""
    year, month, date = day(random)
    serial, birth = str(random.randint(100, 999)), f"{date:02}{month:02}{year % 100:02}"
    check = weighted(serial + birth, (3, 7, 9, 5, 8, 4, 2, 1, 6)) % 11
    return None if check == 10 else f"{serial}{check} {birth}"


def cpr(random: random.Random) -> str:
    """Denmark: the seventh digit says the century."""
    year, month, date = day(random)
    century = random.choice("0123") if year < 2000 else random.choice("4567")
    return f"{date:02}{month:02}{year % 100:02}-{century}{chars(random, DIGITS, 3)}"


def nino(random: random.Random) -> str:
    """United Kingdom."""
    prefix = chars(random, "ABCEGHJKLMNOPRSTWXYZ", 1) + chars(random, "ABCEGHJKLMNPRSTWXYZ", 1)
    if prefix in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ"):
        return nino(random)
    parts = (prefix, *(chars(random, DIGITS, 2) for _ in range(3)), random.choice("ABCD"))
    return random.choice(["", " "]).join(parts)


def pan(random: random.Random) -> str:
    """India, taxes: the fourth letter says what the holder is."""
    letters = chars(random, UPPER, 3) + random.choice("PCHFATBLJG") + chars(random, UPPER, 1)
    return f"{letters}{random.randint(1, 9999):04}{chars(random, UPPER, 1)}"


ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def codice_fiscale(random: random.Random) -> str:
    """Italy."""
    year, month, date = day(random)
    names = chars(random, "BCDFGLMNPRSTVZ", 6)
    born = f"{year % 100:02}{'ABCDEHLMPRST'[month - 1]}{date + random.choice([0, 40]):02}"
    text = names + born + random.choice(["H501", "F205", "L219", "A944", "D612"])
    values = [int(sign) if sign.isdigit() else ord(sign) - 65 for sign in text]
    return text + chr(65 + sum(value if at % 2 else ODD[value] for at, value in enumerate(values)) % 26)


def itin(random: random.Random) -> str:
    """United States, taxpayers without a social security number."""
    group = random.choice([*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)])
    return f"9{chars(random, DIGITS, 2)}-{group}-{chars(random, DIGITS, 4)}"


NUMBERS: dict[str, tuple[Make, Sequence[str]]] = {
    # ISO 3166 and the number's name -> what draws it, and what stands before it
    "ar_cuit": (until(cuit), ("CUIT ", "CUIT: ", "cuil ")),
    "at_vnr": (until(vnr), ("SVNR ", "Sozialversicherungsnummer: ", "Versicherungsnummer ")),
    "au_tfn": (until(tfn), ("TFN ", "tax file number: ", "TFN: ")),
    "be_nn": (belgian, ("rijksregisternummer ", "NISS ", "num\xe9ro national: ")),
    "bg_egn": (egn, ("EGN ", "EGN: ")),
    "br_cnpj": (cnpj, ("CNPJ ", "CNPJ: ")),
    "br_cpf": (cpf, ("CPF ", "CPF: ", "cpf=")),
    "ca_sin": (sin, ("SIN ", "social insurance number: ", "SIN: ")),
    "ch_ahv": (ahv, ("AHV ", "AVS: ", "AHV-Nr. ")),
    "cl_rut": (rut, ("RUT ", "RUT: ", "rut=")),
    "cn_ric": (chinese, ("\u8eab\u4efd\u8bc1 ", "resident identity card ", "\u8eab\u4efd\u8bc1\u53f7: ")),
    "cz_rc": (until(czech), ("rodn\xe9 \u010d\xedslo ", "rodne cislo: ")),
    "de_idnr": (idnr, ("Steuer-ID ", "Steueridentifikationsnummer: ", "IdNr ")),
    "dk_cpr": (cpr, ("CPR ", "CPR-nummer: ", "personnummer ")),
    "es_dni": (dni, ("DNI ", "DNI: ", "dni=")),
    "es_nie": (nie, ("NIE ", "NIE: ")),
    "fi_hetu": (hetu, ("henkil\xf6tunnus ", "hetu: ", "HETU ")),
    "fr_nir": (nir, ("NIR ", "num\xe9ro de s\xe9curit\xe9 sociale: ", "s\xe9curit\xe9 sociale ")),
    "gb_nhs": (until(nhs), ("NHS number ", "NHS no: ", "NHS ")),
    "gb_nino": (nino, ("National Insurance number ", "NINO: ", "NI number ")),
    "hr_oib": (oib, ("OIB ", "OIB: ")),
    "ie_pps": (pps, ("PPS number ", "PPSN: ", "PPS ")),
    "il_id": (israeli, ("Teudat Zehut ", "\u05ea\u05e2\u05d5\u05d3\u05ea \u05d6\u05d4\u05d5\u05ea ", "Israeli ID: ")),
    "in_aadhaar": (aadhaar, ("Aadhaar ", "aadhaar number: ", "UIDAI ")),
    "in_pan": (pan, ("PAN ", "PAN: ", "permanent account number ")),
    "it_codice_fiscale": (codice_fiscale, ("codice fiscale ", "Codice Fiscale: ", "CF ")),
    "kr_rrn": (rrn, ("\uc8fc\ubbfc\ub4f1\ub85d\ubc88\ud638 ", "resident registration number: ", "RRN ")),
    "mx_curp": (curp, ("CURP ", "CURP: ")),
    "nl_bsn": (until(bsn), ("BSN ", "burgerservicenummer: ", "bsn=")),
    "no_fnr": (until(fnr), ("f\xf8dselsnummer ", "fodselsnummer: ")),
    "pl_pesel": (pesel, ("PESEL ", "PESEL: ", "pesel=")),
    "pt_nif": (nif, ("NIF ", "NIF: ", "contribuinte ")),
    "ro_cnp": (cnp, ("CNP ", "CNP: ", "cod numeric personal ")),
    "se_pn": (personnummer, ("personnummer ", "personnummer: ")),
    "sg_nric": (nric, ("NRIC ", "FIN: ", "NRIC: ")),
    "th_pin": (thai, ("\u0e1a\u0e31\u0e15\u0e23\u0e1b\u0e23\u0e30\u0e0a\u0e32\u0e0a\u0e19 ", "Thai ID: ")),
    "tr_tckn": (tckn, ("TCKN ", "T.C. Kimlik No: ", "kimlik no ")),
    "za_id": (south_african, ("South African ID ", "SA ID number: ")),
}  # fmt: skip
EXAMPLES = 20
"""Of each number."""


def named(make: Make, words: Sequence[str]) -> Callable[[random.Random], Found]:
    """Return what draws a number behind its name."""
    return lambda random: Found(make(random), random.choice(words))


TAXPAYER = Kind("US taxpayer number", ("us_itin", "us_ssn"), named(itin, ("ITIN ", "itin: ", "ITIN: ")), "lines", 40)
KINDS = tuple(
    Kind(f"national number {name}", (name,), named(make, words), "lines", EXAMPLES)
    for name, (make, words) in NUMBERS.items()
)

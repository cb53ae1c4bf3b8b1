"""The pack `national`: every number that python-stdnum accepts is found, and none whose check digits it refuses."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tailgate.processors.scrub.detectors import COUNTRIES
from tailgate.processors.scrub.national import NUMBERS


@dataclass(frozen=True)
class Form:
    """How a number is written: `#` a digit, `@` a letter, `d` a day, `m` a month; `word` stands before it."""

    oracle: str
    template: str
    word: str = ""
    checked: bool = True


FORMS: dict[str, Form] = {
    "ar_cuit": Form("ar.cuit", "20-########-#"),
    "at_vnr": Form("at.vnr", "####dm##", "SVNR"),
    "au_tfn": Form("au.tfn", "### ### ###", "TFN"),
    "be_nn": Form("be.nn", "##.m.d-###.##"),
    "bg_egn": Form("bg.egn", "##md####", "EGN"),
    "br_cnpj": Form("br.cnpj", "##.###.###/0001-##"),
    "br_cpf": Form("br.cpf", "###.###.###-##"),
    "ca_sin": Form("ca.sin", "### ### ###", "SIN"),
    "ch_ahv": Form("ch.ssn", "756.####.####.##"),
    "cl_rut": Form("cl.rut", "##.###.###-#"),
    "cn_ric": Form("cn.ric", "11010119##md####"),
    "cz_rc": Form("cz.rc", "##md/####", "rodne cislo"),
    "de_idnr": Form("de.idnr", "## ### ### ###", "Steuer-ID"),
    "dk_cpr": Form("dk.cpr", "dm##-####", "CPR", checked=False),
    "es_dni": Form("es.dni", "########@", "DNI"),
    "es_nie": Form("es.nie", "Y#######@"),
    "fi_hetu": Form("fi.hetu", "dm##-###@"),
    "fr_nir": Form("fr.nir", "1 ## m 75 ### ### ##"),
    "gb_nhs": Form("gb.nhs", "### ### ####", "NHS number"),
    "hr_oib": Form("hr.oib", "###########", "OIB"),
    "ie_pps": Form("ie.pps", "#######@", "PPS number"),
    "il_id": Form("il.idnr", "#########", "teudat zehut"),
    "in_aadhaar": Form("in_.aadhaar", "#### #### ####", "Aadhaar"),
    "in_pan": Form("in_.pan", "@@@P@####@", checked=False),
    "it_codice_fiscale": Form("it.codicefiscale", "RSSMRA##Ad@###@", checked=False),
    "kr_rrn": Form("kr.rrn", "##md-1######"),
    "mx_curp": Form("mx.curp", "BOXW##mdHDFLNS##"),
    "nl_bsn": Form("nl.bsn", "#########", "BSN"),
    "no_fnr": Form("no.fodselsnummer", "dm## #####"),
    "pl_pesel": Form("pl.pesel", "##md#####", "PESEL"),
    "pt_nif": Form("pt.nif", "### ### ###", "NIF"),
    "ro_cnp": Form("ro.cnp", "1##md01####", "CNP"),
    "se_pn": Form("se.personnummer", "##md-####", "personnummer"),
    "th_pin": Form("th.pin", "#-####-#####-##-#"),
    "tr_tckn": Form("tr.tckimlik", "###########", "TC kimlik"),
    "za_id": Form("za.idnr", "##md####08#", "ID number"),
}
WITHOUT_ORACLE = {
    "gb_nino": (["AB 12 34 56 C", "national insurance AB123456C"], ["BQ 12 34 56 C", "AB123456C", "AB 12 34 56 E"]),
    "sg_nric": (["S1234567D", "T1234567J", "F1234567N", "G1234567X"], ["S1234567E", "T1234567D", "A1234567D"]),
    "ie_pps": (["PPS 1234567TW", "PPS 1234567FA"], ["PPS 1234567TA", "1234567TW"]),
    "es_nie": (["X1234567L", "Z1234567R"], ["X1234567M", "Z1234567L"]),
}


def written(rng: random.Random, template: str) -> str:
    kinds: dict[str, Callable[[], str]] = {
        "#": lambda: str(rng.randrange(10)),
        "@": lambda: rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        "d": lambda: f"{rng.randint(1, 28):02}",
        "m": lambda: f"{rng.randint(1, 12):02}",
    }
    return "".join(kinds[one]() if one in kinds else one for one in template)


def numbers(form: Form, valid: bool, count: int) -> list[str]:
    """Return numbers of that form that the oracle accepts, or refuses for their check digits."""
    oracle = importlib.import_module(f"stdnum.{form.oracle}")
    wrong = importlib.import_module("stdnum.exceptions").InvalidChecksum
    rng, out = random.Random(form.oracle), []
    for _ in range(60_000):
        one = written(rng, form.template)
        try:
            accepted = bool(oracle.validate(one.replace(" ", "") if form.oracle == "be.nn" else one))
        except wrong:
            accepted = False
        except ValueError:
            continue
        if accepted is valid:
            out.append(one)
        if len(out) == count:
            return out
    raise AssertionError(f"{form}: {len(out)} numbers only")


@pytest.fixture
def subject(scrubber: Callable[..., Any]) -> Any:
    return scrubber({"packs": ["national"], "default_keys": False})


@pytest.mark.parametrize("name", FORMS)
def test_what_the_oracle_accepts_is_found(name: str, subject: Any) -> None:
    """Scenario: numbers with the right check digits, in their printed form. Guarantees: all are replaced as a whole."""
    form = FORMS[name]
    for number in numbers(form, True, 20):
        assert subject.text(f"{form.word} {number}, ok") == f"{form.word} [{name.upper()}], ok"


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if form.checked])
def test_what_the_oracle_refuses_stays(name: str, scrubber: Callable[..., Any]) -> None:
    """Scenario: the same with wrong check digits. Guarantees: none is replaced by the detector."""
    form = FORMS[name]
    alone = scrubber({"packs": [], "detectors": [name], "default_keys": False})
    for number in numbers(form, False, 20):
        assert alone.text(f"{form.word} {number}, ok") == f"{form.word} {number}, ok"


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if form.word])
def test_what_needs_a_word_has_one(name: str, subject: Any) -> None:
    """Scenario: numbers without a word, or far from it. Guarantees: they stay."""
    form = FORMS[name]
    for number in numbers(form, True, 3):
        for text in (f"item {number}, ok", f"{form.word} {'x ' * 40}{number}"):
            assert f"[{name.upper()}]" not in subject.text(text)


@pytest.mark.parametrize("name", WITHOUT_ORACLE)
def test_published_examples(name: str, scrubber: Callable[..., Any]) -> None:
    """Guarantees: numbers that states print as examples are found, near misses are not."""
    alone = scrubber({"packs": [], "detectors": [name], "default_keys": False})
    good, bad = WITHOUT_ORACLE[name]
    assert [text for text in good if f"[{name.upper()}]" not in alone.text(text)] == []
    assert [text for text in bad if alone.text(text) != text] == []


def test_each_number_is_tested() -> None:
    assert {number.name for number in NUMBERS} == {*FORMS, *WITHOUT_ORACLE}
    assert {"br", "gb", "de", "in"} <= set(COUNTRIES)


def test_countries(scrubber: Callable[..., Any]) -> None:
    """Guarantees: the pack is off unless it is named, and finds only what the countries say."""
    number = numbers(FORMS["br_cpf"], True, 1)[0]
    assert scrubber().text(number) == number
    assert scrubber({"packs": ["national"], "countries": ["br"]}).text(number) == "[BR_CPF]"
    assert scrubber({"packs": ["national"], "countries": ["de"]}).text(number) == number

"""`make scrub-public`: what the shipped `scrub` finds in material that others publish; docs/scrubbing-public.md.

Its values come from packages (`PACKAGES`), in texts of ours; nothing of them is kept here. More can be given:
`--cases` takes JSON lines with `source`, `kind`, `text` and `secret`, such as the examples that the rules of other
scanners bring along, and `--clean` takes folders of text in which nothing is secret.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from evidence import percent, table
from measure import Scrubber
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel import load

PAGE = Path(__file__).parents[2] / "docs/scrubbing-public.md"
PACKAGES = ("faker", "phonenumbers")
SEED = 20261121
EACH = 20
"""Values of a kind and locale."""
LOCALES = (
    *(
        "en_US",
        "en_GB",
        "de_DE",
        "fr_FR",
        "es_ES",
        "it_IT",
        "nl_NL",
        "pl_PL",
        "pt_BR",
        "sv_SE",
        "ru_RU",
        "ja_JP",
        "zh_CN",
    ),
    *("cs_CZ", "tr_TR", "el_GR", "ko_KR", "hi_IN", "uk_UA", "fi_FI"),
)
CARRIERS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("{}", str),
    ("2026-11-21T10:00:00Z INFO handled {} in 42 ms", str),
    ('{{"subject": "{}", "n": 1}}', str),
    ("https://api.shop.example/items?q={}&page=2", lambda text: quote(text, safe="")),
    ("x-shop-subject: {}", str),
    ("SUBJECT={}", str),
)
CARDS = ("visa", "visa13", "visa16", "mastercard", "amex", "discover", "diners", "jcb15", "jcb16", "maestro")
BATCH = 1000
HALVES = 16
SUFFIXES = {
    ".md",
    ".rst",
    ".txt",
    ".log",
    ".csv",
    ".json",
    ".yaml",
    ".yml",
    ".lock",
    ".sum",
    ".toml",
    ".go",
    ".py",
    ".ts",
}


class Case(NamedTuple):
    """A text with something in it that must not survive."""

    source: str
    kind: str
    text: str
    secret: str


def carried(source: str, kind: str, value: str) -> Iterator[Case]:
    """Yield a value in each of our texts."""
    for text, encode in CARRIERS:
        yield Case(source, kind, text.format(encode(value)), encode(value))


def made_by_faker() -> Iterator[Case]:
    """Yield what Faker makes; an IBAN whose check digits or length are wrong is none."""
    from faker import Faker
    from tailgate.kernel.reference.checks import iban

    for locale in LOCALES:
        fake: Any = Faker(locale)
        fake.seed_instance(SEED)
        for _ in range(EACH):
            values = {
                "e-mail": fake.email(),
                "IPv4": fake.ipv4_public(),
                "IPv6": fake.ipv6(),
                "MAC": fake.mac_address(),
            }
            values |= {"IBAN": account} if iban(account := fake.iban()) else {}
            if locale == LOCALES[0]:
                values |= {"SSN": fake.ssn()}
                values |= {f"card, {network}": fake.credit_card_number(network) for network in CARDS}
            for kind, value in values.items():
                yield from carried(f"Faker {version('faker')}", kind, value)


def example_numbers() -> Iterator[Case]:
    """Yield the example numbers of every region: E.164 and international format."""
    import phonenumbers as numbers

    for region in sorted(numbers.SUPPORTED_REGIONS):
        for kind in (numbers.PhoneNumberType.FIXED_LINE, numbers.PhoneNumberType.MOBILE):
            example = numbers.example_number_for_type(region, kind)
            for style in (numbers.PhoneNumberFormat.E164, numbers.PhoneNumberFormat.INTERNATIONAL):
                if example is not None:
                    value = numbers.format_number(example, style)
                    yield from carried(f"libphonenumber {version('phonenumbers')}", "telephone", value)


def given(path: Path) -> Iterator[Case]:
    """Yield the cases of a file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield Case(row["source"], row["kind"], row["text"], row["secret"])


def scrubbed(scrubber: Scrubber, texts: Sequence[str]) -> Iterator[str]:
    """Yield what becomes of each text, as the value of an attribute."""
    for start in range(0, len(texts), BATCH):
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add().scope_spans.add().spans
        for text in texts[start : start + BATCH]:
            spans.add(name="work").attributes.add(key="note").value.string_value = text
        out = ExportTraceServiceRequest.FromString(scrubber.run(request.SerializeToString())[0])
        for span in out.resource_spans[0].scope_spans[0].spans:
            yield span.attributes[0].value.string_value


def survives(secret: str, text: str) -> bool:
    """Return whether a secret is still there, whole or (from 16 characters on) by halves."""
    middle = len(secret) // 2
    parts = [secret, secret[:middle], secret[middle:]] if len(secret) >= HALVES else [secret]
    return any(part in text for part in parts)


def recall(scrubber: Scrubber, cases: Sequence[Case], show: int) -> list[tuple[object, ...]]:
    """Return the rows of the table; prints some of what was missed."""
    found: dict[tuple[str, str], Counter[bool]] = defaultdict(Counter)
    for case, out in zip(cases, scrubbed(scrubber, [case.text for case in cases]), strict=True):
        gone = not survives(case.secret, out)
        found[case.source, case.kind][gone] += 1
        if not gone and found[case.source, case.kind][False] <= show:
            print(f"missed ({case.source}, {case.kind}): {case.text!r}")
    return [
        (source, kind, count.total(), count[True], percent(100 * count[True] / count.total()))
        for (source, kind), count in found.items()
    ]


def false_alarms(scrubber: Scrubber, folder: Path) -> tuple[object, ...]:
    """Return a row: the words of a folder's texts, the lines that were changed, and by what."""
    words, changed = 0, 0
    by: Counter[str] = Counter()
    for path in sorted(one for one in folder.rglob("*") if one.suffix in SUFFIXES and one.is_file()):
        lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        words += sum(len(line.split()) for line in lines)
        differing = [line for line, out in zip(lines, scrubbed(scrubber, lines), strict=True) if line != out]
        changed += len(differing)
        for line in differing:
            request = ExportTraceServiceRequest()
            span = request.resource_spans.add().scope_spans.add().spans.add(name="work")
            span.attributes.add(key="note").value.string_value = line
            by.update(scrubber.run(request.SerializeToString())[1].keys())
    names = ", ".join(f"{count} `{name}`" for name, count in by.most_common())
    return folder.name, f"{words:,}", changed, names or "none"


INTRO = """\
# Scrubbing in material that others publish

Generated by `make scrub-public`, which runs the shipped `scrub` over values that packages make or publish, in six texts
of ours (alone, in a log line, in JSON, in a URL, in a header, as a variable). A case is gone when nothing of the value
is left, whole or (from 16 characters on) by halves. No pattern was made from these values; what the first run showed
was mended in general and stands in [our own corpus](scrubbing-evidence.md) since then.
[What is not found](scrubbing.md#what-is-not-found) says what is missed: cards of 12 digits with no word for them.
"""


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, nargs="*", default=[], help="JSON lines: source, kind, text, secret")
    parser.add_argument("--clean", type=Path, nargs="*", default=[], help="folders of text without secrets")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="show N of what was missed of each kind")
    args = parser.parse_args()
    scrubber = Scrubber(load("rust"))
    cases = [*made_by_faker(), *example_numbers()]
    page = [INTRO, *table(("source", "what", "cases", "gone", "recall"), recall(scrubber, cases, args.show))]
    PAGE.write_text("\n".join([*page, ""]), encoding="utf-8")
    print("\n".join(page[1:]))
    for path in args.cases:
        print(
            "\n".join(table(("source", "what", "cases", "gone", "recall"), recall(scrubber, [*given(path)], args.show)))
        )
    if args.clean:
        rows = [false_alarms(scrubber, folder) for folder in args.clean]
        print("\n".join(table(("text", "words", "lines changed", "by"), rows)))


if __name__ == "__main__":
    main()

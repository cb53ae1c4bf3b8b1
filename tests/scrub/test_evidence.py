"""The labelled corpus: every detector finds what it should and nothing else, and docs/scrubbing-evidence.md says so."""

from __future__ import annotations

import os

import pytest
from corpus import KINDS, made, positives, recorded
from corpus import NATIONAL as NATIONAL_KINDS
from evidence import CLEAN, FIRST, PAGE, VALIDATED, Clean, count_clean, page
from measure import NATIONAL, Scores, Scrubber, measure
from planted_secrets import SIGNALS
from recorded_spans import recordings, requests
from secrets_national import NUMBERS
from secrets_tokens import PROVIDERS
from tailgate.kernel import KernelUnavailable, load

LEAST = 99.0
"""Per cent."""


@pytest.fixture(scope="module")
def scrubber() -> Scrubber:
    """The shipped scrubbing on the Rust kernel; skipped where it is not built, unless it is required."""
    try:
        return Scrubber(load("rust"))
    except (KernelUnavailable, AttributeError) as error:
        if os.environ.get("TAILGATE_REQUIRE_KERNEL") == "rust":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def scores(scrubber: Scrubber) -> Scores:
    """What it does to the whole corpus."""
    return measure(scrubber, positives(), [*made(), *recorded()])


@pytest.fixture(scope="module")
def wider(scrubber: Scrubber) -> Scrubber:
    """The same with the pack `national`."""
    return Scrubber(load("rust"), NATIONAL)


@pytest.fixture(scope="module")
def national(wider: Scrubber) -> Scores:
    """What it does to national numbers and to what is none."""
    return measure(wider, positives(NATIONAL_KINDS), [*made(), *recorded()])


@pytest.fixture(scope="module")
def clean(scrubber: Scrubber, wider: Scrubber) -> list[Clean]:
    """What both do to some clean spans."""
    return [*count_clean(scrubber, [FIRST]), *count_clean(wider, [FIRST])]


def test_the_corpus_is_large(scrubber: Scrubber, scores: Scores) -> None:
    """Guarantees: 3,000 examples, 5,000 recorded negatives, 30 providers, something for every detector there is."""
    assert sum(kind.weight for kind in KINDS if kind.counted) >= 3000
    assert sum(score.examples for (source, _), score in scores.negatives.items() if source != "made") >= 5000
    assert len(PROVIDERS) >= 30
    assert scrubber.detectors() - {"api_token"} <= {kind.detectors[0] for kind in KINDS if kind.counted}


EVERY = {kind.detectors[0] for kind in KINDS if kind.counted}
"""Those that check what they have found, and those that go by a name before it."""


@pytest.mark.parametrize("detector", sorted(EVERY))
def test_every_detector(detector: str, scores: Scores) -> None:
    """Guarantees: nothing of 99 in 100 examples survives, and 99 in 100 replacements are right."""
    score = scores.detectors[detector]
    missed = [one.text.whole for one in scores.missed if one.kind.detectors[0] == detector]
    assert score.recall >= LEAST, missed[:5]
    wrong = [(before, after) for _, before, after, fired in scores.mistaken if detector in fired]
    assert score.precision >= LEAST, wrong[:5]


def test_the_page_marks_what_is_measured() -> None:
    """Guarantees: no mark stands for a detector without examples."""
    assert set(VALIDATED) <= EVERY


def test_nothing_recorded_is_changed(scores: Scores) -> None:
    """Guarantees: what real instrumentations and a collector emit passes as it is, record by record."""
    changed = [(before, after, fired) for one, before, after, fired in scores.mistaken if one.source != "made"]
    assert not changed


@pytest.mark.parametrize("detector", sorted(NUMBERS))
def test_national_numbers(detector: str, national: Scores) -> None:
    """Guarantees: the same of the pack `national`."""
    score = national.detectors[detector]
    missed = [one.text.whole for one in national.missed if one.kind.detectors[0] == detector]
    assert score.recall >= LEAST, missed[:5]
    assert score.precision >= LEAST


@pytest.mark.parametrize("signal", SIGNALS)
def test_recordings_pass_as_they_are(signal: str, scrubber: Scrubber) -> None:
    """Guarantees: requests of every signal leave the scrubber as the bytes that came."""
    ours = Scrubber(load("rust"), signal=signal)
    for path in recordings(signal):
        for message in requests(signal, path):
            body = message.SerializeToString()
            assert ours.run(body)[0] is body


def test_clean_spans(clean: list[Clean]) -> None:
    """Guarantees: one replacement in a thousand spans at most, whatever identifiers they carry."""
    for one in clean:
        assert one.spans >= FIRST
        assert one.per_million < 1000


def test_the_page_is_current(scores: Scores, national: Scores, clean: list[Clean]) -> None:
    """Guarantees: the committed tables are what is measured; the row of the whole run is taken from `make`."""
    committed = PAGE.read_text(encoding="utf-8").splitlines()
    expected = page(scores, national, clean).splitlines()
    row = next(at for at, line in enumerate(expected) if line.startswith(f"| {clean[0].spans:,} |"))
    whole = committed.pop(row + 1)
    assert committed == expected, "run `make scrub-evidence`"
    assert int(whole.split("|")[1].replace(",", "")) >= CLEAN


def test_kernels_agree(scrubber: Scrubber) -> None:
    """Guarantees: of a tenth of the corpus, both kernels make the same bytes with the same rules."""
    reference = Scrubber(load("reference"))
    bodies = [one.request() for one in list(positives())[::10]]
    bodies += [one.body for one in list(made())[::10]]
    bodies += [one.body for one in list(recorded())[::25]]
    for body in bodies:
        assert reference.run(body) == scrubber.run(body)

"""`make scrub-public`: cases and folders that are given to it are counted as they are."""

from __future__ import annotations

import json
from pathlib import Path

from measure import Scrubber
from public import Case, carried, false_alarms, given, recall
from tailgate.kernel import load


def test_recall_counts_what_is_gone(tmp_path: Path) -> None:
    """Guarantees: by source and kind, the share of cases of which neither the value nor half of it is left."""
    rows = [
        {"source": "rules", "kind": "mail", "text": "to jane@example.com", "secret": "jane@example.com"},
        {"source": "rules", "kind": "word", "text": "said swordfish", "secret": "swordfish"},
        {"source": "rules", "kind": "word", "text": "password=swordfish7", "secret": "swordfish7"},
    ]
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    expected = [("rules", "mail", 1, 1, "100.00 %"), ("rules", "word", 2, 1, "50.00 %")]
    assert recall(Scrubber(load("reference")), [*given(path)], show=0) == expected


def test_a_value_is_encoded_where_it_stands_in_a_url() -> None:
    """Guarantees: what must be gone is what stands in the text."""
    cases = list(carried("own", "phone", "+44 20 7946 0958"))
    assert all(case.secret in case.text for case in cases)
    assert (
        Case(
            "own",
            "phone",
            "https://api.shop.example/items?q=%2B44%2020%207946%200958&page=2",
            "%2B44%2020%207946%200958",
        )
        in cases
    )


def test_false_alarms_counts_words_and_lines(tmp_path: Path) -> None:
    """Guarantees: the words of all texts of a folder, the lines that were changed, and the detectors that did it."""
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.md").write_text("all is well\n\nask jane@example.com\n")
    (folder / "b.png").write_bytes(b"\x89PNG jane@example.com")
    assert false_alarms(Scrubber(load("reference")), folder) == ("texts", "5", 1, "1 `email`")

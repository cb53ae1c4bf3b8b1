"""Every conformance case on both kernels, and every row of what the collector does named by one of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance import Case, cases, failures, rows, run
from tailgate.kernel.contract import Kernel

NOT_YET: dict[str, str] = {}
"""Cases (by the beginning of their ids) that are expected to fail, and why. One that passes must be taken off."""

CASES = cases()


def not_yet(case: Case) -> str | None:
    return next((why for prefix, why in NOT_YET.items() if f"{case.id}/".startswith(f"{prefix}/")), None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case, kernel: Kernel, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Guarantees: Tailgate does what the case says (where it differs from the collector on purpose, what it says)."""
    why = not_yet(case)
    if why is not None:
        request.applymarker(pytest.mark.xfail(reason=why, strict=True))
    wrong = failures(run(case, kernel, tmp_path), case.words["expect"])
    assert not wrong, "\n".join(wrong)


def test_every_row_is_shown() -> None:
    """Guarantees: no row of the notes is without a case, and no case names a row that is not there."""
    shown = {row for case in CASES for row in case.shows}
    assert shown == set(rows())


def test_ids_are_unique() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


def test_what_is_not_yet_there_is_something() -> None:
    """Guarantees: an entry of the list goes when its last case does."""
    for prefix in NOT_YET:
        assert any(f"{case.id}/".startswith(f"{prefix}/") for case in CASES), prefix


def test_a_wrong_expectation_is_noticed(kernel: Kernel, tmp_path: Path) -> None:
    """Guarantees: the comparison can fail, on values, types, counts, traces, times and refusals."""
    words = {
        "processors": {
            "tail_sampling": {"decision_wait": "1s", "policies": [{"name": "all", "type": "always_sample"}]}
        },
        "spans": [{"attributes": {"a": 1}, "events": [{"name": "e"}]}],
    }
    result = run(Case("a/b/c", words), kernel, tmp_path)
    right = {"kept": [1], "kept_at": {1: "1s"}, "spans": [{"attributes": {"a": 1}, "events": [{"name": "e"}]}]}
    assert failures(result, right) == []
    for wrong in (
        {"kept": []},
        {"kept": {1: 2}},
        {"kept_at": {1: "2s"}},
        {"error": "x"},
        {"warns": "x"},
        {"spans": []},
        {"spans": [{"attributes": {"a": 1.0}}]},
        {"spans": [{"attributes": {"a": True}}]},
        {"spans": [{"attributes": {}}]},
        {"spans": [{"events": []}]},
        {"spans": [{"events": [{"name": "f"}]}]},
        {"spans": [{"events": [{"attributes": {"x": 1}}]}]},
        {"spans": [{"status": "ERROR"}]},
        {"spans": [{"scope": {"name": "lib"}}]},
    ):
        assert len(failures(result, wrong)) == 1, wrong

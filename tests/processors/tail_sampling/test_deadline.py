"""Policies in Python that do not come back: interrupted, counted, left alone for a while; nothing else is disturbed."""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import pytest
from tailgate.processors.tail_sampling.config_rates import CustomPolicy
from tailgate.processors.tail_sampling.custom import Policy
from tailgate.processors.tail_sampling.deadline import Overdue, within

S = 1_000_000_000


def spin() -> None:
    while True:
        pass


def swallow() -> None:
    """Catches what interrupts it, a few times."""
    for _ in range(3):
        try:
            spin()
        except BaseException:
            continue
    spin()


WAYS = {
    "loop": spin,
    "sleep": lambda: time.sleep(60),
    "pattern": lambda: re.match(r"(a+)+$", "a" * 40 + "b"),
    "swallow": swallow,
    "lock": lambda: threading.Event().wait(60),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_takes_too_long_is_interrupted(way: str) -> None:
    """Guarantees: a loop, a sleep, a pattern that backtracks, a lock, and what catches everything once or twice."""
    begin = time.monotonic()
    with pytest.raises(Overdue):
        within(0.05, WAYS[way])
    assert time.monotonic() - begin < 5
    time.sleep(0.15)  # nothing rings any more
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_is_in_time_is_left_alone() -> None:
    """Guarantees: results and errors come back, no alarm is left, nested calls share the outer deadline."""
    assert within(5, lambda: within(0.001, lambda: 7)) == 7
    with pytest.raises(KeyError):
        within(5, lambda: {}["missing"])
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_the_moment_between() -> None:
    """Scenario: calls that end just when the alarm comes, many times. Guarantees: nothing is interrupted afterwards."""
    for number in range(300):
        end = time.monotonic() + 0.001

        def until(end: float = end) -> int:
            while time.monotonic() < end:
                pass
            return 1

        with suppress(Overdue):
            within(0.001 + (number % 20 - 10) * 1e-5, until)
    time.sleep(0.25)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_where_there_is_no_alarm_there_is_no_deadline() -> None:
    """Guarantees: in other threads, and where somebody else uses the alarm, calls work as ever."""
    found = []
    thread = threading.Thread(target=lambda: found.append(within(0.001, lambda: time.sleep(0.05) or 1)))
    thread.start()
    thread.join(5)
    assert found == [1]
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        assert within(0.001, lambda: time.sleep(0.05) or 2) == 2
    finally:
        signal.signal(signal.SIGALRM, before)


class Stuck(Policy):
    """Never comes back while `stuck`."""

    stuck = True
    asked = 0

    def decide(self, facts):
        type(self).asked += 1
        if self.stuck:
            spin()
        return [1.0] * len(facts)


class NeverMade(Stuck):
    def __init__(self, options):
        super().__init__(options)
        spin()


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stuck_policies", sys.modules[__name__])
    monkeypatch.setattr(Stuck, "stuck", True)
    monkeypatch.setattr(Stuck, "asked", 0)


STUCK = """
policies:
  - {name: own, custom: {module: "stuck_policies:Stuck", timeout: 20ms}, otherwise: pass}
  - {name: next, when: exists(plan)}
default: 0%
"""


def test_a_stuck_policy_passes_and_rests(rig, kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario: a policy loops for ever, then is mended. Guarantees: the next policy decides meanwhile.

    It is asked again after ten seconds, then after twenty; once it answers it is asked as ever. The log says where.
    """
    logged: list[tuple[str, dict[str, str]]] = []
    said = SimpleNamespace(error=lambda event, **its: logged.append((event, its)))
    monkeypatch.setattr("tailgate.processors.tail_sampling.custom_rates.log", said)
    own, verdicts = rig(STUCK), []
    for second in (0, 5, 9, 11, 20, 30, 32, 33):
        Stuck.stuck = second < 32
        at = kit.T0 + second * S
        own.offer(at, kit.Planted(kit.trace_id(second + 1), {"plan": "x"}))
        (span,) = kit.seen(own.tick(at + 10 * S).kept)
        verdicts.append((span.attributes["tailgate.policy"], Stuck.asked))
    assert verdicts == [
        *(("next", asked) for asked in (1, 1, 1, 2, 2, 2)),
        *(("own", asked) for asked in (3, 4)),
    ]
    assert own.sample("tailgate_policy_errors", policy="own") == 6
    assert [(event, its["policy"], its["error"]) for event, its in logged] == [("policy_failed", "own", "Overdue")] * 2
    line = spin.__code__.co_firstlineno
    assert all(its["where"] in (f"{__file__}:{line + 1}", f"{__file__}:{line + 2}") for _, its in logged)


def test_one_that_is_never_made_is_refused() -> None:
    """Guarantees: `validate` and a start say so instead of hanging."""
    with pytest.raises(ValueError, match="not made within its timeout"):
        CustomPolicy.model_validate({"module": "stuck_policies:NeverMade", "timeout": "20ms"})

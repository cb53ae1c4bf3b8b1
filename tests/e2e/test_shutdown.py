"""SIGTERM under load: what was acknowledged arrives, and the process ends in time with exit code 0."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from harness import StartTailgate, Upstream, free_port
from test_dead_upstream import CONFIG, Load


@pytest.mark.slow
def test_sigterm_under_load(start_tailgate: StartTailgate, upstream: Upstream) -> None:
    """Scenario: traces are held (the wait is an hour) and more arrive when SIGTERM comes.

    Guarantees: not ready at once, held traces are judged and flushed, exit 0 within the grace period, and exactly the
    acknowledged spans arrive.
    """
    config = CONFIG.replace("decision_wait: 1s", "decision_wait: 1h")
    tailgate = start_tailgate(config, UPSTREAM=str(upstream.port), BUDGET="200", QUEUE="100000000")
    load = Load(tailgate, per_second=50)
    load.start()
    time.sleep(2)
    assert upstream.spans() == 0, "everything is held"
    tailgate.process.send_signal(signal.SIGTERM)
    stopped = time.monotonic()
    time.sleep(0.3)
    assert not tailgate.ready()
    assert tailgate.process.wait(30) == 0
    assert time.monotonic() - stopped < 25
    load.over.set()
    load.join(30)
    assert load.acknowledged > 2_000
    assert upstream.spans() == load.acknowledged


@pytest.mark.slow
def test_sigterm_without_an_upstream(start_tailgate: StartTailgate) -> None:
    """Scenario: the upstream is away for good. Guarantees: the grace period is kept, the loss is logged, exit 0."""
    config = CONFIG.replace("service:\n", "service:\n  shutdown_grace: 3s\n")
    tailgate = start_tailgate(config, UPSTREAM=str(free_port()), BUDGET="200", QUEUE="100000000")
    load = Load(tailgate, per_second=20)
    load.start()
    time.sleep(2)
    load.over.set()
    load.join(30)
    started = time.monotonic()
    timer = threading.Timer(15, tailgate.process.kill)
    timer.start()
    assert tailgate.stop() == 0
    timer.cancel()
    assert time.monotonic() - started < 6
    log = tailgate.log.read_text()
    assert "shutdown" in log or "given up" in log

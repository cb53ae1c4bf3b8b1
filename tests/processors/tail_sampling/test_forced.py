"""The first policy of the shipped sampling.yaml: a trace that somebody asked to see is kept, whatever comes."""

from pathlib import Path

import pytest
import yaml

SHIPPED = Path(__file__).parents[3] / "config" / "sampling.yaml"
HEADER = "http.request.header."
SINGLE = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1"
CASES = [
    # attributes of a span, whether the trace is forced
    ({HEADER + "x-force-trace": "1"}, True),
    ({HEADER + "x-force-trace": ["1"]}, True),
    ({HEADER + "x-force-trace": ""}, True),
    ({HEADER + "x_force_trace": ["yes"]}, True),
    ({"debug": True}, True),
    ({HEADER + "x-b3-flags": "1"}, True),
    ({HEADER + "x-b3-flags": ["1"]}, True),
    ({HEADER + "x_b3_flags": ["1"]}, True),
    ({HEADER + "b3": f"{SINGLE}-d"}, True),
    ({HEADER + "b3": [f"{SINGLE}-d-05e3ac9a4f6e3b90"]}, True),
    ({HEADER + "b3": "d"}, True),
    ({HEADER + "b3": f"{SINGLE}-1"}, False),
    ({HEADER + "b3": f"{SINGLE}-1-d5e3ac9a4f6e3b9d"}, False),
    ({HEADER + "b3": "0"}, False),
    ({HEADER + "x-b3-flags": "0"}, False),
    ({HEADER + "x-b3-sampled": "1"}, False),
    ({"debug": False}, False),
    ({"x-force-trace": "1"}, False),
    ({}, False),
]


@pytest.mark.parametrize(("attributes", "forced"), CASES)
def test_what_forces_a_trace(rig, kit, attributes, forced):
    """Scenario: one span of a trace says it. Guarantees: the first policy keeps it, in its own name, or does not."""
    own = rig(yaml.safe_dump({**yaml.safe_load(SHIPPED.read_text()), "default": "0%"}))
    trace = kit.trace_id(1)
    own.offer(kit.T0, kit.Planted(trace, {}), kit.Planted(trace, attributes, id=b"\2" * 8, parent=b"\1" * 8))
    names = {span.attributes["tailgate.policy"] for span in kit.seen(own.tick(kit.T0 + 10 * kit.SECOND).kept)}
    assert names == ({"forced"} if forced else set())


def test_it_is_the_first_policy():
    """Guarantees: nobody is asked before it."""
    assert yaml.safe_load(SHIPPED.read_text())["policies"][0]["name"] == "forced"


def test_a_flood_does_not_crowd_it_out(rig, kit):
    """Scenario: errors use up all of the total that is not promised. Guarantees: forced traces still find room."""
    own = rig(SHIPPED.read_text())
    flood = [kit.Planted(kit.trace_id(number), {}, end=5 * kit.SECOND) for number in range(1500)]
    forced = [kit.Planted(kit.trace_id(number), {"debug": True}) for number in range(2000, 2050)]
    own.offer(kit.T0, *flood, *forced)
    kept = 0
    while own.sampler.held()[0]:
        found = kit.seen(own.tick(kit.T0 + 10 * kit.SECOND).kept)
        kept += sum(span.attributes["tailgate.policy"] == "forced" for span in found)
    assert kept == 50

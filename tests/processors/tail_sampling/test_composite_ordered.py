"""A collector's composite under `evaluation: ordered` does what its keys say: order, overflow, shares, the total."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from tailgate.kernel import load

from .test_limits import assert_windows

S = 1_000_000_000
TEXT = """
evaluation: ordered
decision_wait: 1s
policies:
  - name: c
    type: composite
    composite:
      max_total_spans_per_second: 10
      policy_order: [errors, all]
      composite_sub_policy:
        - {name: all, type: always_sample}
        - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
      rate_allocation: [{policy: errors, percent: 60}, {policy: all, percent: 40}]
"""
AFTER = "  - {name: after, type: always_sample}\n"
BOTH = """
evaluation: ordered
decision_wait: 1s
policies:
  - name: c
    type: composite
    composite:
      max_total_spans_per_second: 10
      composite_sub_policy:
        - name: few
          type: and
          and:
            and_sub_policy:
              - {name: all, type: always_sample}
              - {name: limit, type: rate_limiting, rate_limiting: {spans_per_second: 1, burst_capacity: 2}}
        - {name: rest, type: always_sample}
      rate_allocation: [{policy: few, percent: 80}, {policy: rest, percent: 20}]
"""


def flood(kit, numbers, status=0):
    return [kit.Planted(kit.trace_id(number), status=status) for number in numbers]


def kept_by(rig, kit, *spans, now=None):
    now = kit.T0 if now is None else now
    rig.offer(now, *spans)
    seen = kit.seen(rig.tick(now + S).kept)
    return dict(Counter(span.attributes["tailgate.policy"] for span in seen))


def test_the_order_is_that_of_policy_order_and_overflow_goes_on(rig, kit):
    """Errors are the first policy's up to its share, then the second's; when the total is used up nobody keeps."""
    assert kept_by(rig(TEXT), kit, *flood(kit, range(30), status=2)) == {"c.errors": 6, "c.all": 4}


def test_over_the_composite_the_policy_after_it_is_asked(rig, kit):
    """What no part of the composite has room for goes on to the next policy of the block."""
    spans = flood(kit, range(30), status=2)
    assert kept_by(rig(TEXT + AFTER), kit, *spans) == {"c.errors": 6, "c.all": 4, "after": 20}


def test_a_share_is_kept_ready_for_who_comes_later(rig, kit):
    """Other traces come first, and find what errors leave; errors find their share."""
    spans = [*flood(kit, range(30)), *flood(kit, range(50, 80), status=2)]
    assert kept_by(rig(TEXT), kit, *spans) == {"c.all": 4, "c.errors": 6}


def test_limiters_and_shares_spend_together_or_not_at_all(rig, kit):
    """A trace that the inner limiter refuses spends nothing of the share, and the other way round."""
    own = rig(BOTH)
    assert kept_by(own, kit, *flood(kit, range(20))) == {"c.few": 2, "c.rest": 2}
    # Nothing more of the share was spent: ten spans a second less four, and two of them are the other's.
    assert kept_by(own, kit, *flood(kit, range(100, 120)), now=kit.T0 + S) == {"c.few": 1, "c.rest": 2}


steps = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 12), st.integers(0, 12), st.integers(1, 3)), min_size=1, max_size=8
)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_in_every_window_the_total_holds(kit, listed):
    """Whatever comes, at most ten spans a second pass, ten at once, and one trace more."""
    own, passed, number, now = kit.Rig(load("reference"), TEXT), [], 0, kit.T0
    for wait, errors, others, spans in listed:
        now += wait * S
        ids = [kit.trace_id(number + at) for at in range(errors + others)]
        number += errors + others
        own.offer(
            now,
            *(
                kit.Planted(trace, status=2 if at < errors else 0, id=bytes([at + 1, span]) * 4, parent=b"\1" * 8)
                for at, trace in enumerate(ids)
                for span in range(spans)
            ),
        )
        outcome = own.tick(now + S)
        for trace in dict.fromkeys(span.trace for span in kit.seen(outcome.kept)):
            assert trace in ids
            passed.append((now + S, spans))
    if passed:
        assert_windows(passed, 10, 10)

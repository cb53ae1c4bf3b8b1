"""The policy types of the collector's block. A new one is a file here and a line in the table."""

from __future__ import annotations

from .always_sample import ALWAYS_SAMPLE
from .and_ import AND
from .base import Policy, PolicyType, located, read_policy
from .boolean_attribute import BOOLEAN_ATTRIBUTE
from .bytes_limiting import BYTES_LIMITING
from .composite import COMPOSITE
from .drop import DROP
from .latency import LATENCY
from .not_ import NOT
from .numeric_attribute import NUMERIC_ATTRIBUTE
from .ottl_condition import OTTL_CONDITION
from .probabilistic import PROBABILISTIC
from .rate_limiting import RATE_LIMITING
from .span_count import SPAN_COUNT
from .status_code import STATUS_CODE
from .string_attribute import STRING_ATTRIBUTE
from .trace_flags import TRACE_FLAGS
from .trace_state import TRACE_STATE

__all__ = ["POLICIES", "Policy", "PolicyType", "located", "read_policy"]

POLICIES: dict[str, PolicyType] = {
    kind.name: kind
    for kind in (
        ALWAYS_SAMPLE,
        LATENCY,
        NUMERIC_ATTRIBUTE,
        STRING_ATTRIBUTE,
        BOOLEAN_ATTRIBUTE,
        STATUS_CODE,
        PROBABILISTIC,
        RATE_LIMITING,
        BYTES_LIMITING,
        SPAN_COUNT,
        TRACE_STATE,
        TRACE_FLAGS,
        OTTL_CONDITION,
        AND,
        NOT,
        DROP,
        COMPOSITE,
    )
}
"""Every type by its name."""

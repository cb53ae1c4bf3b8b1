"""Labels, early decisions and sizes of tables, valid or not."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from kernel_helpers import field
from program_strategies import literal_texts
from tailgate.kernel.contract import Early
from wire_strategies import KEYS, any_values, keys, plain_pairs

_pairs = st.one_of(
    st.tuples(keys, any_values).map(lambda pair: (pair[0].decode(), field(1, pair[0]) + field(2, pair[1]))),
    st.tuples(keys, plain_pairs()).map(lambda pair: (pair[0].decode(), pair[1] + field(1, pair[0]))),
)
_rows = st.dictionaries(
    literal_texts,
    st.dictionaries(st.sampled_from([*KEYS, "new", "newer"]), any_values, max_size=4).map(
        lambda row: list(row.items())
    ),
    max_size=5,
)


def labels() -> st.SearchStrategy[Any]:
    """Return labels."""
    return st.fixed_dictionaries(
        {
            "keep": st.sampled_from([True, True, False]),
            "span": st.lists(_pairs, max_size=2),
            "resource": st.lists(_pairs, max_size=2),
            "threshold": st.sampled_from(["leave", "set", "erase"]),
        },
        optional={"scope": st.lists(_pairs, max_size=2)},
    )


def early_conditions() -> st.SearchStrategy[list[Early]]:
    """Return early conditions that fit every program."""
    hashes = st.lists(st.tuples(st.just(b"salt"), st.sampled_from([0, 1 << 63, (1 << 64) - 1])), max_size=2)
    one = st.builds(
        Early, st.lists(st.just(0), max_size=1), hashes, st.sampled_from([0, 0, 5, 0x01010101010101, (1 << 56) - 1])
    )
    return st.lists(one, max_size=2)


def tables() -> st.SearchStrategy[Any]:
    """Return what the two lookups that programs know are filled with, and what is changed in the first one later."""
    changed = st.tuples(_rows, st.lists(literal_texts, max_size=3)).map(lambda two: {**dict.fromkeys(two[1]), **two[0]})
    return st.tuples(st.tuples(_rows, _rows), st.tuples(_rows, _rows), changed)

"""The `batch` processor's block."""

import pytest
from pydantic import ValidationError
from tailgate.processors.base import Batching
from tailgate.processors.batch import SPEC, BatchConfig


def test_defaults_are_the_collectors() -> None:
    """Guarantees: an empty block means what it means in the collector."""
    part = SPEC.build(BatchConfig(), None)  # type: ignore[arg-type]
    assert part == Batching(send_batch_size=8192, send_batch_max_size=0, timeout=0.2)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"send_batch_size": 10, "send_batch_max_size": 5}, "at least send_batch_size"),
        ({"metadata_keys": ["tenant"]}, "not supported"),
        ({"timeout": 5}, "no unit"),
        ({"send_batch_size": -1}, "greater than or equal to 0"),
    ],
)
def test_mistakes(block: dict[str, object], message: str) -> None:
    """Guarantees: a contradiction is refused with a sentence that says how to mend it."""
    with pytest.raises(ValidationError, match=message):
        BatchConfig.model_validate(block)

"""How scalars of another type are read in the collector's block: as its decoder reads them, or not at all."""

import pytest
import yaml
from pydantic import ValidationError
from tailgate.processors.tail_sampling import SPEC

S = 1_000_000_000


def block(text):
    return SPEC.config.model_validate(yaml.safe_load(text))


def options(kind, written):
    return block(f"policies: [{{name: a, type: {kind}, {kind}: {written}}}]").policies[0].options


READ = [
    # type, what is written, key, value
    ("latency", "{threshold_ms: 500.9}", "threshold_ms", 500),
    ("latency", "{threshold_ms: 5.0e+2}", "threshold_ms", 500),
    ("latency", "{threshold_ms: '500'}", "threshold_ms", 500),
    ("numeric_attribute", "{key: k, min_value: -1.9, max_value: 7}", "min_value", -1),
    ("numeric_attribute", "{key: 7, max_value: '+7'}", "key", "7"),
    ("numeric_attribute", "{key: 7, max_value: '+7'}", "max_value", 7),
    ("probabilistic", "{sampling_percentage: 10}", "sampling_percentage", 10.0),
    ("probabilistic", "{sampling_percentage: '12.5'}", "sampling_percentage", 12.5),
    ("probabilistic", "{sampling_percentage: 10, hash_salt: 22}", "hash_salt", "22"),
    ("boolean_attribute", "{key: k, value: 'true'}", "value", True),
    ("boolean_attribute", "{key: k, value: 'F'}", "value", False),
    ("boolean_attribute", "{key: k, value: 1}", "value", True),
    ("string_attribute", "{key: k, values: 'a,b c,'}", "values", ["a", "b c", ""]),
    ("string_attribute", "{key: k, values: [200, x]}", "values", ["200", "x"]),
    ("status_code", "{status_codes: 'ERROR,UNSET'}", "status_codes", ["ERROR", "UNSET"]),
    ("status_code", "{status_codes: ERROR}", "status_codes", ["ERROR"]),
    ("span_count", "{min_spans: 2.0}", "min_spans", 2),
]


@pytest.mark.parametrize(("kind", "written", "key", "value"), READ)
def test_scalars_are_read_as_the_collector_reads_them(kind, written, key, value):
    """Fractions are cut off, texts split at commas, numbers and truth values read out of text."""
    found = getattr(options(kind, written), key)
    assert (found, type(found)) == (value, type(value))


REFUSED = [
    ("latency", "{threshold_ms: true}"),
    ("latency", "{threshold_ms: '5s'}"),
    ("latency", "{threshold_ms: ' 5'}"),
    ("latency", "{threshold_ms: '1_000'}"),
    ("latency", "{threshold_ms: .nan}"),
    ("latency", "{threshold_ms: [5]}"),
    ("probabilistic", "{sampling_percentage: '10%'}"),
    ("probabilistic", "{sampling_percentage: .inf}"),
    ("probabilistic", "{sampling_percentage: true}"),
    ("boolean_attribute", "{key: k, value: 'yes'}"),
    ("boolean_attribute", "{key: k, value: 0.5}"),
    ("string_attribute", "{key: k, values: 7}"),
    ("string_attribute", "{key: k, values: [true]}"),
    ("string_attribute", "{key: k, values: [0.5]}"),
    ("string_attribute", "{key: [k], values: [a]}"),
    ("status_code", "{status_codes: 'ERROR, UNSET'}"),
    ("status_code", "{status_codes: ''}"),
]


@pytest.mark.parametrize(("kind", "written"), REFUSED)
def test_what_no_decoder_reads_is_refused(kind, written):
    """A value of another type that the collector would not take either is an error."""
    with pytest.raises(ValidationError):
        options(kind, written)


BLOCK = [
    ("num_traces: 1.0e+3", "num_traces", 1000),
    ("num_traces: '1000'", "num_traces", 1000),
    ("sample_on_first_match: 'true'", "sample_on_first_match", True),
    ("decision_wait: 5s", "decision_wait", 5 * S),
    ("decision_wait: 5000000000", "decision_wait", 5 * S),
    ("decision_wait_after_root_received: 1000000000.5", "decision_wait_after_root_received", S),
    ("maximum_trace_size_bytes: 1.0e+6", "maximum_trace_size_bytes", 10**6),
]


@pytest.mark.parametrize(("written", "key", "value"), BLOCK)
def test_the_blocks_own_keys(written, key, value):
    """The keys of the block are read in the same way; a bare number is nanoseconds."""
    assert getattr(block(f"{{policies: [{{name: a, type: always_sample}}], {written}}}"), key) == value


def test_our_own_form_is_strict():
    """In `sampling.yaml` a duration needs its unit and a number is no text."""
    for written in ("decision_wait: 5000000000", "num_traces: '5'"):
        with pytest.raises(ValidationError):
            block(f"{{policies: [], default: 1%, {written}}}")

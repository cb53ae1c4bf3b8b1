"""The JSON Schema for editors says the same as the loader, as far as a schema can."""

import json
import re

import pytest
from tailgate.config.schema import json_schema

from .conftest import TABLES

SCHEMA = json_schema(TABLES)


def test_the_schema_is_plain_json_with_everything_defined():
    """It can be written to a file, and every reference in it leads somewhere."""
    text = json.dumps(SCHEMA)
    names = {part.split('"')[0] for part in text.split("#/$defs/")[1:]}
    assert names
    assert names <= set(SCHEMA["$defs"])


@pytest.mark.parametrize(
    ("section", "id_"),
    [("receivers", "otlp"), ("processors", "scrub/pii"), ("processors", "attributes"), ("exporters", "otlp_grpc/x")],
)
def test_every_name_of_a_component_is_known(section, id_):
    """Canonical names and aliases, with and without a name of their own; nothing else."""
    patterns = SCHEMA["properties"][section]["patternProperties"]
    assert sum(1 for pattern in patterns if re.search(pattern, id_)) == 1
    assert not any(
        re.search(pattern, f"x{id_}") or re.search(pattern, id_.partition("/")[0] + "/") for pattern in patterns
    )
    assert SCHEMA["properties"][section]["additionalProperties"] is False


def test_a_reference_may_stand_for_a_number():
    """`queue_size: ${env:N}` is no mistake in an editor either."""
    options = SCHEMA["$defs"]["Upstream"]["properties"]["queue_size"]["anyOf"]
    assert [option["type"] for option in options] == ["integer", "string"]


def test_a_processor_may_name_a_rule_file():
    """`scrub: {rules: FILE}` is allowed for processors only."""
    assert "rules" in json.dumps(SCHEMA["properties"]["processors"])
    assert "rules" not in json.dumps(SCHEMA["properties"]["exporters"])


def test_every_processor_can_be_switched_off():
    """`enabled` is known in every form of every processor's block."""
    for pattern, options in SCHEMA["properties"]["processors"]["patternProperties"].items():
        (ref,) = [option["$ref"].rpartition("/")[2] for option in options["anyOf"] if "$ref" in option]
        definition = SCHEMA["$defs"][ref]
        forms = [SCHEMA["$defs"][form["$ref"].rpartition("/")[2]] for form in definition.get("anyOf", ())] or [
            definition
        ]
        assert all("enabled" in form["properties"] for form in forms), pattern

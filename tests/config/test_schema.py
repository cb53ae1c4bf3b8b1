"""The JSON Schemas for editors say the same as the loader, as far as a schema can, and are those that are shipped."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tailgate.cli import main
from tailgate.cli.tables import TABLES as REAL
from tailgate.config.loader import load, shipped_paths
from tailgate.config.reference import page
from tailgate.config.rulefiles import RULE_FILES
from tailgate.config.schema import KINDS, json_schema, json_schemas, texts
from tailgate.config.tree import parse, plain

from .conftest import TABLES

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json_schema(TABLES)
SCHEMAS = json_schemas(REAL)
TEXTS = texts(REAL)
SHIPPED = {path.stem: path for path in shipped_paths({})[0].parent.glob("*.yaml")}
DIALECTS = ROOT / "tests" / "dialects" / "files"


def data(text: str):
    """What a file says: our keys `on` and `off` are text, as in YAML 1.2, which editors read."""
    tree = parse(text, "file", [])
    assert tree is not None
    return plain(tree)


def mistakes(kind: str, text: str) -> list[str]:
    """What an editor would underline."""
    validator = Draft202012Validator(SCHEMAS[kind])
    return [error.message for error in validator.iter_errors(data(text))]


def test_the_schema_is_plain_json_with_everything_defined():
    """It can be written to a file, and every reference in it leads somewhere."""
    for schema in (SCHEMA, *SCHEMAS.values()):
        Draft202012Validator.check_schema(schema)
        text = json.dumps(schema)
        names = {part.split('"')[0] for part in text.split("#/$defs/")[1:]}
        assert names
        assert names <= set(schema["$defs"])
        assert "x-" not in re.findall(r'"(x-)(?:name|same-as)"', text)


def test_there_is_one_of_each_kind():
    """A whole configuration, our rule files, the dialects."""
    assert tuple(sorted(SCHEMAS)) == tuple(sorted(KINDS))
    assert {kind.name.removesuffix(".yaml") for kind in RULE_FILES} | {"tailgate"} == set(SCHEMAS)


@pytest.mark.parametrize("name", TEXTS)
def test_the_committed_schemas_are_current(name):
    """`make docs` has been run: what editors read is what the loader checks."""
    assert (ROOT / "config" / "schemas" / name).read_text() == TEXTS[name], "run `make docs`"


def test_nothing_else_is_committed():
    """No schema of a kind that is gone."""
    assert {path.name for path in (ROOT / "config" / "schemas").iterdir()} == set(TEXTS)


def test_the_reference_page_is_current():
    """`make docs` has been run."""
    assert (ROOT / "docs" / "reference.md").read_text() == page(REAL), "run `make docs`"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_names_its_schema_and_is_valid(name):
    """The first line leads to a schema that lies there, in the repository and in the package, and the file fits it."""
    first, _, text = SHIPPED[name].read_text().partition("\n")
    target = first.removeprefix("# yaml-language-server: $schema=")
    assert target != first
    schema = json.loads((SHIPPED[name].parent / target).read_text())
    assert json.loads(files("tailgate.config").joinpath(target).read_text()) == schema
    assert [error.message for error in Draft202012Validator(schema).iter_errors(data(text))] == []
    assert schema == SCHEMAS[name if name in SCHEMAS else "tailgate"]


def test_the_package_carries_them():
    """A wheel has the schemas that the shipped files name."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "schemas/*.json" in project["tool"]["setuptools"]["package-data"]["tailgate.config"]


@pytest.mark.parametrize(
    ("file", "kind"),
    [("tracing", "tracing"), ("retention", "retention"), ("preservation", "preservation_rules")],
)
def test_dialects_are_valid(file, kind):
    """The dialects' files fit the schema of their kind."""
    assert mistakes(kind, (DIALECTS / f"{file}.yaml").read_text()) == []


def test_the_file_in_a_config_map_is_valid():
    """What the ConfigMap carries fits the schema of its kind."""
    carried = data((DIALECTS / "sampling-configmap.yaml").read_text())["data"]["sampling.yaml"]
    assert mistakes("sampling_rules", carried) == []


MISTAKES = [
    ("sampling", "polcies: []\ndefault: 1%"),
    ("sampling", "policies: [{name: a, when: error, rate: 1.5}]\ndefault: 1%"),
    ("sampling", "policies: [{name: a, when: error, rate: half}]\ndefault: 1%"),
    ("sampling", "policies: [{when: error}]\ndefault: 1%"),
    ("sampling", "policies: [{name: a, type: latency, latency: {threshold_ms: soon}}]"),
    ("sampling", "policies: [{name: a, type: latencies}]"),
    (
        "sampling",
        "policies: [{name: a, type: and, and: {and_sub_policy: [{name: b, type: latency, latency: {a: 1}}]}}]",
    ),
    ("sampling", "decision_wait: 10\ndefault: 1%"),
    ("retention", "default: {name: a, ttl: 3 days}"),
    ("retention", "retention: {default: {max_age: 72}}"),
    ("scrubbing", "packs: [pi]"),
    ("enrichment", "actions: [{key: a, action: upsrt, value: 1}]"),
    ("tracing", "tracing: {sampling: {default_rate: 0.1, rules: [{name: a, rate: 1}]}}"),
    ("tailgate", "receivers: {otlp: {protocols: {grpc: {endpiont: a}}}}\nservice: {pipelines: {}}"),
    ("tailgate", "receivers: {oltp: }"),
    ("preservation_rules", "preservation_rules: [{name: a, condition: error}]"),
    ("sampling_rules", "sampling_rules: [{name: a}]"),
]


@pytest.mark.parametrize(("kind", "text"), MISTAKES)
def test_an_editor_sees_mistakes(kind, text):
    """The schemas are narrow: what the loader refuses for its shape they refuse too."""
    assert mistakes(kind, text)


GOOD = [
    ("sampling", "policies:\ndefault: ${env:RATE}\ndecision_wait: ${env:WAIT:-10s}"),
    ("sampling", "policies: [{name: a, when: true, rate: 0.5, limit: {spans_per_second: '${env:N}'}}]\ndefault: drop"),
    ("sampling", "policies: [{name: a, type: not, not: {not_sub_policy: {name: b, type: always_sample}}}]"),
    ("retention", "default: 72h"),
    ("tailgate", ("processors: {batch: {enabled: false}, scrub/pii: , retention: {rules: r.yaml}}\n"
                 "receivers: {otlp: {protocols: {grpc: , http: }}}\nexporters: {debug: }\n"
                 "service: {pipelines: {traces: {receivers: [otlp], processors: , exporters: [debug]}}}")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_an_editor_sees_no_mistake_where_there_is_none(kind, text):
    """Substitutions, empty lists and sections, other forms of the same."""
    assert mistakes(kind, text) == []


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
    assert options == [{"type": "integer"}, {"$ref": "#/$defs/substitution"}]


def test_a_processor_may_name_a_rule_file():
    """`scrub: {rules: FILE}` is allowed for processors only."""
    assert "rules" in json.dumps(SCHEMA["properties"]["processors"])
    assert "rules" not in json.dumps(SCHEMA["properties"]["exporters"])


def test_texts_of_the_source_are_descriptions():
    """What stands under a field in the source is what an editor shows, for inherited fields too."""
    policy = SCHEMAS["sampling"]["$defs"]["OrderedPolicy"]["properties"]
    assert policy["when"]["description"].startswith("A condition over the trace")
    assert SCHEMAS["retention"]["$defs"]["Policy"]["properties"]["ttl"]["title"] == "duration"
    assert policy["rate"]["default"] == "100%"


def test_the_command(capsys, tmp_path):
    """Prints one, or writes all."""
    assert main(["schema", "sampling"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMAS["sampling"]
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Tailgate configuration"
    assert main(["schema", "--write", str(tmp_path / "new")]) == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(TEXTS)
    assert main(["schema", "--reference"]) == 0
    assert capsys.readouterr().out == page(REAL)


def test_what_the_loader_says_of_the_good_ones(tmp_path):
    """The examples above are not only good in an editor."""
    for number, (kind, text) in enumerate(GOOD[2:4]):
        assert kind in ("sampling", "retention")
        file = tmp_path / f"{number}.yaml"
        file.write_text(text if kind == "sampling" else f"{text}\npolicies: [{{name: a, when: error, ttl: 1d}}]")
        assert load([file], REAL, {})


def test_every_processor_can_be_switched_off():
    """`enabled` is known in every form of every processor's block."""
    for pattern, options in SCHEMA["properties"]["processors"]["patternProperties"].items():
        (ref,) = [option["$ref"].rpartition("/")[2] for option in options["anyOf"] if "$ref" in option]
        definition = SCHEMA["$defs"][ref]
        forms = [SCHEMA["$defs"][form["$ref"].rpartition("/")[2]] for form in definition.get("anyOf", ())] or [
            definition
        ]
        assert all("enabled" in form["properties"] for form in forms), pattern

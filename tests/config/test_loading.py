"""What a configuration amounts to: merge, rule files, ids, the service, the hash."""

import json

import pytest
from tailgate.config.errors import ConfigErrors
from tailgate.config.loader import load, shipped_paths
from tailgate.config.model import HealthConfig, MetricsConfig, PipelineConfig
from tailgate.config.tree import parse

from .conftest import TABLES


def failure(paths, env=None):
    with pytest.raises(ConfigErrors) as raised:
        load(paths, TABLES, env or {})
    return [str(problem) for problem in raised.value.problems]


def test_the_parts_of_a_configuration(read, whole):
    """Ids, canonical types, what is enabled, the defaults of telemetry, the file that was read."""
    text = whole.replace("scrub: {}", "scrub/pii: {}\n  attributes/a: {}").replace("[scrub]", "[attributes/a]")
    config = read(text)
    assert config.pipelines == {"traces": PipelineConfig("traces", "traces", ("otlp",), ("attributes/a",), ("debug",))}
    attributes = config.processors["attributes/a"]
    assert (attributes.id, attributes.type, attributes.enabled) == ("attributes/a", "enrich", True)
    assert not config.processors["scrub/pii"].enabled
    assert (config.metrics, config.health) == (MetricsConfig("0.0.0.0", 8888, True, False), None)
    assert (config.logs.level, config.shutdown_grace, config.sources) == ("info", 25_000_000_000, ("c.yaml",))


@pytest.mark.parametrize(
    ("telemetry", "metrics"),
    [
        ("{metrics: {address: ':9000'}}", MetricsConfig("0.0.0.0", 9000)),
        ("{metrics: {address: '[::1]:9000', legacy_names: true}}", MetricsConfig("::1", 9000, legacy_names=True)),
        ("{metrics: {level: none}}", MetricsConfig(enabled=False)),
        ("{metrics: {level: Detailed}}", MetricsConfig()),
        ("{metrics: {readers: []}}", MetricsConfig(enabled=False)),
        (
            "{metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 1}}}}]}}",
            MetricsConfig("127.0.0.1", 1),
        ),
    ],
)
def test_where_the_metrics_are_served(read, whole, telemetry, metrics):
    """The collector's older form, its newer one, and switched off."""
    assert read(whole.replace("service:\n", f"service:\n  telemetry: {telemetry}\n")).metrics == metrics


def test_the_health_check_has_to_be_named(read, whole):
    """An extension that is defined and listed runs; one that is only defined does not, with a warning."""
    listed = whole.replace("service:\n", "extensions:\n  health_check:\nservice:\n  extensions: [health_check]\n")
    assert read(listed).health == HealthConfig("0.0.0.0", 13133, "/")
    only_defined = read(whole.replace("service:\n", "extensions: {health_check: {endpoint: ':1'}}\nservice:\n"))
    assert only_defined.health is None
    assert "service.extensions does not name the extension 'health_check'" in str(only_defined.warnings[0])


def test_levels_and_grace(read, whole):
    """The collector's spelling of levels, and our own key for the length of a stop."""
    config = read(whole.replace("service:\n", "service:\n  shutdown_grace: 5s\n  telemetry: {logs: {level: WARN}}\n"))
    assert (config.logs.level, config.shutdown_grace) == ("warn", 5_000_000_000)


def test_later_files_are_merged_over_earlier_ones(tree, whole):
    """Mappings merge deeply, lists and scalars are replaced, and an empty value empties."""
    first = whole.replace("scrub: {}", "scrub: {packs: [pii, network], rate: 0.5, note: one}")
    tree(a_yaml=first, b_yaml="processors:\n  scrub: {packs: [network], note: two}\nreceivers:\n  otlp:\n")
    config = load(["a.yaml", "file:b.yaml"], TABLES, {})
    scrub = config.processors["scrub"].config
    assert (scrub.packs, scrub.rate, scrub.note) == (["network"], 0.5, "two")
    assert config.receivers["otlp"].config.protocols.grpc is None
    assert config.sources == ("a.yaml", "b.yaml")


def test_an_error_stands_in_the_file_that_holds_the_value(tree, whole):
    """After a merge each message names the file where its value was written."""
    tree(a_yaml=whole.replace("scrub: {}", "scrub: {rate: 7}"), b_yaml="processors:\n  scrub: {note: [x]}\n")
    assert failure(["a.yaml", "b.yaml"]) == [
        "a.yaml:6:17 processors.scrub.rate: expected at most 1, found 7",
        "b.yaml:2:11 processors.scrub.note: expected text, found a list",
    ]


def test_substitution_comes_after_the_merge(tree, whole):
    """A reference that a later file replaces is never resolved."""
    tree(a_yaml=whole.replace("scrub: {}", "scrub: {note: '${file:x}'}"), b_yaml="processors: {scrub: {note: b}}")
    assert load(["a.yaml", "b.yaml"], TABLES, {}).processors["scrub"].config.note == "b"


def test_a_block_names_its_rule_file(tree, whole, tmp_path):
    """`rules` is relative to the file in which it stands; keys beside it are merged over the file's."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "c.yaml").write_text(whole.replace("scrub: {}", "scrub: {rules: my/s.yaml, rate: 0.25}"))
    (tmp_path / "deep" / "my").mkdir()
    (tmp_path / "deep" / "my" / "s.yaml").write_text("packs: [pii]\nrate: 0.5\nnote: ${env:NOTE}\n")
    tree()
    config = load(["deep/c.yaml"], TABLES, {"NOTE": "n"})
    scrub = config.processors["scrub"].config
    assert (scrub.packs, scrub.rate, scrub.note) == (["pii"], 0.25, "n")
    assert config.sources == ("deep/c.yaml", "deep/my/s.yaml")


def test_errors_in_rule_files_stand_in_the_rule_files(tree, whole):
    """The path is that inside the rule file; errors of all files come together."""
    text = whole.replace("scrub: {}", "scrub: {rules: s.yaml}\n  tail_sampling: {rules: t.yaml}\n  batch: {a: 1}")
    tree(
        c_yaml=text, s_yaml="packs: [pii]\nnote: [x]\n", t_yaml="wait: 10s\npolicies:\n  - name: a\n    type: latency\n"
    )
    errors = [line for line in failure(["c.yaml"]) if "warning" not in line]
    assert errors == [
        "c.yaml:8:11 processors.batch.a: unknown key 'a'",
        "s.yaml:2:1 note: expected text, found a list",
        "t.yaml:3:5 policies[0]: the key 'threshold' is missing",
    ]


def test_what_a_rule_file_lacks_is_missing_in_the_rule_file(tree, whole):
    """The position is the beginning of the rule file."""
    tree(c_yaml=whole.replace("debug:", "otlp: {endpoint: a}").replace("[debug]", "[otlp]")
         .replace("scrub: {}", "scrub: {rules: s.yaml}"), s_yaml="# rules\npacks: [network]\nrate: 0\n")  # fmt: skip
    assert failure(["c.yaml"]) == ["s.yaml:2:1 a rate of 0 leaves nothing to scrub"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("none.yaml", "the file 'none.yaml' cannot be read: No such file or directory"),
        (".", "the file '.' cannot be read: Is a directory"),
        ("bytes.yaml", "the file 'bytes.yaml' is not UTF-8 text: byte 3 is not"),
        ("large.yaml", "the file 'large.yaml' is larger than 1 MiB"),
        ('"a\\0b"', "the file 'a\\x00b' has no possible name"),
    ],
)
def test_a_rule_file_that_cannot_be_read(tree, whole, tmp_path, rules, message):
    """The error stands where the file is named."""
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff")
    (tmp_path / "large.yaml").write_bytes(b"#" * ((1 << 20) + 1))
    tree(c_yaml=whole.replace("scrub: {}", f"scrub: {{rules: {rules}}}"))
    assert failure(["c.yaml"]) == [f"c.yaml:6:18 processors.scrub.rules: {message}"]


def test_a_rule_file_has_to_be_a_mapping(tree, whole):
    """A list of rules alone is refused; an empty file is an empty set of rules."""
    tree(c_yaml=whole.replace("scrub: {}", "scrub: {rules: s.yaml}"), s_yaml="- a")
    assert failure(["c.yaml"]) == ["s.yaml:1:1 expected a mapping of rules, found a list"]
    tree(s_yaml="# nothing yet\n")
    assert load(["c.yaml"], TABLES, {}).processors["scrub"].config.packs == []


def test_files_that_cannot_be_read_come_together(tree, whole):
    """Missing and broken files are all named, and what could be in them is not called missing."""
    tree(b_yaml="a: [", c_yaml=whole.replace("[scrub]", "[batch]").replace("scrub: {}", "scrub: {rate: x}"))
    assert [line for line in failure(["a.yaml", "b.yaml", "c.yaml"]) if "warning" not in line] == [
        "a.yaml: the file cannot be read: No such file or directory",
        "b.yaml:1:4 this is no YAML: the bracket that is opened here is not closed",
        "c.yaml:6:17 processors.scrub.rate: expected a number, found 'x'",
    ]


def test_what_is_neither_a_configuration_nor_rules(tree):
    """A file of another kind is named as such."""
    tree(a_yaml="apiVersion: v1\nkind: Service\n")
    (error,) = failure(["a.yaml"])
    assert error.startswith("a.yaml:1:1 this is neither a configuration (expected the keys 'connectors', ")


@pytest.mark.parametrize("second", ["processors:\n  scrub:\n    note: n\n", ""])
def test_a_file_of_rules_takes_the_place_of_its_block(tree, whole, second):
    """Given beside a configuration it replaces the whole block, whatever the block said; later files still win."""
    tree(c_yaml=whole.replace("scrub: {}", "scrub: {rate: 0.5}"), s_yaml="packs: [pii]\n", z_yaml=second)
    scrub = load(["c.yaml", "s.yaml", "z.yaml"], TABLES, {}).processors["scrub"].config
    assert (scrub.packs, scrub.rate, scrub.note) == (["pii"], 1, "n" if second else "")


@pytest.mark.parametrize(
    ("text", "processor"),
    [
        ("policies: []\ndefault: 10%", "tail_sampling"),
        ("policies: [{name: a, type: span_count}]", "tail_sampling"),
        ("packs: [pii]", "scrub"),
        ("actions: [{key: a}]", "enrich"),
        ("default: {name: a, ttl: 72h}", "retention"),
        ("policies: [{name: a, when: error, ttl: 30d}]", "retention"),
    ],
)
def test_rules_alone_run_inside_the_shipped_configuration(tree, monkeypatch, whole, text, processor):
    """Each kind of our rule files is recognised by its keys."""
    whole = whole.replace("scrub: {}", "scrub:\n  tail_sampling:\n  enrich:\n  retention:")
    tree(shipped_yaml=whole, r_yaml=text)
    monkeypatch.setattr("tailgate.config.loader.shipped_paths", lambda env: ["shipped.yaml"])
    config = load(["r.yaml"], TABLES, {})
    assert config.sources == ("r.yaml", "shipped.yaml")
    touched = {id_ for id_, component in config.processors.items() if component.config.model_fields_set}
    assert touched == {processor}


def test_the_upstream_is_merged_in_when_it_is_set():
    """The shipped files: one without, two with TAILGATE_UPSTREAM (an empty value is none)."""
    names = [
        [path.name for path in shipped_paths(env)]
        for env in ({}, {"TAILGATE_UPSTREAM": ""}, {"TAILGATE_UPSTREAM": "a:1"})
    ]
    assert names == [["tailgate.yaml"], ["tailgate.yaml"], ["tailgate.yaml", "upstream.yaml"]]


def test_the_hash_is_that_of_what_is_said(read, whole):
    """Comments, order of keys and the way a value came in change nothing; a value does."""
    same = [
        read(whole.replace("scrub: {}", "scrub: {rate: 0.5, note: a}")).hash,
        read("# hello\n" + whole.replace("scrub: {}", "scrub: {note: 'a', rate: 0.50}")).hash,
        read(whole.replace("scrub: {}", "scrub: {note: '${env:N}', rate: 0.5}"), {"N": "a"}).hash,
    ]
    assert len(set(same)) == 1
    assert read(whole.replace("scrub: {}", "scrub: {rate: 0.5, note: b}")).hash != same[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("yes", "yes"), ("on", "on"), ("n", "n"), ("~", None), ("", None),
        ("null", None), ("1", 1), ("-7", -7), ("+7", 7), ("1_000", 1000), ("0x1F", 31), ("0o17", 15), ("0644", 420),
        ("0899", "0899"), ("0b11", 3), ("0", 0), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("1.", 1.0),
        ("-.inf", float("-inf")),
        ("2026-11-20", "2026-11-20"), ("12:30:45", "12:30:45"), ("1.2.3", "1.2.3"), ("-x", "-x"), ("'1'", "1"),
        ("!!str 1", "1"), ("!!int '1'", 1), ("!!float 1", 1.0), ("9" * 5000, "9" * 5000), ("0x", "0x"), ("1__0", 10),
        ("4317/tcp", "4317/tcp"), ("²", "²"), ("=", "="), ("*.example.com", None),
    ],
)  # fmt: skip
def test_what_a_scalar_means(read, whole, text, value):
    """Unquoted scalars mean what they mean to the collector's YAML reader."""
    text = whole.replace("scrub: {}", f"scrub: {{}}\n  enrich:\n    value: {text}")
    if text.count("*"):
        with pytest.raises(ConfigErrors, match="alias"):
            read(text)
        return
    result = read(text).processors["enrich"].config.value
    assert (result, type(result)) == (value, type(value))
    json.dumps(result)


@pytest.mark.parametrize(("levels", "accepted"), [(64, True), (65, False)])
def test_the_limit_of_nesting(levels, accepted):
    """At the limit a file is read; one level more is refused."""
    problems = []
    tree = parse("[" * levels + "x" + "]" * levels, "c.yaml", problems)
    assert (tree is not None, problems == []) == (accepted, accepted)


@pytest.mark.parametrize(("extra", "accepted"), [(0, True), (1, False)])
def test_the_limit_of_a_file(tree, whole, extra, accepted):
    """A file of exactly 1 MiB is read; one byte more is refused."""
    tree(c_yaml=whole + "#" * ((1 << 20) - len(whole) + extra))
    if accepted:
        assert load(["c.yaml"], TABLES, {}).pipelines
    else:
        assert failure(["c.yaml"]) == ["c.yaml: the file is larger than 1 MiB"]


@pytest.mark.parametrize(("items", "accepted"), [(48, True), (49, False)])
def test_the_limit_of_values(items, accepted):
    """100,000 values are read when aliases are counted as often as they are used; more are refused."""
    problems = []
    copies = ", ".join(["*a"] * items)
    text = f"a: &a [{'x, ' * 2039}]\nb: [{copies}]\n"  # 1 + 2040 + 1 + 2040 * items
    tree = parse(text, "c.yaml", problems)
    assert (tree is not None, problems == []) == (accepted, accepted)


def test_a_processor_that_is_off(read, whole, errors):
    """`enabled: false` is checked and not built; its other keys are checked, and it has to be a boolean."""
    config = read(whole.replace("scrub: {}", "scrub: {enabled: false}"))
    assert (config.processors["scrub"].off, config.processors["scrub"].enabled) == (True, False)
    config = read(whole.replace("scrub: {}", "scrub: {enabled: true}"))
    assert (config.processors["scrub"].off, config.processors["scrub"].enabled) == (False, True)
    (wrong,) = errors(whole.replace("scrub: {}", "scrub: {enabled: maybe}"))
    assert "processors.scrub.enabled: expected true or false" in wrong
    (unknown,) = errors(whole.replace("scrub: {}", "scrub: {enabled: false, packz: []}"))
    assert "packz" in unknown


def test_a_processor_that_is_off_in_its_rule_file(tree, whole):
    """The switch may stand in the rule file; beside `rules` it has the last word."""
    tree(c_yaml=whole.replace("scrub: {}", "scrub: {rules: r.yaml}"), r_yaml="enabled: false")
    assert not load(["c.yaml"], TABLES, {}).processors["scrub"].enabled
    tree(c_yaml=whole.replace("scrub: {}", "scrub: {rules: r.yaml, enabled: true}"))
    assert load(["c.yaml"], TABLES, {}).processors["scrub"].enabled

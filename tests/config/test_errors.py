"""Every kind of error, at its exact place: a person who reads the message can mend the file without searching."""

import pytest

# (what the case is, the text that replaces `scrub: {}` in line 6 of WHOLE, the one error)
IN_SCRUB = [
    (
        "an unknown key, at the key",
        "scrub:\n    pakcs: [pii]",
        (
            "c.yaml:7:5 processors.scrub.pakcs: unknown key 'pakcs', expected 'detectors', 'hmac_key', 'note', 'packs' "
            "or 'rate'; did you mean 'packs'?"
        ),
    ),
    (
        "text where a number belongs, at the value",
        "scrub:\n    rate: fast",
        "c.yaml:7:11 processors.scrub.rate: expected a number, found 'fast'",
    ),
    (
        "a number out of bounds",
        "scrub: {rate: 1.5}",
        "c.yaml:6:17 processors.scrub.rate: expected at most 1, found 1.5",
    ),
    (
        "a scalar where a list belongs",
        "scrub:\n    packs: pii",
        "c.yaml:7:12 processors.scrub.packs: expected a list, found 'pii'",
    ),
    (
        "a mapping where a list belongs, at its key",
        "scrub:\n    packs:\n      pii: 1",
        "c.yaml:7:5 processors.scrub.packs: expected a list (each entry begins with '- '), found a mapping",
    ),
    (
        "one word of several, misspelt",
        "scrub:\n    packs: [network, pi]",
        "c.yaml:7:22 processors.scrub.packs[1]: expected 'network' or 'pii', found 'pi'; did you mean 'pii'?",
    ),
    (
        "an unquoted yes is text, as in the collector",
        "scrub: {note: yes, rate: no}",
        "c.yaml:6:28 processors.scrub.rate: expected a number, found 'no'",
    ),
    (
        "neither member of a union: both are named, once",
        "scrub: {detectors: [[a]]}",
        "c.yaml:6:23 processors.scrub.detectors[0]: expected text or a mapping, found a list",
    ),
    (
        "the member of a union that was meant, with a key missing",
        "scrub:\n    detectors:\n      - keep: 3",
        "c.yaml:8:9 processors.scrub.detectors[0]: the key 'pattern' is missing",
    ),
    (
        "a validator's own words",
        "scrub: {note: much too long a note}",
        "c.yaml:6:17 processors.scrub.note: 'much too long a note' is too long a note, expected at most 12 characters",
    ),
    (
        "two keys that do not go together, at the component",
        "scrub: {packs: [network], rate: 0}",
        "c.yaml:6:3 processors.scrub: a rate of 0 leaves nothing to scrub",
    ),
    (
        "a bare number as a duration",
        "scrub: {}\n  tail_sampling: {wait: 10}",
        (
            "c.yaml:7:25 processors.tail_sampling.wait: 10 has no unit: expected a duration such as 500ms, 10s, 1m30s, "
            "72h or 30d"
        ),
    ),
    (
        "a duration in words",
        "scrub: {}\n  tail_sampling: {wait: 10 seconds}",
        (
            "c.yaml:7:25 processors.tail_sampling.wait: '10 seconds' is no duration: expected a duration such as "
            "500ms, 10s, 1m30s, 72h or 30d"
        ),
    ),
    (
        "an unknown type of policy, at the type",
        "scrub: {}\n  tail_sampling:\n    policies:\n    - name: a\n      type: latenci",
        (
            "c.yaml:10:13 processors.tail_sampling.policies[0].type: expected 'latency' or 'span_count', found "
            "'latenci'; did you mean 'latency'?"
        ),
    ),
    (
        "a policy without a type, at the policy",
        "scrub: {}\n  tail_sampling:\n    policies:\n    - name: a",
        (
            "c.yaml:9:7 processors.tail_sampling.policies[0]: the key 'type' is missing, which says what kind of entry "
            "this is"
        ),
    ),
    (
        "a missing key beside one that has the name of the policy's type: the policy lacks it",
        "scrub: {}\n  tail_sampling:\n    policies:\n    - {name: a, type: latency, latency: {x: 1}}",
        "c.yaml:9:7 processors.tail_sampling.policies[0]: the key 'threshold' is missing",
    ),
    (
        "a value below a key that has the name of the policy's type",
        "scrub: {}\n  tail_sampling:\n    policies:\n    - {name: a, type: latency, threshold: 1, latency: {x: y}}",
        "c.yaml:9:59 processors.tail_sampling.policies[0].latency.x: expected a whole number, found 'y'",
    ),
    (
        "an unknown type of component",
        "scrub: {}\n  scrubb: {}",
        (
            "c.yaml:7:3 processors.scrubb: unknown processor type 'scrubb', expected 'attributes', 'batch', 'enrich', "
            "'memory_limiter', 'retention', 'scrub' or 'tail_sampling'; did you mean 'scrub'?"
        ),
    ),
    (
        "an id without a name after the slash",
        "scrub: {}\n  scrub/: {}",
        (
            "c.yaml:7:3 processors.scrub/: 'scrub/' is no id of a component, expected 'type' or 'type/name'; did you "
            "mean 'scrub'?"
        ),
    ),
    (
        "the same key twice, at the second",
        "scrub: {}\n  scrub: {}",
        "c.yaml:7:3 processors.scrub: the key 'scrub' stands twice, first in line 6",
    ),
    (
        "a list where a component's mapping belongs",
        "scrub: [a]",
        (
            "c.yaml:6:3 processors.scrub: expected a mapping with the keys 'detectors', 'hmac_key', 'note', 'packs' or "
            "'rate' (no '- ' before them), found a list"
        ),
    ),
    (
        "an unknown alias",
        "scrub: {packs: *mine}",
        "c.yaml:6:18 processors.scrub.packs: the alias '*mine' has no anchor '&mine' before it",
    ),
    (
        "an anchor that contains itself",
        "scrub: {packs: &a [*a]}",
        "c.yaml:6:22 processors.scrub.packs[0]: the alias '*a' has no anchor '&a' before it",
    ),
    (
        "a tag that is not known",
        "scrub: {note: !env x}",
        (
            "c.yaml:6:17 processors.scrub.note: the tag '!env' is not supported; expected !!str, !!int, !!float, "
            "!!bool or !!null"
        ),
    ),
    (
        "a list as a key",
        "scrub: {[a]: 1}",
        "c.yaml:6:11 processors.scrub: a key must be text; a template's braces, as in {{ name }}, need quotes",
    ),
]


@pytest.mark.parametrize(("case", "text", "error"), IN_SCRUB, ids=[case for case, _, _ in IN_SCRUB])
def test_an_error_in_a_processor(errors, whole, case, text, error):
    """One mistake gives exactly one error, with the line, the column, the path and what was expected."""
    assert errors(whole.replace("scrub: {}", text)) == [error]


# (what the case is, (old, new) in WHOLE, the errors)
IN_WHOLE = [
    (
        "a pipeline names what is not defined",
        ("processors: [scrub]", "processors: [scrub, scrap]"),
        [
            ("c.yaml:13:27 service.pipelines.traces.processors[1]: the processor 'scrap' is not defined, expected "
             "one of processors: 'scrub'; did you mean 'scrub'?"),
        ],
    ),
    (
        "a pipeline names a processor twice",
        ("processors: [scrub]", "processors: [scrub, scrub]"),
        ["c.yaml:13:27 service.pipelines.traces.processors[1]: the processor 'scrub' is named twice"],
    ),
    (
        "a pipeline of another signal",
        ("    traces:", "    profiles:"),
        [
            ("c.yaml:11:5 service.pipelines.profiles: pipelines of profiles are not supported, expected 'traces', "
             "'logs' or 'metrics', or one of these with '/name' behind it; --lenient leaves it out"),
        ],
    ),
    (
        "a pipeline that is none",
        ("    traces:", "    trace:"),
        [
            ("c.yaml:11:5 service.pipelines.trace: 'trace' is no pipeline, expected 'traces', 'logs' or 'metrics', or "
             "one of these with '/name' behind it; did you mean 'traces'?"),
        ],
    ),
    (
        "a pipeline without exporters",
        ("      exporters: [debug]\n", ""),
        ["c.yaml:11:5 service.pipelines.traces: the key 'exporters' is missing: ids of exporters, at least one"],
    ),
    (
        "a pipeline with an empty list of receivers",
        ("receivers: [otlp]", "receivers: []"),
        ["c.yaml:12:7 service.pipelines.traces.receivers: expected at least 1 of them, found a list"],
    ),
    (
        "a pipeline's list that is a text",
        ("exporters: [debug]", "exporters: debug"),
        ["c.yaml:14:18 service.pipelines.traces.exporters: expected a list, found 'debug'"],
    ),
    (
        "an unknown key in the service",
        ("service:\n", "service:\n  pipeline: {}\n"),
        [
            ("c.yaml:10:3 service.pipeline: unknown key 'pipeline', expected 'extensions', 'pipelines', "
             "'shutdown_grace', 'telemetry' or 'worker_threads'; did you mean 'pipelines'?"),
        ],
    ),
    (
        "an unknown key at the top",
        ("exporters:\n  debug:\n", "exporters:\n  debug:\nexporter: {}\n"),
        [
            ("c.yaml:9:1 exporter: unknown key 'exporter', expected 'connectors', 'exporters', 'extensions', "
             "'processors', 'receivers' or 'service'; did you mean 'exporters'?"),
        ],
    ),
    (
        "an extension that is not defined",
        ("service:\n", "service:\n  extensions: [health_check]\n"),
        [
            ("c.yaml:10:16 service.extensions[0]: the extension 'health_check' is not defined, expected one of "
             "extensions: none"),
        ],
    ),
    (
        "an unknown extension",
        ("service:\n", "extensions:\n  zpages:\nservice:\n"),
        [
            ("c.yaml:10:3 extensions.zpages: the collector's extension 'zpages' does not exist in Tailgate, expected "
             "'health_check'; --lenient leaves it out"),
        ],
    ),
    (
        "a connector",
        ("service:\n", "connectors:\n  spanmetrics:\nservice:\n"),
        [
            ("c.yaml:10:3 connectors.spanmetrics: the collector's connector 'spanmetrics' does not exist in Tailgate; "
             "--lenient leaves it out"),
        ],
    ),
    (
        "an address without a port",
        ("service:\n", "service:\n  telemetry: {metrics: {address: localhost}}\n"),
        [
            ("c.yaml:10:34 service.telemetry.metrics.address: 'localhost' is no address: expected host:port such as "
             "0.0.0.0:8888"),
        ],
    ),
    (
        "an unknown level of the log",
        ("service:\n", "service:\n  telemetry: {logs: {level: verbose}}\n"),
        [
            "c.yaml:10:29 service.telemetry.logs.level: expected 'debug', 'error', 'info' or 'warn', found 'verbose'"
        ],
    ),
    (
        "both forms of the metrics' address",
        ("service:\n", "service:\n  telemetry:\n    metrics: {address: ':1', readers: []}\n"),
        [
            ("c.yaml:11:5 service.telemetry.metrics: address and readers both say where the metrics are served; "
             "expected one of them"),
        ],
    ),
    (
        "no service",
        ("service:", "extensions:"),
        [
            "c.yaml:1:1 the key 'service' is missing: what runs",
            "c.yaml:10:3 extensions.pipelines: unknown extension type 'pipelines', expected 'health_check'",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("case", "change", "expected"), IN_WHOLE, ids=[case for case, _, _ in IN_WHOLE])
def test_an_error_around_the_components(errors, whole, case, change, expected):
    """The same for the service, its pipelines, the extensions and the top of the file."""
    assert change[0] in whole
    assert errors(whole.replace(*change)) == expected


# (what the case is, the whole file, the error)
NO_YAML = [
    ("a tab", "a:\n\tb: 1", "2:1 this is no YAML: a tab stands here; YAML is indented with spaces only"),
    (
        "two colons",
        "receivers: otlp: {}",
        "1:16 this is no YAML: a ':' is not expected here: wrong indentation, or text that needs quotes",
    ),
    ("uneven indentation", "a:\n  - b\n c: 2", "3:2 this is no YAML: this line is not indented like those beside it"),
    ("an open quote", "a: 'x\nb: 1", "1:4 this is no YAML: the quote that is opened here is not closed"),
    ("a variable in a list", "a: [${env:X}]", "1:6 this is no YAML: inside [ ] and { } a '${...}' needs quotes"),
    ("a pattern without quotes", "a: %x", "1:4 this is no YAML: a text that begins with this character needs quotes"),
    ("a line without a colon", "a: 1\nb\nc: 2", "3:1 this is no YAML: a line of the form 'key: value' was expected"),
    ("a forbidden character", "a: b\nc: \x01", "2:4 the character '\\x01' is not allowed in YAML"),
    ("a second document", "a: 1\n---\nb: 2", "2:1 a second document begins here, expected one document a file"),
    ("an open bracket", "a: [1,", "1:4 this is no YAML: the bracket that is opened here is not closed"),
    ("a list at the top", "- a", ("1:1 expected a mapping with the keys 'connectors', 'exporters', 'extensions', "
     "'processors', 'receivers' or 'service'")),
    ("half of a surrogate pair", 'service: "\\ud800"', "1:10 service: half of a surrogate pair is no character"),
    ("an escape that is no character", 'a: "\\UFFFFFFFF"', "1:1 an escape or a number here is out of range"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "text", "error"), NO_YAML, ids=[case for case, _, _ in NO_YAML])
def test_what_is_no_yaml(errors, case, text, error):
    """A file that cannot be read gives one line that says where and what can be done."""
    assert errors(text)[0] == f"c.yaml:{error}"


def test_all_errors_at_once_in_order(errors, whole):
    """Mistakes in every section come together, sorted by position, each once."""
    text = whole.replace("scrub: {}", "scrub: {rate: x, foo: 1}").replace("  debug:", "  debug: 3")
    text = text.replace("      grpc:", "      grpcc:").replace("[scrub]", "[scrib]")
    assert [line.split(" ")[0] for line in errors(text)] == [
        "c.yaml:4:7",
        "c.yaml:6:17",
        "c.yaml:6:20",
        "c.yaml:8:10",
        "c.yaml:13:20",
    ]


def test_what_is_not_wrong_but_suspicious(read, whole):
    """Unused components, keys without effect and empty values are warnings: the configuration loads."""
    text = whole.replace("scrub: {}", "scrub: {note: }\n  batch:").replace(
        "\n  debug:", "\n  debug:\n  otlp/b: {endpoint: a}"
    )
    text = text.replace("service:\n", "service:\n  telemetry: {traces: {}, logs: {encoding: json}}\n")
    assert [str(warning) for warning in read(text).warnings] == [
        "c.yaml:6:11 processors.scrub.note: warning: the value is empty, so this is as if it were not written",
        "c.yaml:7:3 processors.batch: warning: no pipeline uses the processor 'batch'",
        "c.yaml:10:3 exporters.otlp/b: warning: no pipeline uses the exporter 'otlp/b'",
        "c.yaml:12:15 service.telemetry.traces: warning: this is accepted, but has no effect",
        "c.yaml:12:34 service.telemetry.logs.encoding: warning: this is accepted, but has no effect",
    ]


def test_a_bomb_of_aliases_is_refused(errors):
    """Ten levels of ten aliases each would be ten thousand million values; the file is refused at once."""
    rows = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 11)]
    (error,) = errors("\n".join(rows))
    assert error.endswith("more than 100000 values, aliases counted as often as they are used")


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "{a: " * 1000, "- " * 5000])
def test_deep_nesting_is_refused(errors, text):
    """Nesting beyond 64 levels is an error, not an exhausted stack."""
    assert "nested more than 64 levels deep" in errors(text)[0]


def test_aliases_and_merge_keys_work(read, whole):
    """Anchors, aliases and `<<` mean what they mean in YAML; what is written in the mapping itself wins."""
    text = whole.replace("scrub: {}", "scrub: &base {packs: [pii], rate: 0.5}\n  scrub/b: {<<: *base, rate: 0.25}")
    second = read(text).processors["scrub/b"].config
    assert (second.packs, second.rate) == (["pii"], 0.25)


@pytest.mark.parametrize(
    "text",
    [
        "scrub: {hmac_key: [hunter2hunter2]}",
        "scrub: {hmac_key: 12345678901}",
        "scrub: {hmac_key: {a: hunter2hunter2}}",
        "scrub: {}\n  enrich: {password: hunter2hunter2}",
    ],
)
def test_a_secret_is_never_quoted(errors, whole, text):
    """What stands in a field for secrets, or below a key that sounds like one, does not appear in any message."""
    message = "\n".join(errors(whole.replace("scrub: {}", text)))
    assert "hunter2" not in message
    assert "12345678901" not in message


def test_no_value_from_the_environment_is_quoted(errors, whole):
    """A variable may hold a secret wherever it is used: its reference is named, not its value."""
    text = whole.replace("scrub: {}", "scrub:\n    note: ${env:A}\n    rate: x${env:A}\n    packs: ['${env:A}']")
    assert errors(text, {"A": "hunter2hunter2"}) == [
        "c.yaml:7:11 processors.scrub.note: the value is too long a note, expected at most 12 characters",
        "c.yaml:8:11 processors.scrub.rate: expected a number, found text from x${env:A}",
        "c.yaml:9:13 processors.scrub.packs[0]: expected 'network' or 'pii', found text from ${env:A}",
    ]

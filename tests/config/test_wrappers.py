"""ConfigMaps and Helm values: what they carry is read where it stands."""

import pytest
from tailgate.config.errors import ConfigErrors
from tailgate.config.loader import load

from .conftest import TABLES, WHOLE


def config_map(**files: str) -> str:
    """A ConfigMap with these files as literal blocks, four columns in."""
    entries = "".join(
        f"  {name.replace('_yaml', '.yaml')}: |\n" + "".join(f"    {line}\n" for line in text.splitlines())
        for name, text in files.items()
    )
    return f"apiVersion: v1\nkind: ConfigMap\ndata:\n{entries}"


def failure(*paths: str) -> list[str]:
    with pytest.raises(ConfigErrors) as raised:
        load(list(paths), TABLES, {})
    return [str(problem) for problem in raised.value.problems if problem.severity == "error"]


def test_a_configuration_and_its_rules(tree):
    """A block's `rules` are looked for in the same ConfigMap first; what no block names is not used."""
    whole = WHOLE.replace("scrub: {}", "scrub: {rules: s.yaml, rate: 0.5}")
    tree(c_yaml=config_map(tailgate_yaml=whole, s_yaml="packs: [pii]\nnote: here", t_yaml="wait: 1s", s_txt="no: ["))
    config = load(["c.yaml"], TABLES, {})
    scrub = config.processors["scrub"].config
    assert (scrub.packs, scrub.note, scrub.rate) == (["pii"], "here", 0.5)
    assert config.sources == ("c.yaml",)


def test_an_entry_without_a_yaml_name(tree):
    """The collector's chart calls it `relay`: it is used if it is a configuration, and else none of our business."""
    tree(c_yaml=config_map(relay=WHOLE, README="Hello: [world"))
    assert load(["c.yaml"], TABLES, {}).pipelines


def test_several_files_of_rules(tree):
    """Each takes the place of its processor's block in the configuration given before."""
    tree(c_yaml=WHOLE, m_yaml=config_map(scrubbing_yaml="packs: [network]", sampling_yaml="policies: []\nwait: 3s"))
    config = load(["c.yaml", "m.yaml"], TABLES, {})
    assert config.processors["scrub"].config.packs == ["network"]
    assert config.processors["tail_sampling"].config.wait == 3_000_000_000


def test_a_block_names_a_config_map(tree):
    """One with a single file is that file; of several none is chosen."""
    tree(c_yaml=WHOLE.replace("scrub: {}", "scrub: {rules: m.yaml}"), m_yaml=config_map(any_yaml="packs: [network]"))
    assert load(["c.yaml"], TABLES, {}).processors["scrub"].config.packs == ["network"]
    tree(m_yaml=config_map(a_yaml="packs: []", b_yaml="packs: []"))
    assert failure("c.yaml") == [
        (
            "c.yaml:6:18 processors.scrub.rules: the ConfigMap 'm.yaml' carries several files (a.yaml, b.yaml), "
            "expected one"
        )
    ]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("|\n    packs: [pii]\n    rate: 7", "c.yaml:6:11 rate: expected at most 1, found 7"),
        ("|2-\n      packs: [pii]\n      rate: 7\n", "c.yaml:6:13 rate: expected at most 1, found 7"),
        ("|\n\n    # twice\n    packs: [pii]\n    rate: 7", "c.yaml:8:11 rate: expected at most 1, found 7"),
        ('"packs: [pii]\\nrate: 7"', "c.yaml:4:13 rate: expected at most 1, found 7"),
        (">\n    {packs: [pii],\n    rate: 7}", "c.yaml:4:13 rate: expected at most 1, found 7"),
    ],
)
def test_places(tree, entry, expected):
    """Lines of a literal block are those of the ConfigMap; for other ways to write text the entry is named."""
    tree(w_yaml=WHOLE, c_yaml=f"kind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  any.yaml: {entry}\n")
    assert failure("w.yaml", "c.yaml") == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: ConfigMap\nmetadata: {name: a}\n",
         ["c.yaml:1:1 this ConfigMap carries no file, expected some under 'data'"]),
        ("kind: ConfigMap\ndata:\n", ["c.yaml:2:1 data: this ConfigMap carries no file, expected some under 'data'"]),
        ("kind: ConfigMap\ndata:\n  a.yaml: {packs: []}\n",
         ["c.yaml:3:3 data.a.yaml: 'a.yaml' is no text; a file in a ConfigMap begins with 'a.yaml: |'"]),
        ("kind: ConfigMap\ndata:\n  a.yaml: |\n    packs: [pii\n",
         ["c.yaml:4:12 this is no YAML: the bracket that is opened here is not closed"]),
        ("kind: ConfigMap\ndata:\n  a.yaml: |\n    pakcs: [pii]\n", None),
    ],
)  # fmt: skip
def test_a_config_map_that_is_wrong(tree, text, expected):
    """What is wrong with it, and with the YAML inside, is said at its line."""
    tree(w_yaml=WHOLE, c_yaml=text)
    found = failure("w.yaml", "c.yaml")
    if expected is None:
        (line,) = found
        assert line.startswith("c.yaml:4:5 this is neither a configuration")
    else:
        assert found == expected


def test_helm_values(tree):
    """The collector's configuration stands under `config`; the chart's own keys beside it say nothing to us."""
    inner = "".join(f"  {line}\n" for line in WHOLE.replace("scrub: {}", "scrub: {rate: 7}").splitlines())
    tree(c_yaml=f"mode: deployment\nconfig:\n{inner}resources: {{limits: {{memory: 2Gi}}}}\n")
    assert failure("c.yaml") == ["c.yaml:8:19 config.processors.scrub.rate: expected at most 1, found 7"]
    tree(c_yaml=f"mode: deployment\nconfig:\n{inner.replace('rate: 7', 'rate: 1')}")
    assert load(["c.yaml"], TABLES, {}).pipelines


def test_a_dollar_is_substituted_once(tree):
    """A dialect's values are substituted before it is taken apart, and not again with the rest."""
    tree(
        w_yaml=WHOLE.replace("scrub: {}", "scrub: {note: '$${A}'}"),
        c_yaml="retention: {default: {max_age: '${env:AGE}'}, policies: []}",
    )
    config = load(["w.yaml", "c.yaml"], TABLES, {"AGE": "5d"})
    assert config.processors["scrub"].config.note == "${A}"
    assert config.processors["retention"].config.default == {"name": "default", "ttl": "5d"}

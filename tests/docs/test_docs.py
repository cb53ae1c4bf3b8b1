"""What the pages say can be done: every YAML block loads, every link leads somewhere, every command exists."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from tailgate.cli import build_parser
from tailgate.cli.tables import TABLES
from tailgate.config.loader import load, shipped_paths
from tailgate.config.model import Configuration
from tailgate.config.rulefiles import RULE_FILES
from tailgate.config.schema import json_schemas
from tailgate.config.tree import parse, plain
from tailgate.kernel import load as load_kernel
from tailgate.kernel.contract import Malformed, OverLimit
from tailgate.pipeline import Service
from tailgate.receivers.base import Refused
from tailgate.receivers.otlp.status import TooSlow, answer_for

from .doc_pages import PAGES, ROOT, anchors, code, fences, links, names, tables

BLOCKS = [(f"{page}-{at}", block) for page in PAGES for at, block in enumerate(fences(page, "yaml"))]
RULES = {kind.name: kind for kind in RULE_FILES}
FRAGMENTS = ("receivers", "processors", "exporters", "connectors", "service", "extensions")


def kind(block: str) -> str:
    """The comment in the first line says what the block is."""
    first = block.partition("\n")[0]
    assert first.startswith("# "), f"the first line does not say what this is: {first!r}"
    return first.removeprefix("# ")


def around(section: str, fragment: dict[str, Any]) -> dict[str, Any]:
    """The smallest whole configuration in which a fragment stands and is used."""
    whole: dict[str, Any] = {
        "receivers": {"otlp": {"protocols": {"grpc": None}}},
        "processors": {},
        "exporters": {"debug": None},
        "connectors": {},
        "extensions": {},
        "service": {},
    }
    whole[section] = fragment
    row = {role: list(whole[role]) for role in ("receivers", "processors", "exporters")}
    row["exporters"] += list(whole["connectors"])
    service = {"extensions": list(whole["extensions"]), "pipelines": {"traces": row}}
    return {**whole, "service": {**service, **whole["service"]}}


def load_block(block: str, folder: Path) -> Configuration:
    """Load a block of a page as whatever it says it is."""
    what = kind(block)
    if what in FRAGMENTS:
        block = yaml.safe_dump(around(what, yaml.safe_load(block)), sort_keys=False)
    file = folder / "block.yaml"
    file.write_text(block, encoding="utf-8")
    if what in RULES or what == "ConfigMap":
        config = load([file], TABLES, {})
        assert str(shipped_paths({})[0]) in config.sources, f"this is not known for a {what}"
        assert what == "ConfigMap" or RULES[what].processor in config.processors
        return config
    if what == "overlay.yaml":
        return load([*shipped_paths({}), file], TABLES, {})
    assert what in ("tailgate.yaml", "collector.yaml", *FRAGMENTS), f"unknown kind of block: {what}"
    return load([file], TABLES, {})


@pytest.mark.parametrize(("where", "block"), BLOCKS, ids=[where for where, _ in BLOCKS])
def test_every_yaml_block_loads(where: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario: a reader copies a block. Guarantees: it loads without a warning, and pipelines can be built of it."""
    monkeypatch.setenv("K8S_NODE_NAME", "node-1")  # the downward API's
    config = load_block(block, tmp_path)
    assert config.warnings == () or kind(block) == "collector.yaml"  # copied as it stands
    assert Service(config, load_kernel("reference")).pipelines


SCHEMAS = json_schemas(TABLES)


def schema_of(what: str) -> str:
    """The kind of schema that a block has to fit."""
    kind_ = what.removesuffix(".yaml")
    return kind_ if kind_ in SCHEMAS else "tailgate"


@pytest.mark.parametrize(("where", "block"), BLOCKS, ids=[where for where, _ in BLOCKS])
def test_every_yaml_block_fits_its_schema(where: str, block: str) -> None:
    """Scenario: a reader writes the block in an editor. Guarantees: nothing in it is underlined."""
    what = kind(block)
    tree = parse(block, where, [])
    assert tree is not None
    written = plain(tree)
    if what in ("ConfigMap", "overlay.yaml", "collector.yaml"):
        return  # another format; what an overlay does not say stands below it, what a collector has we may not have
    whole = {what: written} if what in FRAGMENTS else written
    errors = Draft202012Validator(SCHEMAS[schema_of(what)]).iter_errors(whole)
    assert [f"{'/'.join(map(str, error.path))}: {error.message}" for error in errors] == []


def test_there_are_blocks_of_every_kind() -> None:
    """Guarantees: the extraction finds what is there; a page without a block would pass every test above."""
    kinds = {kind(block) for _, block in BLOCKS}
    assert {"tailgate.yaml", "overlay.yaml", "sampling.yaml", "retention.yaml", "scrubbing.yaml"} <= kinds
    assert {"receivers", "processors", "exporters", "service"} <= kinds


@pytest.mark.parametrize("change", [("when: error", "wehn: error"), ("rate: 50%", "rate: 500%")])
def test_a_wrong_block_is_noticed(change: tuple[str, str], tmp_path: Path) -> None:
    """Guarantees: the check above can fail."""
    block, *_ = [b for b in fences("docs/sampling.md", "yaml") if kind(b) == "sampling.yaml"]
    with pytest.raises(Exception, match=r"block\.yaml:"):
        load_block(block.replace(*change), tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str) -> None:
    """Guarantees: every relative link leads to a file, and every anchor to a heading."""
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (PAGES[page].parent / path).resolve() if path else PAGES[page]
        assert file.exists(), f"{page} links to {target}"
        assert file.is_relative_to(ROOT), f"{page} links out of the repository: {target}"
        assert not anchor or anchor in anchors(file), f"{page} links to {target}, which has no such heading"


def commands() -> set[str]:
    """The names of all subcommands."""
    actions = build_parser()._actions
    return {name for action in actions if isinstance(action, argparse._SubParsersAction) for name in action.choices}


@pytest.mark.parametrize("page", PAGES)
def test_commands(page: str) -> None:
    """Guarantees: every `tailgate COMMAND` that is mentioned exists."""
    mentioned = {name for part in code(page) for name in re.findall(r"(?<![\w./-])tailgate ([a-z]+)", part)}
    assert mentioned <= commands()


def test_the_readme_mentions_commands() -> None:
    """Guarantees: the search above finds them, in blocks and in lines."""
    found = {name for part in code("README.md") for name in re.findall(r"(?<![\w./-])tailgate ([a-z]+)", part)}
    assert {"run", "validate"} <= found


def test_environment_variables_are_read_by_something() -> None:
    """Guarantees: each variable of the table is read by the shipped files or by the process."""
    variables = [name for row in tables("docs/configuration.md", "| variable |") for name in names(row[0])]
    read = "".join(path.read_text() for path in (*(ROOT / "config").glob("*.yaml"), ROOT / "kernel" / "__init__.py"))
    for name in variables:
        assert re.search(rf"\b{name}\b", read), name
    named = set(re.findall(r"\$\{env:(\w+)", "".join(p.read_text() for p in (ROOT / "config").glob("*.yaml"))))
    assert named <= set(variables)


ERRORS = [
    Refused("memory_limit"), Refused("byte_budget"), Malformed("no"), OverLimit("no"), TooSlow(), RuntimeError("x"),
    Refused("queue_full", exhausted=False), Refused("num_traces", exhausted=False),
    Refused("custom_queue_full", exhausted=False), Refused("custom_failed", exhausted=False),
    Refused("reloaded", exhausted=False),
]  # fmt: skip


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_refusals(error: Exception) -> None:
    """Guarantees: the table of refusals says what the receivers answer."""
    from google.rpc import code_pb2

    answer = answer_for(error)
    rows = tables("docs/configuration.md", "says whether to come again:")
    (row,) = [row for row in rows if answer.reason in names(row[0])]
    assert row[2:4] == [code_pb2.Code.Name(answer.code), str(answer.http)]
    assert row[4] == ("no" if answer.retry_after is None else "yes")


def test_every_page_is_linked() -> None:
    """Guarantees: no page can be found only by who knows its name."""
    for page, path in PAGES.items():
        others = [other for other in PAGES if other not in (page, "README.md")]
        from_others = {(PAGES[other].parent / t.partition("#")[0]).resolve() for other in others for t in links(other)}
        from_readme = {(ROOT / target.partition("#")[0]).resolve() for target in links("README.md")}
        assert page == "README.md" or path.resolve() in from_others | from_readme, f"nothing leads to {page}"

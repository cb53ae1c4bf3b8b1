"""The reloader without a service: what becomes of a reload, what is watched, what is said of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from services import HEAD, TABLES, pipelines
from tailgate.config.changes import NeedsRestart
from tailgate.config.files import contents, named_files
from tailgate.config.loader import load
from tailgate.config.model import Configuration
from tailgate.config.reloading import Reloader
from tailgate.telemetry import logs

TEXT = """
processors:
  scrub: {rules: scrubbing.yaml}
  tail_sampling: {evaluation: ordered, default: %s}
exporters: {memory: }
"""


class Desk:
    """Files, a reloader over them, and whoever takes configurations over."""

    def __init__(self, folder: Path) -> None:
        self.file, self.rules, self.key = folder / "main.yaml", folder / "scrubbing.yaml", folder / "key"
        self.key.write_text("k" * 32)
        self.rules.write_text(f"hmac: {{key_file: {self.key}}}\nkeys: [{{pattern: user, action: hmac}}]\n")
        self.write("keep")
        self.now, self.taken, self.refusal = 1 << 61, list[Configuration](), None  # all files are at rest
        self.reloader = Reloader(self.load(), self.load, self.apply, lambda: self.now)

    def write(self, default: str) -> None:
        self.file.write_text(HEAD + TEXT % default + pipelines("scrub, tail_sampling"), encoding="utf-8")

    def load(self) -> Configuration:
        return load([self.file], TABLES, {})

    async def apply(self, config: Configuration) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.taken.append(config)

    def reload(self) -> str:
        return asyncio.run(self.reloader.reload("test"))

    def changed(self) -> bool:
        """Whether watching would reload: two looks."""
        look = self.reloader._watch.look
        return any(self.reloader._debounce.look(look(self.reloader._files, self.now)) for _ in range(2))

    def samples(self) -> dict[str, float]:
        return {sample.name + sample.labels.get("result", ""): sample.value for sample in self.reloader.samples()}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def log() -> Iterator[StringIO]:
    stream = StringIO()
    logs.configure("info", stream)
    yield stream
    logs.configure()


def lines(log: StringIO) -> list[dict]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_what_is_new_is_taken_over(desk: Desk, log: StringIO) -> None:
    """Guarantees: it is applied once, and is then what is in effect: hash, metrics, log."""
    before = desk.reloader.hash
    desk.write("drop")
    desk.now += 1_000_000_000
    assert desk.reload() == "success"
    assert [config.hash for config in desk.taken] == [desk.reloader.hash] != [before]
    samples = desk.samples()
    assert samples["tailgate_config_reloadssuccess"] == samples["tailgate_config_last_reload_successful"] == 1
    assert samples["tailgate_config_last_reload_success_timestamp_seconds"] == desk.now / 1e9
    assert [(line["event"], line["before"], line["config"]) for line in lines(log)] == [
        ("reloaded", before, desk.reloader.hash)
    ]


def test_what_says_the_same_is_not_taken_over(desk: Desk) -> None:
    """Scenario: other blanks, another comment. Guarantees: nobody is disturbed."""
    desk.file.write_text(desk.file.read_text() + "\n# nothing\n")
    assert desk.reload() == "unchanged"
    assert desk.taken == []


@pytest.mark.parametrize("what", ["main", "rules", "key"])
def test_all_files_count(desk: Desk, what: str) -> None:
    """Guarantees: the configuration, its rule files and the keys that they name are watched, and each is a reason."""
    assert not desk.changed()
    if what == "main":
        desk.write("drop")
    elif what == "rules":
        desk.rules.write_text(desk.rules.read_text().replace("user", "name"))
    else:
        desk.key.write_text("another key that has 32 bytes or more")
    assert desk.changed()
    assert desk.reload() == "success"
    assert not desk.changed()


def test_a_secret_is_swapped_as_kubernetes_does_it(tmp_path: Path, log: StringIO) -> None:
    """Scenario: the key is a file of a mounted Secret: a link into a folder that is a link, which is replaced.

    Guarantees: the new key is taken over, and neither of them is logged.
    """
    for name, letter in (("..1", "k"), ("..2", "n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(letter * 32)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "key").symlink_to("..data/key")
    desk = Desk(tmp_path)
    assert not desk.changed()
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert desk.changed()
    assert desk.reload() == "success"
    assert len(desk.taken) == 1
    (tmp_path / "..2" / "key").write_text("short")
    desk.refusal = ValueError("hmac.key_file: the key has 5 bytes, expected at least 32")
    assert desk.reload() == "failure"
    assert "kkkk" not in log.getvalue()
    assert "nnnn" not in log.getvalue()


def test_errors_are_told_whole_and_nothing_changes(desk: Desk, log: StringIO) -> None:
    """Guarantees: the problems as `validate` writes them, the old configuration, the gauge; then it is mended."""
    before = desk.reloader.config
    desk.write("kep")
    desk.rules.write_text("pakcs: []\n")
    assert desk.reload() == "failure"
    assert desk.taken == []
    assert desk.reloader.config is before
    assert desk.samples()["tailgate_config_last_reload_successful"] == 0
    [line] = lines(log)
    assert line["event"] == "reload_failed"
    assert [text.split(": ")[0] for text in line["problems"]] == [
        f"{desk.file}:5:49 processors.tail_sampling.default",
        f"{desk.rules}:1:1 pakcs",
    ]
    assert not desk.changed(), "the same mistake is told once"
    desk.write("keep")
    desk.rules.write_text("packs: []\n")
    assert desk.changed()
    assert desk.reload() == "success"
    assert desk.samples()["tailgate_config_last_reload_successful"] == 1


def test_a_file_that_was_missing_is_watched(desk: Desk) -> None:
    """Scenario: the configuration names a file that is not there yet. Guarantees: it coming is a change."""
    desk.file.write_text(desk.file.read_text().replace("scrubbing.yaml", "other.yaml"))
    assert desk.reload() == "failure"
    (desk.file.parent / "other.yaml").write_text("packs: []\n")
    assert desk.changed()
    assert desk.reload() == "success"


@pytest.mark.parametrize(
    ("refusal", "result"),
    [
        (NeedsRestart("receivers.otlp changes"), "needs_restart"),
        (ValueError("hmac: no key"), "failure"),
        (OSError("no certificate"), "failure"),
    ],
)
def test_what_cannot_be_taken_over(desk: Desk, log: StringIO, refusal: Exception, result: str) -> None:
    """Guarantees: it is said and counted; what is in effect stays; going back is no reload."""
    before = desk.reloader.config
    desk.refusal = refusal
    desk.write("drop")
    assert desk.reload() == result
    assert desk.samples()[f"tailgate_config_reloads{result}"] == 1
    assert str(refusal) in log.getvalue()
    desk.refusal = None
    desk.write("keep")
    assert desk.reload() == "unchanged"
    assert desk.reloader.config is before
    assert desk.samples()["tailgate_config_last_reload_successful"] == 1


def test_a_defect_does_not_end_the_watching(desk: Desk, log: StringIO) -> None:
    """Scenario: taking over raises what nobody expects. Guarantees: it is logged; the next change is taken over."""

    async def watched() -> None:
        task = asyncio.get_running_loop().create_task(desk.reloader.watch(0.001))
        for refusal, default in ((RuntimeError("a defect"), "drop"), (None, "1%")):
            desk.refusal = refusal
            desk.write(default)
            for _ in range(2000):
                if desk.taken if refusal is None else "a defect" in log.getvalue():
                    break
                await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(watched())
    assert len(desk.taken) == 1


def test_what_changed_since_the_start_began_is_looked_at_again(desk: Desk) -> None:
    """Scenario: a file changes between the first load and the first look. Guarantees: that is a change."""
    desk.reloader = Reloader(desk.load(), desk.load, desk.apply, lambda: desk.now, since=desk.file.stat().st_ctime_ns)
    assert desk.changed()
    assert desk.reload() == "unchanged"
    assert not desk.changed()


def test_one_reload_at_a_time(desk: Desk) -> None:
    """Scenario: SIGHUP while a reload is under way. Guarantees: they follow each other."""
    running = most = 0

    async def apply(_: Configuration) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        desk.write(f"{running}%")
        await asyncio.sleep(0)
        running -= 1

    async def three() -> None:
        desk.write("2%")
        await asyncio.gather(*(reloader.reload("test") for _ in range(3)))

    reloader = Reloader(desk.load(), desk.load, apply, lambda: desk.now)
    asyncio.run(three())
    assert (most, sum(reloader.results.values())) == (1, 3)


def test_named_files(desk: Desk) -> None:
    """Guarantees: texts under keys that end in `_file`, wherever they stand; a lost one has no content."""
    config = desk.load()
    assert config.files == (str(desk.file), str(desk.rules), str(desk.key))
    assert list(named_files([{"x": config.processors["scrub"].config}, "key_file"])) == [str(desk.key)]
    [(name, before)] = contents([str(desk.key)] * 2)
    desk.key.unlink()
    assert contents([name]) == ((name, ""),)
    assert before

"""docs/mistakes.md: each example gives the very message beneath it, and what it says to write instead mends it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from tailgate.cli import main
from tailgate.config.loader import shipped_paths

from .doc_pages import text

_SECTION = re.compile(
    r"^## (?P<title>[^\n]+)\n\n```yml\n(?P<file># (?P<kind>\S+)\n.*?)```\n\n"
    r"(?P<said>(?:    [^\n]+\n)+)\n(?P<mend>(?:[^\n]+\n)+)",
    re.MULTILINE | re.DOTALL,
)
_LINE = re.compile(r"line (\d+) is `([^`]+)`\.")
_BEFORE = re.compile(r"before line (\d+) stands `([^`]+)`\.")
_OUT = re.compile(r"line (\d+) is left out\.")


@dataclass
class Mistake:
    """One section of the page."""

    title: str
    kind: str
    file: str
    said: list[str]
    mend: str

    @property
    def name(self) -> str:
        return self.kind if self.kind.endswith(".yaml") else f"{self.kind}.yaml"

    def mended(self) -> str:
        """The file with what the page says to write instead."""
        lines: list[str | None] = list(self.file.splitlines())
        for number, line in _LINE.findall(self.mend):
            lines[int(number) - 1] = line
        for number in _OUT.findall(self.mend):
            lines[int(number) - 1] = None
        for number, line in _BEFORE.findall(self.mend):
            lines.insert(int(number) - 1, line)
        return "".join(f"{line}\n" for line in lines if line is not None)

    def touched(self) -> set[int]:
        """The lines that the page says to change."""
        found = [*_LINE.findall(self.mend), *_BEFORE.findall(self.mend)]
        return {int(number) for number, _ in found} | {int(number) for number in _OUT.findall(self.mend)}


MISTAKES = [
    Mistake(m["title"], m["kind"], m["file"], [line[4:] for line in m["said"].splitlines()], m["mend"])
    for m in _SECTION.finditer(text("docs/mistakes.md"))
]


def validate(mistake: Mistake, content: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """What `tailgate validate` says of a file of this name."""
    Path(mistake.name).write_text(content, encoding="utf-8")
    below = [f"--config={shipped_paths({})[0]}"] if mistake.kind == "overlay.yaml" else []
    code = main(["validate", *below, f"--config={mistake.name}"])
    lines = capsys.readouterr().err.splitlines()
    return code, [line for line in lines if line.startswith(mistake.name)]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_the_message(
    mistake: Mistake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scenario: somebody makes the mistake. Guarantees: the message is word for word what the page says, and points at
    a line that the page says to change, or at the key above it; changed so, the file is valid.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAILGATE_KERNEL", "reference")
    monkeypatch.delenv("TAILGATE_REQUIRE_KERNEL", raising=False)
    assert validate(mistake, mistake.file, capsys) == (1, mistake.said)
    pointed = {int(line.split(":")[1]) for line in mistake.said}
    assert pointed <= mistake.touched() | {line - 1 for line in mistake.touched()}
    assert mistake.mended() != mistake.file
    assert validate(mistake, mistake.mended(), capsys) == (0, [])


def test_the_page_has_them() -> None:
    """Guarantees: the page is read whole, at least twenty mistakes, and every section is one."""
    assert len(MISTAKES) >= 20
    assert [m.title for m in MISTAKES] == re.findall(r"^## (.+)$", text("docs/mistakes.md"), re.MULTILINE)

"""What is wrong with a configuration, and where: `file:line:column path: what is wrong, what was expected`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_ESCAPED = {code: repr(chr(code))[1:-1] for code in range(32)}
"""Keys and values are quoted in messages, and a message is one line."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong (an error) or suspicious (a warning) at one place of one file."""

    file: str
    line: int
    """From 1; 0 when the whole file is meant (it cannot be read)."""
    column: int
    """From 1, in characters."""
    path: str
    """The path inside that file, such as `exporters.otlp.endpoint` or `policies[2].rate`; empty for the top."""
    message: str
    severity: Literal["error", "warning"] = "error"
    code: str = ""
    """Of a warning: what it is about, for `--ignore`; `docs/lints.md` has them all."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        path = f" {self.path}:" if self.path else "" if self.line else ":"
        code = f"[{self.code}]" if self.code else ""
        warning = f" warning{code}:" if self.severity == "warning" else ""
        return f"{place}{path}{warning} {self.message}".translate(_ESCAPED)


class ConfigErrors(Exception):
    """Everything that is wrong with a configuration, all at once; its text has one problem a line."""

    def __init__(self, problems: Iterable[Problem], files: Iterable[str] = ()) -> None:
        """Keep the problems in order of file and position; warnings may be among them. `files`: all that were read."""
        self.files = tuple(files)
        self.problems = sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line, p.column, p.path))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class BuildError(ValueError):
    """A configuration that is valid cannot be built; its text is the problem, with its place."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        self.problem = problem
        super().__init__(str(problem))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the known word that is closest to `word`, or nothing."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if not close:
        folded = {name.lower().replace("-", "_"): name for name in names}
        close = [folded[fold] for fold in difflib.get_close_matches(word.lower().replace("-", "_"), folded, 1, 0.7)]
    if not close and len(word) > 2:
        inside = [name for name in names if word.lower() in name.lower()]
        close = inside if len(inside) == 1 else []
    return f"; did you mean {close[0]!r}?" if close else ""


def one_of(known: Iterable[str]) -> str:
    """Return `'a', 'b' or 'c'`, sorted; `none` when there are none."""
    names = [repr(name) for name in sorted(set(known))]
    if len(names) < 2:
        return names[0] if names else "none"
    return f"{', '.join(names[:-1])} or {names[-1]}"

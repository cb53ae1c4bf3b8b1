"""Regular expressions as people write them in rule files: RE2 syntax, checked when the file is read."""

from __future__ import annotations

import re
from typing import Annotated

import re2
from pydantic import AfterValidator

MAX_LENGTH = 8192
"""Characters of one pattern."""

_ESCAPES = re.compile(r"\\(Q.*?(?:\\E|\Z)|.)", re.DOTALL)
_LOOKAROUND = re.compile(r"\(\?(?:=|!|<=|<!)")
_BACKREFERENCE = re.compile(r"\\[1-9]|\(\?P=")


def check_pattern(text: str) -> str:
    """Return the pattern when RE2 accepts it; else ValueError with RE2's reason and, where it helps, what to do."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"the pattern has {len(text)} characters: at most {MAX_LENGTH} are allowed")
    if any(found[1] == "C" for found in _ESCAPES.finditer(text)):
        raise ValueError(f"{text!r} uses \\C, which would split characters: expected . or a class")
    try:
        _compiled(text)
    except re2.error as error:
        raise ValueError(f"{text!r} is no RE2 pattern: {_reason(error)}{_advice(text)}") from None
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is no RE2 pattern: it has characters that are no Unicode text") from None
    return text


def group_names(text: str) -> list[str | None]:
    """Return the name of each group of a valid pattern, in order; None for a group without one."""
    compiled = _compiled(text)
    names = {number: name for name, number in compiled.groupindex.items()}
    return [names.get(number) for number in range(1, compiled.groups + 1)]


def found(pattern: str, text: str) -> bool:
    """Return whether a valid pattern is found anywhere in the text, as the kernel would search it."""
    return _compiled(pattern).search(text) is not None


def exactly(texts: list[str]) -> str:
    """Return a pattern that matches these texts as a whole and nothing else."""
    return f"\\A(?:{'|'.join(re2.escape(text) for text in texts)})\\z"


def _compiled(text: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(text, options)


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _advice(text: str) -> str:
    if _LOOKAROUND.search(text):
        return " (RE2 has no look-around)"
    if _BACKREFERENCE.search(text):
        return " (RE2 has no back-references)"
    return ""


Pattern = Annotated[str, AfterValidator(check_pattern)]
"""A configuration field that holds an RE2 pattern; it is searched for anywhere unless anchored."""

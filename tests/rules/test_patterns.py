"""Patterns are RE2's, checked when a rule file is read."""

import pytest
from pydantic import BaseModel, ValidationError
from tailgate.rules.patterns import Pattern, check_pattern, exactly, found, group_names


@pytest.mark.parametrize("text", ["", "a", r"^\d+$", r"\\C", r"\Q\C\E", r"\pL", "(?i)x", "(?P<a>x)|(?<b>y)", "é€"])
def test_accepted(text):
    """What RE2 accepts comes back unchanged; a C after an escaped backslash, or quoted, is no \\C."""
    assert check_pattern(text) == text


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("(", "missing )"),
        ("[z-a]", "invalid character class range"),
        ("(?=x)", "RE2 has no look-around"),
        (r"(a)\1", "RE2 has no back-references"),
        ("a{9999}", "repetition"),
        (r"\C", "expected . or a class"),
        (r"a\\\C", "expected . or a class"),
        (r"\Qx\E\C", "expected . or a class"),
        (r"\\Q\C", "expected . or a class"),
        ("\ud800", "no Unicode text"),
        ("a" * 8193, "at most 8192"),
    ],
)
def test_refused(text, part):
    """What RE2 refuses is a ValueError with its reason, and \\C is refused though RE2 would take it."""
    with pytest.raises(ValueError, match=r".") as caught:
        check_pattern(text)
    assert part in str(caught.value)


def test_nothing_is_printed_by_the_library(capfd):
    """RE2 can log to stderr by itself; a bad pattern is reported once, by us."""
    with pytest.raises(ValueError, match="missing"):
        check_pattern("(")
    assert capfd.readouterr() == ("", "")


def test_groups():
    """Groups are told by name, unnamed ones by None, in the order of their numbers."""
    assert group_names("(?P<b>x)(y)(?P<a>z)") == ["b", None, "a"]
    assert group_names("(?:x)") == []


def test_found_is_unanchored():
    """A pattern is searched for anywhere, as the kernel does."""
    assert found("b", "abc")
    assert not found("^b", "abc")


@pytest.mark.parametrize("text", ["", "a.b", "x|y", "(", "a\nb", "é", "\0", "$^", "a\\b"])
def test_exactly(text):
    """A quoted text matches itself and neither more nor less."""
    pattern = check_pattern(exactly(["other", text]))
    assert found(pattern, text)
    assert not found(pattern, text + "\n")
    assert not found(pattern, "z" + text)


def test_field():
    """As a configuration field a bad pattern is a validation error."""

    class Rules(BaseModel):
        pattern: Pattern

    assert Rules.model_validate({"pattern": "a+"}).pattern == "a+"
    with pytest.raises(ValidationError, match="missing"):
        Rules.model_validate({"pattern": "("})

"""Environment variables are substituted as the collector does it."""

import pytest
from tailgate.config.environment import expand
from tailgate.config.tree import parse, plain

ENV = {
    "NAME": "checkout",
    "PORT": "8888",
    "RATIO": "0.5",
    "YES": "true",
    "LIST": "[a, 2]",
    "MAP": "{a: 1}",
    "EMPTY": "",
    "ZEROS": "0123",
    "HASH": "# not a comment",
    "BROKEN": "[a",
    "OUTER": "${env:NAME}",
    "DOLLARS": "a$$b",
    "LOOP": "x${env:LOOP}",
}


def expanded(text, env=ENV):
    """(the value of key `v`, the messages)"""
    problems = []
    tree = parse(text, "c.yaml", problems)
    result = plain(expand(tree, env, problems))
    return result["v"], [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${env:NAME}", "checkout"),
        ("${NAME}", "checkout"),
        ("'${env:NAME}'", "checkout"),
        ("${env:NAME:-other}", "checkout"),
        ("${env:UNSET:-other}", "other"),
        ("${UNSET:-other}", "other"),
        ("${env:UNSET:-}", ""),
        ("${env:UNSET:-a:-b}", "a:-b"),
        ("${env:EMPTY:-other}", None),  # set, though empty: the default is for what is not set
        ("${env:UNSET:-${env:NAME}}", "checkout"),
        ("${env:PORT}", 8888),
        ("${env:UNSET:-8888}", 8888),
        ("${env:RATIO}", 0.5),
        ("${env:YES}", True),
        ("${env:LIST}", ["a", 2]),
        ("${env:MAP}", {"a": 1}),
        ("${env:BROKEN}", "[a"),
        ("${env:HASH}", "# not a comment"),
        ("${env:OUTER}", "checkout"),
        ("http://${env:NAME}:${env:PORT}/v1", "http://checkout:8888/v1"),
        ("0${env:PORT}", "08888"),
        ("${env:NAME}-${env:NAME}", "checkout-checkout"),
        ("${env:DOLLARS}", "a$b"),
        ("$$", "$"),
        ("$${env:NAME}", "${env:NAME}"),
        ("$$$${env:NAME}", "$${env:NAME}"),
        ("$$${env:NAME}", "$checkout"),
        ("$NAME", "$NAME"),
        ("a$", "a$"),
        ("'^[a-z]+$'", "^[a-z]+$"),
        (r"'^\d{3}$|^x{2}$'", r"^\d{3}$|^x{2}$"),
        ("'}{'", "}{"),
    ],
)
def test_a_substitution(written, value):
    """What a reference becomes, with its YAML type when it stands alone and as text inside a text."""
    result, problems = expanded(f"v: {written}")
    assert (result, type(result).__mro__[-2] if value is not None else None) == (
        value,
        type(value).__mro__[-2] if value is not None else None,
    )
    assert problems == []


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("'${'", "a '${' has no '}'; write '$${' for the two characters themselves"),
        ("'${env:NAME'", "a '${' has no '}'; write '$${' for the two characters themselves"),
        ("'x ${env:UNSET:-${env:NAME} y'", "a '${' has no '}'; write '$${' for the two characters themselves"),
        ("'${}'", "'${}' names no environment variable; write '$${' for the two characters themselves"),
        ("'${1X}'", "'${1X}' names no environment variable; write '$${' for the two characters themselves"),
        ("'${env:A-B}'", "'A-B' is no name of an environment variable, expected letters, digits and '_'"),
        ("'${env:}'", "'' is no name of an environment variable, expected letters, digits and '_'"),
        (
            "'${file:/etc/passwd}'",
            "'${file:...}' is not supported, only env: is; expected '${env:NAME}' or '${env:NAME:-default}'",
        ),
        (
            "'${NAME:default}'",
            "'${NAME:...}' is not supported, only env: is; expected '${env:NAME}' or '${env:NAME:-default}'",
        ),
        ("'${env:LOOP}'", "the variables refer to each other without end"),
    ],
)
def test_a_reference_that_cannot_be_resolved(written, message):
    """It is an error at the value."""
    assert expanded(f"v: {written}")[1] == [f"c.yaml:1:4 v: {message}"]


def test_the_value_of_a_variable_is_not_in_the_message():
    """A secret that happens to look like a reference is not repeated."""
    (message,) = expanded("v: ${env:SECRET}", {"SECRET": "hunter${2}"})[1]
    assert "hunter" not in message
    assert "${2}" not in message


def test_an_unset_variable_is_empty_with_a_warning():
    """As in the collector; the warning says where."""
    assert expanded("v: a${env:UNSET}b") == (
        "ab",
        ["c.yaml:1:4 v: warning: the environment variable UNSET is not set, so this is empty"],
    )
    assert expanded("v: ${env:UNSET}")[0] is None


def test_a_variable_that_is_not_utf8_is_refused():
    """The environment may hold any bytes; what is no text is an error."""
    assert expanded("v: ${env:BYTES}", {"BYTES": "\udcff"})[1] == ["c.yaml:1:4 v: the variable's value is not UTF-8"]


def test_growth_is_bounded():
    """Variables that double each other a hundred times stop at a bound."""
    env = {f"A{i}": f"${{env:A{i + 1}}}" * 2 for i in range(90)} | {"A90": "x"}
    assert expanded("v: ${env:A0}", env)[1] == ["c.yaml:1:4 v: the variables refer to each other without end"]


def test_keys_and_comments_are_left_alone():
    """Only values are substituted."""
    assert expanded("v: {'${env:NAME}': 1} # ${env:UNSET}") == ({"${env:NAME}": 1}, [])


@pytest.mark.parametrize("text", ["0123", "1e5", "true", "null", "2026-01-01", "[a]", "{a: b}", "# x", ""])
def test_a_field_for_text_gets_the_text_as_it_stands(read, whole, text):
    """A password that looks like a number, a list or a comment reaches the field unchanged."""
    changed = whole.replace("scrub: {}", "scrub:\n    hmac_key: ${env:KEY}\n    note: ${env:KEY}")
    config = read(changed, {"KEY": text}).processors["scrub"].config
    assert config.note == text
    if text in ("", "null"):  # the key may be left out, and nothing is as if it were
        assert config.hmac_key is None
    else:
        assert config.hmac_key.get_secret_value() == text


def test_a_number_from_the_environment_keeps_its_text():
    """A model that turns a header's number into text itself gets the digits that were set, not the number's."""
    assert str(expanded("v: ${env:ZEROS}")[0]) == "0123"
    assert expanded("v: ${env:ZEROS}")[0] == 0o123


def test_an_empty_variable_leaves_the_default(read, whole):
    """For a number nothing is as if the key were not written; for text it is the empty text."""
    text = whole.replace("scrub: {}", "scrub:\n    rate: ${env:UNSET}\n    note: ${env:UNSET}")
    config = read(text).processors["scrub"].config
    assert (config.rate, config.note) == (1, "")


def test_one_warning_a_place(read, whole):
    """A variable that stands twice in one value is reported once."""
    warnings = read(whole.replace("scrub: {}", "scrub: {note: '${env:UNSET}${env:UNSET}'}")).warnings
    assert [warning.message for warning in warnings] == ["the environment variable UNSET is not set, so this is empty"]

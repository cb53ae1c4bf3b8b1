"""The collector's include and exclude, as its code (not its documentation) treats them."""

import pytest
from pydantic import ValidationError
from tailgate.rules.matchers import SpanMatcher, compile_matchers

CHECKOUT = {
    "name": "GET /cart/7",
    "kind": 2,
    "scope": "http",
    "version": "1.2",
    "resource": {"service.name": "checkout", "region": "eu"},
    "attributes": {"n": 1, "d": 1.0, "big": 2.5e20, "s": "text", "yes": True, "list": ["text"], "empty": ""},
}
BARE = {"name": "x"}

CASES = [
    # (matcher without match_type, matches in strict mode, matches in regexp mode) on CHECKOUT
    ({"services": ["checkout"]}, True, True),
    ({"services": ["check"]}, False, True),
    ({"services": ["cart", "checkout"]}, True, True),
    ({"services": ["^c$"]}, False, False),
    ({"span_names": ["GET /cart/7"]}, True, True),
    ({"span_names": ["cart"]}, False, True),
    ({"span_names": ["nothing", "^GET"]}, False, True),
    ({"span_kinds": ["SPAN_KIND_SERVER"]}, True, True),
    ({"span_kinds": ["SERVER"]}, False, True),
    ({"span_kinds": ["SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER"]}, False, False),
    ({"attributes": [{"key": "s", "value": "text"}]}, True, True),
    ({"attributes": [{"key": "s", "value": "ex"}]}, False, True),
    ({"attributes": [{"key": "s"}]}, True, True),
    ({"attributes": [{"key": "missing"}]}, False, False),
    ({"attributes": [{"key": "region"}]}, False, False),
    ({"attributes": [{"key": "n", "value": "1"}]}, False, True),
    ({"attributes": [{"key": "d", "value": "^1$"}]}, False, True),
    ({"attributes": [{"key": "big", "value": "^250000000000000000000$"}]}, False, True),
    ({"attributes": [{"key": "yes", "value": "true"}]}, False, True),
    ({"attributes": [{"key": "list", "value": "text"}]}, False, False),
    ({"attributes": [{"key": "list"}]}, True, True),
    ({"attributes": [{"key": "empty", "value": ""}]}, True, True),
    ({"attributes": [{"key": "s", "value": "text"}, {"key": "missing"}]}, False, False),
    ({"resources": [{"key": "region", "value": "eu"}]}, True, True),
    ({"resources": [{"key": "s", "value": "text"}]}, False, False),
    ({"resources": [{"key": "region", "value": "eu"}, {"key": "region", "value": "us"}]}, False, False),
    ({"libraries": [{"name": "http"}]}, True, True),
    ({"libraries": [{"name": "http", "version": "1.2"}]}, True, True),
    ({"libraries": [{"name": "http", "version": "1"}]}, False, True),
    ({"libraries": [{"name": "http", "version": ""}]}, False, True),
    ({"libraries": [{"name": "http"}, {"name": "grpc"}]}, False, False),
    ({"services": ["checkout"], "span_names": ["other"]}, False, False),
    ({"services": ["checkout"], "attributes": [{"key": "s"}]}, True, True),
]
TYPED = [
    ({"key": "n", "value": 1}, True),
    ({"key": "n", "value": 1.0}, False),
    ({"key": "d", "value": 1.0}, True),
    ({"key": "d", "value": 1}, False),
    ({"key": "yes", "value": True}, True),
    ({"key": "n", "value": True}, False),
]


def matcher(given, match_type="strict"):
    return SpanMatcher.model_validate({"match_type": match_type, **given})


@pytest.mark.parametrize("match_type", ["strict", "regexp"])
@pytest.mark.parametrize(("given", "strict", "regexp"), CASES, ids=[str(case[0]) for case in CASES])
def test_one_matcher(judge_expression, given, strict, regexp, match_type):
    """Each list in both modes on one span: what is ORed, what is ANDed, what has its type or its text compared."""
    expected = strict if match_type == "strict" else regexp
    assert judge_expression(matcher(given, match_type).expression(), CHECKOUT) is expected


@pytest.mark.parametrize(("item", "expected"), TYPED, ids=[str(case[0]) for case in TYPED])
def test_strict_compares_type_and_value(judge_expression, item, expected):
    """In strict mode the integer 1 is not the double 1.0."""
    assert judge_expression(matcher({"attributes": [item]}).expression(), CHECKOUT) is expected


@pytest.mark.parametrize(
    ("match_type", "service", "expected"),
    [
        ("strict", "<nil-service-name>", True),
        ("strict", "checkout", False),
        ("regexp", "nil", True),
        ("regexp", "", True),
        ("regexp", "^checkout", False),
    ],
)
def test_a_missing_service_has_the_collectors_name(judge_expression, match_type, service, expected):
    """Without service.name the collector compares with its own placeholder."""
    assert judge_expression(matcher({"services": [service]}, match_type).expression(), BARE) is expected


def test_a_service_that_is_a_number_is_compared_by_its_text(judge_expression):
    """The collector takes service.name as a string, whatever its type."""
    expression = matcher({"services": ["7"]}).expression()
    assert judge_expression(expression, {"resource": {"service.name": 7}})


@pytest.mark.parametrize(("kind", "pattern", "expected"), [(99, "^$", True), (99, "SPAN", False), (0, "UNSPEC", True)])
def test_kinds_that_do_not_exist(judge_expression, kind, pattern, expected):
    """A kind beyond the enumeration has an empty name; 0 is UNSPECIFIED."""
    assert judge_expression(matcher({"span_kinds": [pattern]}, "regexp").expression(), {"kind": kind}) is expected


def test_include_then_exclude(judge_expression):
    """A span is acted on when it is included and not excluded; without either, always."""
    cart, get = matcher({"services": ["checkout"]}), matcher({"span_names": ["GET /cart/7"]})
    other = {**CHECKOUT, "name": "other"}
    assert compile_matchers(None, None) is None
    for include, exclude, expected in [
        (cart, None, [True, True]),
        (None, get, [False, True]),
        (cart, get, [False, True]),
        (get, cart, [False, False]),
    ]:
        expression = compile_matchers(include, exclude)
        assert [judge_expression(expression, span) for span in (CHECKOUT, other)] == expected


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"match_type": "strict"}, "at least one of"),
        ({"services": ["x"]}, "match_type"),
        ({"match_type": "glob", "services": ["x"]}, "match_type"),
        ({"match_type": "regexp", "services": ["("]}, "missing )"),
        ({"match_type": "regexp", "libraries": [{"name": "x", "version": "("}]}, "missing )"),
        ({"match_type": "regexp", "attributes": [{"key": "a", "value": "("}]}, "missing )"),
        ({"match_type": "regexp", "attributes": [{"key": "a", "value": 1}]}, "put it in quotes"),
        ({"match_type": "strict", "attributes": [{"key": "a", "value": [1]}]}, "list or a map"),
        ({"match_type": "strict", "attributes": [{"key": "a", "value": 1 << 63}]}, "64 bits"),
        ({"match_type": "strict", "attributes": [{"key": ""}]}, "key"),
        ({"match_type": "strict", "services": ["x"], "log_bodies": ["x"]}, "cannot be used on spans"),
        ({"match_type": "strict", "service": ["x"]}, "service"),
    ],
)
def test_refused(given, part):
    """What the collector refuses is refused, and what could not be compared is refused instead of never matching."""
    with pytest.raises(ValidationError) as caught:
        SpanMatcher.model_validate(given)
    assert part in str(caught.value)


def test_the_collectors_cache_settings_are_accepted():
    """`regexp:` tunes a cache that is not needed here; configurations with it load."""
    given = {"match_type": "regexp", "regexp": {"cacheenabled": True, "cachemaxnumentries": 9}, "services": ["x"]}
    assert SpanMatcher.model_validate(given).services == ["x"]

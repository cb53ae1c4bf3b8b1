"""Texts of a known form in a scrub stage: URLs, SQL, commands of Redis and Memcached, JSON."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_helpers import first_span, pairs, request, rule, run, scrub, span, span_attributes, spec
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tailgate.kernel import load, why_not_rust
from tailgate.kernel.contract import BadProgram

URLS = [
    ("/users/12345/cart/a8f0e2b4c9d7", "/users/*/cart/*"),
    ("GET /users/12345?token=x", "GET /users/*"),
    ("https://u:p@shop.example:8443/v1/items/9#top", "https://shop.example:8443/v1/items/*"),
    ("/v1/fdklsd/j4elk/user_space/hello.world/", "/v1/*/j4elk/user_space/hello.world/"),
    ("/a/550e8400-e29b-41d4-a716-446655440000//b", "/a/*//b"),
    ("/" + "ab" * 17, "/*"),
    ("/é", "/*"),
    ("//x/5", "//x/*"),
    ("", ""),
]
SQL = [
    ("mysql", "SELECT * FROM users WHERE name = 'bob' AND age > 30", "SELECT * FROM users WHERE name = ? AND age > ?"),
    ("mysql", r"""a = 'it\'s', "x""y" # hers""", "a = ? "),
    ("postgresql", r"""a = 'it''s\' AND "Col" = E'x\'y' -- 7""", 'a = ? AND "Col" = ? '),
    ("postgresql", "f($1, $$ a'b $$, $t$ $$ $t$, :2)", "f($1, ?, :2)"),
    ("postgresql", "a /* b /* 'c */ d */ e", "a   e"),
    ("mysql", "a /* b /* 'c */ d", "a   d"),
    (
        "mssql",
        "SELECT [a'b], N'x' FROM [t1] WHERE i IN (1, 2,\n3) AND h = 0xFF",
        "SELECT [a'b], ? FROM [t1] WHERE i IN (?) AND h = ?",
    ),
    ("oracle.db", "SELECT t1.c2, -5, 1.5e-3, .5 FROM t_3", "SELECT t1.c2, -? FROM t_3"),
    ("postgresql", "X'1F', b'01', U&'\\0061', 1e+5, 1e+", "?+"),
    ("", "a = 'x\\' OR b = 'secret'", "a = ?"),
    ("", 'a = "secret"', "a = ?"),
    ("", "a = 'never closed", "a = ?"),
    ("", "a = $x$ never closed $y$", "a = ?"),
    ("sqlite", 'a = "never closed', "a = ?"),
    ("mysql", "`a'b` = 'c'", "`a'b` = ?"),
    ("", "/* never closed 'x", " "),
    ("", "VALUES (1, 'a'), (2, 'b')", "VALUES (?), (?)"),
]
REDIS = [
    ("SET user:12 bob", "SET user:12 ?"),
    ("GET user:12", "GET user:12"),
    ("AUTH name password", "AUTH ?"),
    ("auth password", "auth ?"),
    ('SET "my key" v', "SET ?"),
    ("MULTI\nSET a b\n\nEXEC", "MULTI\nSET a ?\n\nEXEC"),
    ("", ""),
]
MEMCACHED = [("set k 0 60 5\r\nvalue\r\n", "set k 0 60 5"), ("get k", "get k"), ("get k\r", "get k\r")]
JSON = [
    ('{"find": "users", "filter": {"age": [30, true, null]}}', '{"find": "?", "filter": {"age": ["?", "?", "?"]}}'),
    (" [ ] ", " [ ] "),
    ('"a\\u00e9"', '"?"'),
    ("-0.5e+7", '"?"'),
    *(
        (text, text)
        for text in ('{"a":}', "[1,]", "[1 2]", '{"a" 1}', "01", "tru", '"\\x"', "[}", "{]", "", "{} {}", '"\n"')
    ),
]
CASES = [
    *(("url", "", *case) for case in URLS),
    *(("sql", *case) for case in SQL),
    *(("redis", "redis", *case) for case in REDIS),
    *(("memcached", "", *case) for case in MEMCACHED),
    *(("json", "mongodb", *case) for case in JSON),
]


def formed(kernel, values, *forms, name="", kind=Span.SPAN_KIND_CLIENT, **more):
    """Return a span after these forms."""
    data = request(span(values, name=name, kind=kind))
    return first_span(run(kernel, data, scrub(**more.pop("stage", {})) | {"forms": list(forms)} | more))


@pytest.mark.parametrize(("form", "system", "before", "after"), CASES, ids=[f"{c[0]}-{c[2][:40]!r}" for c in CASES])
def test_form(kernel, form, system, before, after):
    """Guarantees: what is particular in the text is gone, what the text is about stays."""
    out = formed(kernel, {"k": before, "db.system.name": system}, {"as": form, "key": "^k$"})
    assert pairs(out.attributes)[0] == ("k", after)


def test_which_attributes(kernel):
    """Guarantees: strings under the key, of a span that names one of the systems; not what is skipped or kept."""
    form = {"as": "sql", "key": "^q", "systems": ["mysql"]}
    values = {"q": "1", "q.n": 1, "qs": "1", "other": "1", "db.system.name": "", "db.system": "MySQL"}
    assert dict(pairs(formed(kernel, values, form, stage={"skip": "^qs"}).attributes)) == values | {"q": "?"}
    assert dict(pairs(formed(kernel, values | {"db.system.name": "redis"}, form).attributes))["q"] == "1"
    assert dict(pairs(formed(kernel, values, form, keep="^1$").attributes)) == values
    assert dict(pairs(formed(kernel, values, form, stage={"keys": [rule("^q$")]}).attributes))["q"] == "X"
    assert dict(pairs(formed(kernel, {"q": "1"}, form).attributes)) == {"q": "1"}


def test_forms_see_what_rules_left_and_are_counted(kernel):
    """Guarantees: `values` first; a form counts what it changed, a summary has it as masked."""
    stage = scrub(rule("bob")) | {
        "forms": [{"as": "redis", "key": "k"}, {"as": "url", "key": "k"}],
        "summary": "counts",
    }
    program = kernel.compile(spec([stage]))
    out = first_span(program.digest(request(span({"k": "SET /5 bob x"}))).request())
    assert pairs(out.attributes) == [("k", "SET /*"), ("redaction.masked.count", 1)]
    assert program.counters() == [1, 1, 1]


URL = {"as": "url", "key": "none", "name": True}
SQL_NAME = {"as": "sql", "key": "none", "name": True, "systems": ["mysql"]}
NAMES = [
    ("GET /users/5", {}, Span.SPAN_KIND_SERVER, "GET /users/*"),
    ("GET /users/5", {}, Span.SPAN_KIND_INTERNAL, "GET /users/5"),
    ("users5", {}, Span.SPAN_KIND_CLIENT, "users5"),
    ("a/5 b", {"http.route": ""}, Span.SPAN_KIND_CLIENT, "a/*"),
    ("/5/6/", {}, Span.SPAN_KIND_CLIENT, "/5/6/"),
    ("SELECT 5", {"db.system": "mysql"}, Span.SPAN_KIND_INTERNAL, "SELECT ?"),
    ("SELECT 5", {"db.system": "mysql"}, Span.SPAN_KIND_PRODUCER, "SELECT 5"),
    ("SELECT 5", {"db.system": "oracle"}, Span.SPAN_KIND_CLIENT, "SELECT 5"),
    ("SELECT 5", {}, Span.SPAN_KIND_CLIENT, "SELECT 5"),
    ("", {"db.system": "mysql"}, Span.SPAN_KIND_CLIENT, ""),
]


@pytest.mark.parametrize(("name", "values", "kind", "after"), NAMES)
def test_names(kernel, name, values, kind, after):
    """Guarantees: names of spans of HTTP and of databases are rewritten, unless nothing would be left of them."""
    assert formed(kernel, values, URL, SQL_NAME, name=name, kind=kind).name == after
    assert formed(kernel, values, URL, SQL_NAME, name=name, kind=kind, keep=".").name == name


WRONG = [
    {},
    {"as": "xml", "key": "k"},
    {"as": "sql"},
    {"as": "sql", "key": "("},
    {"as": "sql", "key": "k", "systems": "x"},
]
WRONG += [{"as": "sql", "key": "k", "name": 1}, {"as": "sql", "key": "k", "names": True}]


@pytest.mark.parametrize("form", WRONG, ids=str)
def test_what_is_refused(kernel, form):
    with pytest.raises(BadProgram, match=r"\w"):
        kernel.compile(spec([scrub() | {"forms": [form]}]))


PIECES = [
    "'",
    '"',
    "`",
    "[",
    "]",
    "\\",
    "--",
    "#",
    "/*",
    "*/",
    "$",
    "$t$",
    "x'",
    "E'",
    "U&'",
    "1",
    "0xF",
    ".5",
    "1e",
    "+",
]
PIECES += [
    "-",
    ",",
    " ",
    "\n",
    "\r\n",
    "a",
    "t1",
    "é",
    "?",
    ":1",
    "(",
    ")",
    "{",
    "}",
    ":",
    "true",
    "null",
    '"k"',
    "/",
    "@",
]
PIECES += ["://", "SET", "auth", "fdklsd", "\u017f", "\u212a", "\\u00e9", "0", ";", "\t", "\x0b", "\u2028"]
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
systems = st.sampled_from(["", "mysql", "postgresql", "mssql", "oracle", "sqlite", "other"])


@pytest.mark.skipif(why_not_rust() is not None, reason="there is one kernel")
@settings(max_examples=400, deadline=None)
@given(st.sampled_from(["url", "sql", "redis", "memcached", "json"]), systems, texts)
def test_both_kernels_agree(form, system, text):
    """Guarantees: the same text from both, whatever the text; a text of its form is left alone the second time."""
    stage = scrub() | {"forms": [{"as": form, "key": "k"}]}
    data = request(span({"k": text, "db.system": system}))
    first, second = (run(load(name), data, stage) for name in ("reference", "rust"))
    assert first == second


URIS = [
    # (path, allow, deny, before, after)
    (False, None, None, "https://u:p@shop.example/a/5?q=1#top", "https://shop.example/a/5?q=1#top"),
    (True, None, None, "https://u@x/users/12345/cart?q=1", "https://x/users/*/cart?q=1"),
    (False, "^page$", None, "/s?q=jane&page=2&q=", "/s?q=R&page=2&q="),
    (False, "^page$", None, "/s?page=2;q=jane#a=b&c", "/s?page=2;q=R#a=R&R"),
    (False, "^$", None, "/s?jane&&x", "/s?R&&R"),
    (False, None, "(?i)^q$", "/s?Q=jane&page=2&q&r=%20#q=1", "/s?Q=R&page=2&q&r=%20#q=R"),
    (False, "a b", None, "/s?a+b=1&a%20b=2&a%2bb=3", "/s?a+b=1&a%20b=2&a%2bb=3"),
    (False, "^é$", None, "/s?%C3%a9=1&%C3=2&%zz=3", "/s?%C3%a9=1&%C3=R&%zz=R"),
    (False, None, "^é$", "/s?%C3%a9=1&%C3=2&%C3&%zz=3", "/s?%C3%a9=R&%C3=R&%C3&%zz=3"),
    (False, "^a", "^ab", "?a=1&ab=2&b=3", "?a=1&ab=R&b=R"),
    (True, "^a$", None, "#frag/5?a=1", "#frag/5?a=R"),
    (True, "", "x", "", ""),
]


@pytest.mark.parametrize(("path", "allow", "deny", "before", "after"), URIS)
def test_uris(kernel, path, allow, deny, before, after):
    """Guarantees: user-info goes, identifiers in the path if wanted, values of parameters by their names."""
    uri = {"path": path, "text": "R", "allow": allow, "deny": deny}
    form = {"as": "uri", "key": "^k$", "uri": uri}
    assert after_form(kernel, {"k": before}, form)["k"] == after


def after_form(kernel, values, form):
    """Return a span's attributes after one form."""
    return dict(span_attributes(run(kernel, request(span(values)), scrub(forms=[form]))))


def test_queries(kernel):
    """Guarantees: where the text is a query alone, it is read from its first character on."""
    form = {"as": "query", "key": "^k$", "uri": {"path": True, "text": "R", "allow": "^page$"}}
    assert after_form(kernel, {"k": "page=2&q=a?b#c&d/e=1"}, form)["k"] == "page=2&q=R&d/e=R"


STATEMENTS = [
    ("redis", "SET a b", "SET a ?"),
    ("valkey", "SET a b", "SET a ?"),
    ("memcached", "set k 0\r\ndata", "set k 0"),
    ("mongodb", '{"find": "jane"}', '{"find": "?"}'),
    ("mongodb", '{"find": {}}', '{"find": {}}'),
    ("mongodb", 'find {"name": "jane"', "find {?: ?"),
    ("elasticsearch", '{"a": 1}\n{"b": 2}', "{?: ?}\n{?: ?}"),
    ("postgresql", "SELECT 'jane'", "SELECT ?"),
    ("", "SELECT 'jane'", "SELECT ?"),
]


@pytest.mark.parametrize(("system", "before", "after"), STATEMENTS)
def test_statements(kernel, system, before, after):
    """Guarantees: one form for every database: the system says which; what is no JSON is read as SQL."""
    form = {"as": "statement", "key": "^k$"}
    assert after_form(kernel, {"db.system.name": system, "k": before}, form)["k"] == after
    assert after_form(kernel, {"db.system.name": system, "k": after}, form)["k"] == after

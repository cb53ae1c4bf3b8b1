"""SQL without its literals: strings, numbers and comments are what people's data stands in."""

from __future__ import annotations

import re

_BACKSLASH = {
    "mysql",
    "mariadb",
    "tidb",
    "singlestore",
    "clickhouse",
    "snowflake",
    "gcp.bigquery",
    "hive",
    "spark",
    "databricks",
}
"""Systems in whose strings a backslash escapes, and in which `"` begins a string."""
_STANDARD = {
    "postgresql",
    "oracle",
    "oracle.db",
    "mssql",
    "microsoft.sql_server",
    "sqlite",
    "db2",
    "ibm.db2",
    "cockroachdb",
    "redshift",
    "aws.redshift",
    "h2",
    "h2database",
    "hsqldb",
    "derby",
    "cassandra",
    "trino",
    "firebirdsql",
    "sap.hana",
    "hanadb",
}
_BRACKETS = frozenset({"mssql", "microsoft.sql_server", "sqlite"})
_SPACE = " \t\r\n\f\v"
_DOLLAR = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$", re.ASCII)
_WORD = re.compile(r"(?:[A-Za-z_]|[^\x00-\x7f])(?:[A-Za-z0-9_$]|[^\x00-\x7f])*")
_NUMBER = re.compile(r"\.?[0-9](?:[0-9A-Za-z_.]|[^\x00-\x7f])*", re.ASCII)
_PLACEHOLDER = re.compile(r"[$:@?][0-9]+", re.ASCII)


def sql(text: str, system: str) -> str:
    """Return the statement with `?` for literals, without comments.

    `system` is what `db.system.name` says, `""` if unknown.
    """
    return _Statement(text, system).run()


class _Statement:
    def __init__(self, text: str, system: str) -> None:
        self._text = text
        self._known = system in _BACKSLASH or system in _STANDARD
        self._backslash = system in _BACKSLASH
        self._hash = system in ("mysql", "mariadb", "tidb", "singlestore")
        self._brackets = system in _BRACKETS
        self._nested = system == "postgresql"
        self._out: list[str] = []
        self._list = 0  # 1 after a literal, 2 after a literal and a comma
        self._mark = 0

    def run(self) -> str:
        position = 0
        while position < len(self._text):
            position = self._step(position)
        return "".join(self._out)

    def _step(self, at: int) -> int:
        """Take one token; return where the next one begins."""
        text, one = self._text, self._text[at]
        if one == "'" or (one == '"' and (self._backslash or not self._known)):
            return self._literal(self._string(at, self._backslash))
        if one in '"`' or (one == "[" and self._brackets):
            return self._identifier(at, "]" if one == "[" else one)
        if text.startswith("--", at) or (one == "#" and self._hash):
            return _found(text.find("\n", at), text)
        if text.startswith("/*", at):
            self._copy(" ")
            return self._comment(at)
        if tag := _DOLLAR.match(text, at):
            end = text.find(tag[0], tag.end())
            return self._literal(len(text) if end < 0 else end + len(tag[0]))
        if number := _NUMBER.match(text, at):
            return self._literal(self._number(number.end()))
        if word := _PLACEHOLDER.match(text, at) or _WORD.match(text, at):
            return self._word(at, word.end())
        self._copy(one)
        return at + 1

    def _copy(self, part: str) -> None:
        if part == "," and self._list == 1:
            self._list = 2
        elif part not in _SPACE:
            self._list = 0
        self._out.append(part)

    def _literal(self, end: int) -> int:
        """Write a literal that ends there; several in a row, with commas between them, are one."""
        if self._list == 2:
            del self._out[self._mark :]
        else:
            self._out.append("?")
        self._list, self._mark = 1, len(self._out)
        return end

    def _string(self, at: int, backslash: bool) -> int:
        """Return where the string that begins at `at` ends; where nobody can tell, at the end of the statement."""
        text, quote, position = self._text, self._text[at], at + 1
        while position < len(text):
            one, following = text[position], text[position + 1 : position + 2]
            if one == "\\" and backslash:
                position += 2
            elif one == "\\" and following == quote and not self._known:
                return len(text)
            elif one == quote and following == quote:
                position += 2
            elif one == quote:
                return position + 1
            else:
                position += 1
        return len(text)

    def _identifier(self, at: int, close: str) -> int:
        end = self._text.find(close, at + 1)
        if end < 0:
            return self._literal(len(self._text))
        self._copy(self._text[at : end + 1])
        return end + 1

    def _comment(self, at: int) -> int:
        depth, position = 1, at + 2
        while depth and position < len(self._text):
            if self._text.startswith("*/", position):
                depth, position = depth - 1, position + 2
            elif self._nested and self._text.startswith("/*", position):
                depth, position = depth + 1, position + 2
            else:
                position += 1
        return position

    def _number(self, end: int) -> int:
        """Return the end of a number with what stands behind the sign of its exponent."""
        text = self._text
        if text[end - 1] in "eE" and text[end : end + 1] in ("+", "-") and (rest := _NUMBER.match(text, end + 1)):
            return rest.end()
        return end

    def _word(self, at: int, end: int) -> int:
        word = self._text[at:end].lower()
        if word == "u" and self._text.startswith("&'", end):
            return self._literal(self._string(end + 1, False))
        if word in ("x", "b", "n", "e") and self._text.startswith("'", end):
            return self._literal(self._string(end, self._backslash or word == "e"))
        self._copy(self._text[at:end])
        return end


def _found(position: int, text: str) -> int:
    return len(text) if position < 0 else position

"""The converters of OTTL that are supported, as values of the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..kernel.contract import Expr
from . import ottl_tree as tree
from .condition_tree import PlacedError
from .durations import parse_duration
from .ottl_paths import Typed
from .patterns import check_pattern
from .suggest import did_you_mean

Compile = Callable[[tree.Node], Typed]
"""How the compiler makes a value of an argument."""

Converter = Callable[[tree.Call, "Arguments"], Typed]


class Arguments:
    """The arguments of one call, by position or by name."""

    def __init__(self, call: tree.Call, names: tuple[str, ...], compile_value: Compile) -> None:
        self._call, self._compile, self._given = call, compile_value, _by_name(call, names)

    def value(self, name: str) -> Expr:
        """Return a value. Raises PlacedError."""
        typed = self._compile(self.node(name))
        if typed.kind != "any":
            raise PlacedError(self.node(name).position, f"{self._call.name} cannot take a {typed.kind}")
        return typed.value

    def typed(self, name: str, kind: str) -> Expr:
        """Return a value that must be a time or a duration. Raises PlacedError."""
        typed = self._compile(self.node(name))
        if typed.kind != kind:
            raise PlacedError(self.node(name).position, f"{self._call.name} takes a {kind}")
        return typed.value

    def constant(self, name: str, *types: type, default: Any = ...) -> Any:
        """Return a literal of one of these types. Raises PlacedError."""
        if default is not ... and name not in self._given:
            return default
        node = self.node(name)
        if not isinstance(node, tree.Constant) or type(node.value) not in types:
            wanted = " or ".join(_NAMES[one] for one in types)
            raise PlacedError(node.position, f"{self._call.name}: {name} must be {wanted} that is written out")
        return node.value

    def items(self, name: str) -> tuple[tree.Node, ...]:
        """Return the parts of a list that is written out. Raises PlacedError."""
        node = self.node(name)
        if not isinstance(node, tree.Listed):
            raise PlacedError(node.position, f"{self._call.name}: {name} must be a list such as [name, kind]")
        return node.items

    def part(self, node: tree.Node) -> Expr:
        """Return the value of a part of a list."""
        return self._compile(node).value

    def pattern(self, name: str) -> str:
        """Return a pattern that RE2 accepts. Raises PlacedError."""
        text: str = self.constant(name, str)
        try:
            return check_pattern(text)
        except ValueError as error:
            raise PlacedError(self.node(name).position, str(error)) from None

    def node(self, name: str) -> tree.Node:
        """Return an argument as it is written. Raises PlacedError."""
        if name not in self._given:
            raise PlacedError(self._call.position, f"{self._call.name} needs {name}")
        return self._given[name]


_NAMES: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    bytes: "bytes",
}


def _by_name(call: tree.Call, names: tuple[str, ...]) -> dict[str, tree.Node]:
    given: dict[str, tree.Node] = {}
    for index, argument in enumerate(call.arguments):
        if argument.name is None and index >= len(names):
            most = f"{len(names)} argument{'s' if len(names) != 1 else ''}"
            raise PlacedError(argument.value.position, f"{call.name} takes at most {most}")
        name = argument.name or names[index]
        if name not in names:
            raise PlacedError(argument.value.position, f"{call.name} has no argument {name}{did_you_mean(name, names)}")
        given[name] = argument.value
    return given


def _plain(function: str) -> Converter:
    return lambda call, given: Typed(["call", function, given.value("target")])


def _is_a(kind: str) -> Converter:
    return lambda call, given: Typed(["call", "is_a", given.value("target"), kind])


def _edge(function: str, name: str) -> Converter:
    return lambda call, given: Typed(["call", function, given.value("target"), given.constant(name, str)])


def _unit(nanoseconds: int | float) -> Converter:
    def convert(call: tree.Call, given: Arguments) -> Typed:
        value = given.typed("duration", "duration")
        return Typed(value if nanoseconds == 1 else ["/", value, ["lit", nanoseconds]])

    return convert


def _unix(nanoseconds: int) -> Converter:
    def convert(call: tree.Call, given: Arguments) -> Typed:
        value = given.typed("time", "time")
        return Typed(value if nanoseconds == 1 else ["/", value, ["lit", nanoseconds]])

    return convert


def _duration(call: tree.Call, given: Arguments) -> Typed:
    text: str = given.constant("duration", str)
    try:
        nanoseconds = parse_duration(text)
    except ValueError as error:
        raise PlacedError(call.position, f"Duration: {error}") from None
    if nanoseconds >= 1 << 63:
        raise PlacedError(call.position, f"Duration: {text} is too long")
    return Typed(["lit", nanoseconds], "duration")


def _identifier(size: int) -> Converter:
    def convert(call: tree.Call, given: Arguments) -> Typed:
        value = given.constant("bytes", bytes, str)
        digits = value.hex() if isinstance(value, bytes) else value.lower()
        if len(digits) != 2 * size or digits.strip("0123456789abcdef"):
            raise PlacedError(call.position, f"{call.name} needs {size} bytes, such as 0x{'00' * (size - 1)}01")
        return Typed(["lit", digits if digits.strip("0") else ""], "id")

    return convert


def _case(call: tree.Call, given: Arguments) -> Typed:
    to: str = given.constant("toCase", str)
    if to not in ("lower", "upper"):
        raise PlacedError(call.position, f"ConvertCase to {to!r} is not supported: expected lower or upper")
    return Typed(["call", to, given.value("target")])


def _concat(call: tree.Call, given: Arguments) -> Typed:
    values = [given.part(node) for node in given.items("values")]
    return Typed(["call", "concat", values, given.constant("delimiter", str)])


def _substring(call: tree.Call, given: Arguments) -> Typed:
    start, length = given.constant("start", int), given.constant("length", int)
    if start < 0 or length < 1:
        raise PlacedError(call.position, "Substring: start is at least 0, and length at least 1")
    return Typed(["call", "substring", given.value("target"), start, length])


def _split(call: tree.Call, given: Arguments) -> Typed:
    delimiter: str = given.constant("delimiter", str)
    if not delimiter:
        raise PlacedError(call.position, "Split: an empty delimiter is not supported")
    return Typed(["call", "split", given.value("target"), delimiter])


def _match(call: tree.Call, given: Arguments) -> Typed:
    return Typed(["call", "is_match", given.value("target"), given.pattern("pattern")])


_TARGET = ("target",)
CONVERTERS: dict[str, tuple[tuple[str, ...], Converter]] = {
    "IsMatch": (("target", "pattern"), _match),
    "IsString": (_TARGET, _is_a("string")),
    "IsBool": (_TARGET, _is_a("bool")),
    "IsInt": (_TARGET, _is_a("int")),
    "IsDouble": (_TARGET, _is_a("double")),
    "IsMap": (_TARGET, _is_a("map")),
    "IsList": (_TARGET, _is_a("list")),
    "HasPrefix": (("target", "prefix"), _edge("has_prefix", "prefix")),
    "HasSuffix": (("target", "suffix"), _edge("has_suffix", "suffix")),
    "Concat": (("values", "delimiter"), _concat),
    "ConvertCase": (("target", "toCase"), _case),
    "ToLowerCase": (_TARGET, _plain("lower")),
    "ToUpperCase": (_TARGET, _plain("upper")),
    "Len": (_TARGET, _plain("len")),
    "Int": (_TARGET, _plain("int")),
    "Double": (_TARGET, _plain("double")),
    "String": (_TARGET, _plain("text")),
    "SHA256": (_TARGET, _plain("sha256")),
    "FNV": (_TARGET, _plain("fnv")),
    "Substring": (("target", "start", "length"), _substring),
    "Split": (("target", "delimiter"), _split),
    "Duration": (("duration",), _duration),
    "Nanoseconds": (("duration",), _unit(1)),
    "Microseconds": (("duration",), _unit(1_000)),
    "Milliseconds": (("duration",), _unit(1_000_000)),
    "Seconds": (("duration",), _unit(1e9)),
    "Minutes": (("duration",), _unit(6e10)),
    "Hours": (("duration",), _unit(3.6e12)),
    "UnixNano": (("time",), _unix(1)),
    "UnixMicro": (("time",), _unix(1_000)),
    "UnixMilli": (("time",), _unix(1_000_000)),
    "UnixSeconds": (("time",), _unix(1_000_000_000)),
    "TraceID": (("bytes",), _identifier(16)),
    "SpanID": (("bytes",), _identifier(8)),
}
"""By name: the names of the arguments in order, and what the call becomes. IsRootSpan is the compiler's own."""


def convert(call: tree.Call, compile_value: Compile) -> Typed:
    """Return the value of a call. Raises PlacedError."""
    found = CONVERTERS.get(call.name)
    if found is None:
        known = (*CONVERTERS, "IsRootSpan")
        expected = ", ".join(sorted(known))
        raise PlacedError(
            call.position,
            f"the function {call.name} is not supported: expected one of {expected}{did_you_mean(call.name, known)}",
        )
    names, build = found
    return build(call, Arguments(call, names, compile_value))

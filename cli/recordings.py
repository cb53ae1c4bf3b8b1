"""Files of recorded telemetry: OTLP as JSON lines (what the collector's file exporter writes), as JSON, as protobuf.

Protobuf is one message, or messages with their length before each (four bytes, big-endian: the file exporter's
`format: proto`; with `compression: zstd` JSON too, and each message compressed). Files in gzip and zstd are unpacked.
The messages may be ExportTraceServiceRequest or TracesData, and so for logs and metrics: their bytes are the same.
Which signal a message is of is told by its fields; in JSON lines signals may stand mixed.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from ..kernel.contract import Malformed
from ..receivers.otlp.json import json_to_protobuf
from ..telemetry.signals import FACTS, SIGNALS, Signal
from .recognising import signal_of

MOST_BYTES = 64 << 20
"""Of one message."""
_KEYS: dict[Signal, set[str]] = {
    "traces": {"resourceSpans", "resource_spans"},
    "logs": {"resourceLogs", "resource_logs"},
    "metrics": {"resourceMetrics", "resource_metrics"},
}
"""The key of a JSON document that says of which signal it is."""
_LEFT_OUT = {"resourceProfiles", "resource_profiles"}
_EXPECTED = ", ".join(FACTS[signal].groups[0] for signal in SIGNALS[:-1]) + f" or {FACTS[SIGNALS[-1]].groups[0]}"
Read = tuple[Signal, bytes]
"""A request and its signal."""
_STDIN = "-"
_ZSTD = b"\x28\xb5\x2f\xfd"
"""How every zstd frame begins."""


class RecordingError(ValueError):
    """A recording cannot be read; the message has the file, and the line where there are lines."""


def read_requests(path: str) -> Iterator[bytes]:
    """Yield the requests of traces of a file, or of stdin for `-`, in order. Raises RecordingError."""
    return (request for signal, request in read_signals(path) if signal == "traces")


def read_signals(path: str) -> Iterator[Read]:
    """Yield the requests of a file, or of stdin for `-`, in order, each with its signal. Raises RecordingError.

    Profiles are left out.
    """
    name = "stdin" if path == _STDIN else path
    try:
        with ExitStack() as opened:
            raw = sys.stdin.buffer if path == _STDIN else opened.enter_context(Path(path).open("rb"))
            packed = opened.enter_context(_Peekable(raw))
            unpacked = opened.enter_context(_unpacked(packed))
            yield from _requests(opened.enter_context(_Peekable(unpacked)), name)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RecordingError(f"{name}: cannot be read: {reason}") from None


class _Peekable(io.BufferedReader):
    """A stream whose beginning can be looked at, over any object that has `read`."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)


def _unpacked(stream: _Peekable) -> Any:
    magic = stream.peek(4)[:4]
    if magic[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=stream)
    return _Zstd(stream) if magic == _ZSTD else stream


class _Zstd(io.RawIOBase):
    """What a zstd file holds, frame after frame; one that ends too early is an error."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._object = stream, zstandard.ZstdDecompressor().decompressobj()
        self._ready = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, target: Any) -> int:
        """Fill `target`; 0 at the end."""
        while not self._ready:
            rest = self._object.unused_data if self._object.eof else b""
            data = rest or self._stream.read(1 << 16)
            if not data:
                if not self._object.eof:
                    raise EOFError("the file ends too early")
                return 0
            if self._object.eof:
                self._object = zstandard.ZstdDecompressor().decompressobj()
            self._ready = self._object.decompress(data)
        part = self._ready[: len(target)]
        target[: len(part)] = part
        self._ready = self._ready[len(part) :]
        return len(part)


def _requests(stream: _Peekable, name: str) -> Iterator[Read]:
    return (_json if _looks_like_json(stream.peek(64)) else _protobuf)(stream, name)


def _looks_like_json(start: bytes) -> bool:
    return start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def _json(stream: BinaryIO, name: str) -> Iterator[Read]:
    """JSON lines, or one JSON document over several lines (an object, or a list of them)."""
    first = stream.readline(MOST_BYTES)
    whole = _is_json(first)
    if not whole:
        text = first + stream.read(MOST_BYTES)
        yield from _documents(text, name)
        return
    number = 0
    line = first
    while line:
        number += 1
        if line.strip():
            yield from _documents(line, f"{name}:{number}")
        line = stream.readline(MOST_BYTES)


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    return True


def _documents(text: bytes, where: str) -> Iterator[Read]:
    try:
        data = json.loads(text.decode("utf-8-sig"))
    except ValueError as error:
        said = f"at column {error.colno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "is not UTF-8"
        if isinstance(error, json.JSONDecodeError) and error.lineno > 1:
            said = f"at line {error.lineno} column {error.colno}: {error.msg}"
        raise RecordingError(f"{where}: this is no JSON: {said}") from None
    except RecursionError:
        raise RecordingError(f"{where}: the JSON is nested too deeply") from None
    for item in data if isinstance(data, list) else [data]:
        keys = item.keys() if isinstance(item, dict) else set()
        signals = [signal for signal in SIGNALS if _KEYS[signal] & keys]
        if not signals and not _LEFT_OUT & keys:
            raise RecordingError(f"{where}: this is no OTLP: expected an object with {_EXPECTED}")
        for signal in signals:
            yield signal, _converted(json.dumps(item).encode(), signal, where)


def _converted(body: bytes, signal: Signal, where: str) -> bytes:
    try:
        return json_to_protobuf(body, signal)
    except Malformed as error:
        raise RecordingError(f"{where}: {error}") from None


def _protobuf(stream: BinaryIO, name: str) -> Iterator[Read]:
    data = stream.read(4)
    prefixed = len(data) == 4 and data[0] == 0
    while prefixed and data:
        length = int.from_bytes(data, "big")
        if len(data) < 4 or length > MOST_BYTES:
            raise RecordingError(f"{name}: this is neither OTLP JSON nor OTLP protobuf")
        body = stream.read(length)
        if len(body) < length:
            raise RecordingError(f"{name}: the file ends in the middle of a message")
        yield from _message(body, name)
        data = stream.read(4)
    if not prefixed and data:
        yield _checked(data + stream.read(MOST_BYTES), name)


def _message(body: bytes, name: str) -> Iterator[Read]:
    """The file exporter compresses each message by itself, JSON too."""
    if body[:4] == _ZSTD:
        body = zstandard.ZstdDecompressor().decompress(body, max_output_size=MOST_BYTES)
    if _looks_like_json(body[:64]):
        yield from _documents(body, name)
    else:
        yield _checked(body, name)


def _checked(body: bytes, name: str) -> Read:
    signal = signal_of(body)
    if signal is None:
        raise RecordingError(f"{name}: this is neither OTLP JSON nor OTLP protobuf")
    return signal, body

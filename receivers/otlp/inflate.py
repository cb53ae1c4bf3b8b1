"""Compressed bodies, inflated piece by piece under a limit: what a bomb would become is never made.

`inflate` takes the wire chunks and yields pieces of at most `PIECE` bytes (zstd: a few times that), so its caller can
count each one, and pause between them. It raises `TooLarge` past the limit and `Malformed` for what is damaged,
truncated or followed by something else.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

import zstandard

from ...kernel.contract import Malformed
from .status import TooLarge

PIECE = 1 << 20
ENCODINGS = ("gzip", "deflate", "zstd")

_ZSTD_SLICE = 256
"""Bytes handed to zstd at once: a block of 4 bytes may stand for 128 KiB, so one slice makes at most 8 MiB."""
_ZSTD_WINDOW = 8 << 20
"""What RFC 8878 asks of every decoder; larger windows are refused."""


def inflate(chunks: Iterable[bytes], encoding: str, limit: int) -> Iterator[bytes]:
    """Yield the body's pieces, at most `limit` bytes in all; `encoding` is one of `ENCODINGS`. None stays none."""
    pieces = _zstd(chunks) if encoding == "zstd" else _zlib(chunks, encoding)
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > limit:
            raise TooLarge(f"the {encoding} body inflates to more than {limit} bytes")
        yield piece


def inflate_message(message: bytes, limit: int) -> bytes:
    """Return a gRPC message that gRPC itself has left as it came, inflated if it is gzip or zlib data.

    A gzip header is no protobuf (its first byte would be a tag of wire type 7). Two bytes of a zlib header could be
    a protobuf field; data that then does not inflate, checksum included, is taken as it is.
    """
    if message.startswith(b"\x1f\x8b"):
        return b"".join(inflate((message,), "gzip", limit))
    if _is_zlib(message):
        try:
            return b"".join(inflate((message,), "deflate", limit))
        except TooLarge:
            raise
        except Malformed:
            return message
    return message


def _is_zlib(data: bytes) -> bool:
    return len(data) >= 2 and data[0] & 0x8F == 0x08 and (data[0] << 8 | data[1]) % 31 == 0


def _window_bits(encoding: str, head: bytes) -> int:
    if encoding == "gzip":
        return 31
    return 15 if _is_zlib(head) else -15


def _zlib(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Inflate gzip (several members are one body) or deflate (with a zlib header, or raw)."""
    chunks = _at_least_two(chunks)
    head = next(chunks, b"")
    if not head:
        return
    bits = _window_bits(encoding, head)
    stream = zlib.decompressobj(bits)
    while head:
        if stream.eof:
            if encoding != "gzip":
                raise Malformed(f"there is more after the end of the {encoding} body")
            stream = zlib.decompressobj(bits)
        try:
            piece = stream.decompress(head, PIECE)
        except zlib.error:
            raise Malformed(f"the body is not valid {encoding}") from None
        if piece:
            yield piece
        head = stream.unused_data or stream.unconsumed_tail or next(chunks, b"")
    yield from _rest(stream, encoding)


def _rest(stream: zlib._Decompress, encoding: str) -> Iterator[bytes]:
    """Yield what a stream that has all its input still keeps back, and check that it came to its end."""
    while not stream.eof:
        try:
            piece = stream.decompress(b"", PIECE)
        except zlib.error:
            raise Malformed(f"the body is not valid {encoding}") from None
        if not piece:
            break
        yield piece
    if not stream.eof:
        raise Malformed(f"the {encoding} body is truncated")


def _zstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Inflate zstd; several frames are one body."""
    decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    fresh: Callable[[], zstandard.ZstdDecompressionObj] = lambda: decoder.decompressobj(write_size=1 << 16)  # noqa: E731
    stream, begun = fresh(), False
    for data in _sliced(chunks):
        rest = data
        while rest:
            if stream.eof:
                stream = fresh()
            try:
                piece = stream.decompress(rest)
            except zstandard.ZstdError as error:
                raise _zstd_problem(error) from None
            begun = True
            if piece:
                yield piece
            rest = stream.unused_data if stream.eof else b""
    if begun and not stream.eof:
        raise Malformed("the zstd body is truncated")


def _zstd_problem(error: Exception) -> Malformed:
    if "too much memory" in str(error):
        return TooLarge(f"the zstd body needs a window of more than {_ZSTD_WINDOW} bytes")
    return Malformed("the body is not valid zstd")


def _sliced(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), _ZSTD_SLICE):
            yield chunk[start : start + _ZSTD_SLICE]


def _at_least_two(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join the first chunks until two bytes are there, enough to tell zlib from raw deflate; leave out empty ones."""
    head = b""
    for chunk in chunks:
        if len(head) >= 2:
            if chunk:
                yield chunk
            continue
        head += chunk
        if len(head) >= 2:
            yield head
    if 0 < len(head) < 2:
        yield head

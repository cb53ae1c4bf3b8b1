"""Bodies inflated under a limit."""

from __future__ import annotations

import gzip
import itertools
import random
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tailgate.kernel.contract import Malformed
from tailgate.receivers.otlp.inflate import inflate, inflate_message
from tailgate.receivers.otlp.status import TooLarge

MIB = 1 << 20


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def zstd_unsized(data: bytes) -> bytes:
    """As streaming encoders write it: the frame does not tell its size."""
    packer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
    "zstd without size": ("zstd", zstd_unsized),
}
packers = pytest.mark.parametrize(("encoding", "pack"), PACKERS.values(), ids=PACKERS.keys())


def chunked(data: bytes, seed: int, largest: int = 50) -> list[bytes]:
    chance, parts, at = random.Random(seed), [], 0
    while at < len(data):
        size = chance.randint(0, largest)
        parts.append(data[at : at + size])
        at += size
    return parts


@packers
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=3000), repeat=st.integers(1, 30), seed=st.integers(0, 9))
def test_round_trip(encoding: str, pack: Callable[[bytes], bytes], data: bytes, repeat: int, seed: int) -> None:
    """Guarantees: however the packed bytes are cut into chunks, the very data comes out; at the limit, too."""
    data *= repeat
    assert b"".join(inflate(chunked(pack(data), seed), encoding, len(data))) == data
    if data:
        with pytest.raises(TooLarge, match=str(len(data) - 1)):
            list(inflate(chunked(pack(data), seed), encoding, len(data) - 1))


@packers
def test_large_body(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """Scenario: 5 MiB, half of it noise. Guarantees: it comes out, in pieces far smaller than the whole."""
    data = random.Random(1).randbytes(5 * MIB // 2) + bytes(5 * MIB // 2)
    pieces = list(inflate([pack(data)], encoding, len(data)))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= (8 * MIB if encoding == "zstd" else MIB)


@packers
def test_truncated_at_every_byte(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """Guarantees: no prefix of a packed body passes for the whole (an empty body is an empty body)."""
    packed = pack(b"some text, some text, other text")
    assert list(inflate([b"", b""], encoding, 100)) == []
    for end in range(1, len(packed)):
        with pytest.raises(Malformed):
            list(inflate([packed[:end]], encoding, 1000))


@packers
@pytest.mark.parametrize("separate", [True, False])
def test_trailing_garbage(encoding: str, pack: Callable[[bytes], bytes], separate: bool) -> None:
    """Guarantees: what follows the end, in the same chunk or the next, is an error."""
    packed = pack(b"data" * 50)
    with pytest.raises(Malformed):
        list(inflate([packed, b"garbage"] if separate else [packed + b"garbage"], encoding, 1000))


@packers
@settings(max_examples=150, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 200), st.integers(1, 255)), min_size=1, max_size=4))
def test_damage(encoding: str, pack: Callable[[bytes], bytes], flips: list[tuple[int, int]]) -> None:
    """Guarantees: damaged bytes come out within the limit or raise `Malformed`; nothing else happens."""
    packed = bytearray(pack(b"The quick brown fox jumps over the lazy dog. " * 8))
    for at, change in flips:
        packed[at % len(packed)] ^= change
    try:
        assert len(b"".join(inflate([bytes(packed)], encoding, 2000))) <= 2000
    except Malformed:
        return


@pytest.mark.parametrize(("encoding", "pack"), [PACKERS["gzip"], PACKERS["zstd"]])
def test_several_members_are_one_body(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b"one ") + pack(b"") + pack(b"two")
    for chunks in ([packed], [packed[i : i + 1] for i in range(len(packed))]):
        assert b"".join(inflate(chunks, encoding, 7)) == b"one two"


@packers
def test_bomb(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """Scenario: 300 MiB of zeros. Guarantees: stopped at a limit of 1 MiB, with little memory taken."""
    bomb = pack(bytes(300 * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            list(inflate([bomb], encoding, MIB))
        assert tracemalloc.get_traced_memory()[1] < 24 * MIB
    finally:
        tracemalloc.stop()


def test_zstd_window_is_bounded() -> None:
    """Scenario: a frame that asks its decoder for a window of 64 MiB. Guarantees: refused, before it is allocated."""
    parameters = zstandard.ZstdCompressionParameters(window_log=26, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(b"x" * 1000) + packer.flush()
    with pytest.raises(TooLarge, match="window"):
        list(inflate([packed], "zstd", MIB))


def test_zstd_blocks_of_four_bytes() -> None:
    """Scenario: a hand-made frame of RLE blocks, 128 KiB out of 4 bytes each. Guarantees: stopped near the limit."""
    frame = b"\x28\xb5\x2f\xfd\x00\x58" + b"".join(
        itertools.repeat((128 << 10 << 3 | 2).to_bytes(3, "little") + b"x", 20000)
    )
    total = 0
    with pytest.raises(TooLarge):  # noqa: PT012 - counts on the way
        for piece in inflate([frame], "zstd", MIB):
            total += len(piece)
            assert len(piece) <= 9 * MIB
    assert total <= MIB


def test_grpc_messages() -> None:
    """Guarantees: gzip and zlib messages are inflated, others stay the very object, damaged gzip is refused."""
    plain = b"\x0a\x00"
    assert inflate_message(plain, 10) is plain
    assert inflate_message(b"", 10) == b""
    assert inflate_message(gzip.compress(plain), 10) == plain
    assert inflate_message(zlib.compress(plain), 10) == plain
    looks = b"\x78\x9c" + b"\x0a\x00"
    assert inflate_message(looks, 10) is looks
    with pytest.raises(Malformed):
        inflate_message(gzip.compress(plain)[:-1], 10)
    for pack in (gzip.compress, zlib.compress):
        with pytest.raises(TooLarge):
            inflate_message(pack(bytes(11)), 10)

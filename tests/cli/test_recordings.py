"""Recordings: every form in which the collector's file exporter, and others, write traces."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard
from recorded import line, span, trace_id
from tailgate.cli.decoded import spans_of
from tailgate.cli.recordings import RecordingError, read_requests
from tailgate.receivers.otlp.json import json_to_protobuf

LINES = [line(span(number)) for number in (1, 2, 3)]
MESSAGES = [json_to_protobuf(text.encode()) for text in LINES]


def with_length(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


PREFIXED = b"".join(map(with_length, MESSAGES))
LOGS = '{"resourceLogs": []}\n'
FORMS = {
    "lines": "".join(LINES).encode(),
    "lines with blanks, logs and a mark": b"\xef\xbb\xbf" + "\n".join([LINES[0], LOGS, *LINES[1:]]).encode(),
    "no line end": "".join(LINES).rstrip().encode(),
    "a list": json.dumps([json.loads(text) for text in LINES]).encode(),
    "a list over several lines": json.dumps([json.loads(text) for text in LINES], indent=2).encode(),
    "an object over several lines": json.dumps(
        {"resourceSpans": [group for text in LINES for group in json.loads(text)["resourceSpans"]]}, indent=1
    ).encode(),
    "protobuf": b"".join(MESSAGES),
    "protobuf with lengths": PREFIXED,
    "gzip": gzip.compress("".join(LINES).encode()),
    "zstd": zstandard.compress(PREFIXED),
    "zstd in frames": b"".join(zstandard.compress(text.encode()) for text in LINES),
    "messages in zstd": b"".join(with_length(zstandard.compress(message)) for message in MESSAGES),
    "lines in zstd": b"".join(with_length(zstandard.compress(text.encode())) for text in LINES),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str, tmp_path: Path) -> None:
    """Guarantees: the same spans out of every form."""
    (tmp_path / "f").write_bytes(FORMS[form])
    found = [seen.span.trace_id.hex() for seen in spans_of(read_requests(str(tmp_path / "f")))]
    assert found == [trace_id(number) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    "data",
    [PREFIXED[:-1], PREFIXED + b"\0\0", b"\0\xff\xff\xff", b"\x0a\xff", gzip.compress(PREFIXED)[:-9],
     b"\x28\xb5\x2f\xfdx", zstandard.compress(PREFIXED)[:-9], with_length(b"\x28\xb5\x2f\xfdx"),
     b"[1]", b"{", b'{"resourceSpans": 1}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_broken(data: bytes, tmp_path: Path) -> None:
    """Guarantees: one declared error that names the file, whatever the bytes are."""
    (tmp_path / "f").write_bytes(data)
    with pytest.raises(RecordingError, match=r"/f"):
        list(read_requests(str(tmp_path / "f")))


def test_no_such_file(tmp_path: Path) -> None:
    """Guarantees: the same for a file that is not there, and for a folder."""
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(RecordingError, match="cannot be read"):
            list(read_requests(str(path)))

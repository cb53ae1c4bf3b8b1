"""Recordings: every form in which the collector's file exporter, and others, write telemetry."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard
from recorded import line, span, trace_id
from tailgate.cli.decoded import spans_of
from tailgate.cli.recognising import signal_of
from tailgate.cli.recordings import RecordingError, read_requests, read_signals
from tailgate.receivers.otlp.json import json_to_protobuf
from tailgate.telemetry.signals import Signal

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


RECORDS: dict[str, tuple[Signal, dict[str, object]]] = {
    "a log with a time": ("logs", {"timeUnixNano": "1700000000000000000", "body": {"stringValue": "x"}}),
    "a log that is a body alone": ("logs", {"body": {"stringValue": "hello"}}),
    "a log of a trace": ("logs", {"traceId": "01" * 16, "spanId": "02" * 8, "body": {"stringValue": "hello"}}),
    "an empty log": ("logs", {}),
    "a span": ("traces", json.loads(LINES[0])["resourceSpans"][0]["scopeSpans"][0]["spans"][0]),
    "a span without times": ("traces", {"traceId": "01" * 16, "spanId": "02" * 8, "name": "GET /"}),
    "a gauge": ("metrics", {"name": "m", "gauge": {"dataPoints": [{"asInt": "1"}]}}),
    "an empty sum": ("metrics", {"name": "m", "description": "d", "unit": "u", "sum": {}}),
    "a metric with a name like an id": ("metrics", {"name": "m" * 16, "description": "d" * 8, "histogram": {}}),
    "a summary": ("metrics", {"name": "m", "summary": {"dataPoints": [{"timeUnixNano": "1"}]}}),
}
LEVELS: dict[Signal, tuple[str, str, str]] = {
    "traces": ("resourceSpans", "scopeSpans", "spans"),
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
}


@pytest.mark.parametrize("what", RECORDS)
def test_protobuf_tells_its_signal(what: str) -> None:
    """Guarantees: a request is taken for what it is, by what its records have in them alone."""
    signal, record = RECORDS[what]
    groups, scopes, records = LEVELS[signal]
    request = json_to_protobuf(json.dumps({groups: [{scopes: [{records: [record]}]}]}).encode(), signal)
    assert signal_of(request) == signal


def test_signals_in_one_file(tmp_path: Path) -> None:
    """Guarantees: lines and messages of all signals come in their order; a document of several is each of them.

    Tools that look at traces see only these.
    """
    given = ("a log of a trace", "a span", "a gauge", "a summary", "a log with a time")
    texts, messages = [], []
    for what in given:
        signal, record = RECORDS[what]
        groups, scopes, records = LEVELS[signal]
        texts.append(json.dumps({groups: [{scopes: [{records: [record]}]}]}))
        messages.append(json_to_protobuf(texts[-1].encode(), signal))
    expected = [(RECORDS[what][0], message) for what, message in zip(given, messages, strict=True)]
    (tmp_path / "lines").write_text("\n".join([*texts, '{"resourceProfiles": []}']))
    (tmp_path / "prefixed").write_bytes(b"".join(map(with_length, messages)))
    (tmp_path / "one").write_text(json.dumps({**json.loads(texts[0]), **json.loads(texts[1])}))
    for name in ("lines", "prefixed"):
        assert list(read_signals(str(tmp_path / name))) == expected
        assert list(read_requests(str(tmp_path / name))) == [messages[1]]
    assert list(read_signals(str(tmp_path / "one"))) == [expected[1], expected[0]]

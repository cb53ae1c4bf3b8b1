"""The receiver's configuration: the collector's keys, defaults and errors."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tailgate.receivers.otlp.config import OtlpReceiverConfig, split_endpoint
from tailgate.receivers.otlp.grpc_server import channel_options


def load(**protocols: Any) -> OtlpReceiverConfig:
    return OtlpReceiverConfig.model_validate({"protocols": protocols})


def test_named_without_value_is_on() -> None:
    """Scenario: `grpc:` with nothing behind it. Guarantees: on with the collector's defaults, the other one off."""
    config = load(grpc=None).protocols
    assert config.http is None
    assert config.grpc is not None
    assert config.grpc.endpoint == "localhost:4317"
    assert config.grpc.max_message_bytes == 4 << 20
    config = load(grpc=None, http={}).protocols
    assert config.grpc is not None
    assert config.http is not None
    assert (config.http.endpoint, config.http.max_body_bytes) == ("localhost:4318", 20 << 20)
    assert config.http.traces_url_path == "/v1/traces"


def test_zero_is_the_default() -> None:
    """Guarantees: as in the collector, 0 for a size means its default, not "nothing"."""
    config = load(grpc={"max_recv_msg_size_mib": 0, "max_concurrent_streams": 0}, http={"max_request_body_size": 0})
    assert config.protocols.grpc is not None
    assert config.protocols.http is not None
    assert config.protocols.grpc.max_message_bytes == 4 << 20
    assert ("grpc.max_concurrent_streams", 100) in channel_options(config.protocols.grpc)
    assert config.protocols.http.max_body_bytes == 20 << 20


def test_a_whole_collector_block() -> None:
    """Scenario: every key that a collector's block may have here. Guarantees: accepted, gRPC gets its options."""
    config = load(
        grpc={
            "endpoint": "0.0.0.0:4317",
            "transport": "tcp",
            "max_recv_msg_size_mib": 16,
            "max_concurrent_streams": 7,
            "read_buffer_size": 524288,
            "write_buffer_size": 524288,
            "include_metadata": True,
            "keepalive": {
                "server_parameters": {
                    "max_connection_idle": "11s",
                    "max_connection_age": "12s",
                    "max_connection_age_grace": "13s",
                    "time": "30s",
                    "timeout": "5s",
                },
                "enforcement_policy": {"min_time": "10s", "permit_without_stream": True},
            },
        },
        http={
            "endpoint": "0.0.0.0:4318",
            "cors": {"allowed_origins": ["https://*.example.com"], "allowed_headers": ["*"], "max_age": 7200},
            "max_request_body_size": 1048576,
            "include_metadata": True,
            "response_headers": {"X-A": "b"},
            "read_timeout": "10s",
            "read_header_timeout": "20s",
            "write_timeout": "30s",
            "idle_timeout": "15s",
            "keep_alives_enabled": True,
            "traces_url_path": "/v1/traces",
            "metrics_url_path": "/v1/metrics",
            "logs_url_path": "/v1/logs",
        },
    )
    assert config.protocols.grpc is not None
    assert config.protocols.http is not None
    options = dict(channel_options(config.protocols.grpc))
    assert options["grpc.max_receive_message_length"] == 16 << 20
    assert options["grpc.max_concurrent_streams"] == 7
    assert options["grpc.max_connection_idle_ms"] == 11_000
    assert options["grpc.max_connection_age_ms"] == 12_000
    assert options["grpc.max_connection_age_grace_ms"] == 13_000
    assert options["grpc.keepalive_time_ms"] == 30_000
    assert options["grpc.keepalive_timeout_ms"] == 5_000
    assert options["grpc.http2.min_recv_ping_interval_without_data_ms"] == 10_000
    assert options["grpc.keepalive_permit_without_calls"] == 1
    assert config.protocols.http.idle_seconds == 15


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("0.0.0.0:4317", ("0.0.0.0", 4317)),
        ("localhost:0", ("localhost", 0)),
        (":4317", ("", 4317)),
        ("[::1]:65535", ("::1", 65535)),
        ("[::]:1", ("::", 1)),
    ],
)
def test_endpoints(endpoint: str, expected: tuple[str, int]) -> None:
    assert split_endpoint(endpoint) == expected


TLS = {"cert_file": "a", "key_file": "b"}


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, "needs at least one protocol: grpc or http"),
        ({"grpc": {"endpoint": "4317"}}, "expected host:port"),
        ({"grpc": {"endpoint": "http://localhost:4317"}}, "expected host:port"),
        ({"grpc": {"endpoint": "localhost:70000"}}, "expected host:port"),
        ({"grpc": {"endpoint": "::1:4317"}}, "an IPv6 address is written in brackets"),
        ({"grpc": {"endpoint": "localhost:٣"}}, "expected host:port"),
        ({"grpc": {"transport": "unix"}}, "transport"),
        ({"grpc": {"maxrecv": 1}}, "maxrecv"),
        ({"udp": {}}, "udp"),
        ({"grpc": {"tls": {"cert_file": "a"}}}, "exactly one of key_file and key_pem"),
        ({"grpc": {"tls": {**TLS, "cert_pem": "c"}}}, "exactly one of cert_file and cert_pem"),
        ({"grpc": {"tls": {**TLS, "min_version": "1.3"}}}, "can be required of http only"),
        ({"http": {"tls": {**TLS, "min_version": "1.1"}}}, "min_version"),
        ({"http": {"traces_url_path": "/a?b"}}, "expected a URL path"),
        ({"http": {"max_request_body_size": -1}}, "max_request_body_size"),
        ({"http": {"read_timeout": 5}}, "has no unit"),
        ({"http": {"response_headers": {"A": "b\r\nC: d"}}}, "no line breaks"),
        ({"grpc": {"max_concurrent_requests": 0}}, "max_concurrent_requests"),
    ],
)
def test_errors(config: dict[str, Any], text: str) -> None:
    """Guarantees: a mistake is an error that says what was expected."""
    with pytest.raises(ValidationError, match=text):
        load(**config)


def test_key_is_never_shown() -> None:
    """Guarantees: an inline key is in no repr and in no error."""
    config = load(http={"tls": {"cert_pem": "c", "key_pem": "SECRET"}})
    assert "SECRET" not in repr(config)
    with pytest.raises(ValidationError) as caught:
        load(http={"endpoint": "x", "tls": {"cert_pem": "c", "key_pem": "SECRET"}})
    assert "SECRET" not in str(caught.value)

"""The configuration of exporters: the collector's keys with their meaning, and errors that say what was expected."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tailgate.exporters import EXPORTERS
from tailgate.exporters.base import ExportContext
from tailgate.exporters.debug import DebugSettings
from tailgate.exporters.otlp_grpc import OtlpGrpcSettings
from tailgate.exporters.otlp_http import OtlpHttpSettings
from tailgate.exporters.settings import QueueSettings, SenderSettings, sender_options
from tailgate.exporters.tls import TlsSettings
from tailgate.telemetry.signals import SIGNALS


def grpc_settings(**keys: Any) -> OtlpGrpcSettings:
    return OtlpGrpcSettings.model_validate({"endpoint": "collector:4317", **keys})


def test_the_table() -> None:
    """Each exporter is found under its name and under the collector's newer or older one."""
    names = {name for spec in EXPORTERS for name in (spec.name, *spec.aliases)}
    assert names == {"otlp", "otlp_grpc", "otlphttp", "otlp_http", "debug", "logging"}


def test_a_whole_collector_block() -> None:
    """What people write for the collector's exporter is accepted as it stands."""
    settings = grpc_settings(
        tls={
            "insecure": False,
            "ca_file": "/ca.pem",
            "cert_file": "/c.pem",
            "key_file": "/k.pem",
            "min_version": "1.2",
        },
        headers={"X-Tenant": "shop", "x-number": 5},
        compression="gzip",
        timeout="10s",
        keepalive={"time": "30s", "timeout": "5s", "permit_without_stream": True},
        balancer_name="round_robin",
        wait_for_ready=True,
        read_buffer_size=1024,
        write_buffer_size=524288,
        sending_queue={"enabled": True, "num_consumers": 4, "queue_size": 5000, "block_on_overflow": True},
        retry_on_failure={
            "enabled": True,
            "initial_interval": "1s",
            "max_interval": "10s",
            "max_elapsed_time": "60s",
            "multiplier": 2.0,
            "randomization_factor": 0.3,
        },
    )
    options = sender_options(settings, ExportContext("otlp", lambda: None))
    assert (options.timeout, options.consumers) == (10.0, 4)
    assert (options.limits.sizer, options.limits.capacity, options.limits.max_bytes) == ("requests", 5000, 64 << 20)
    assert (options.retry.initial, options.retry.maximum, options.retry.max_elapsed) == (1.0, 10.0, 60.0)
    assert (options.retry.multiplier, options.retry.randomization) == (2.0, 0.3)
    assert settings.plain_headers() == {"x-tenant": "shop", "x-number": "5"}


def test_defaults() -> None:
    """The collector's defaults, but for the queue, which is bounded by 64 MiB."""
    options = sender_options(grpc_settings(), ExportContext("otlp", lambda: None))
    assert (options.limits.sizer, options.limits.capacity, options.limits.max_bytes) == ("bytes", 64 << 20, 64 << 20)
    assert (options.timeout, options.consumers) == (5.0, 10)
    retry = options.retry
    assert (retry.initial, retry.maximum, retry.max_elapsed, retry.multiplier, retry.randomization) == (
        *(5.0, 30.0, 300.0),
        *(1.5, 0.5),
    )
    assert (options.bounds.min_spans, options.bounds.max_spans, options.bounds.timeout) == (8192, 8192, 0.2)
    assert grpc_settings().compression == "gzip"
    assert OtlpHttpSettings(endpoint="http://c:4318").timeout == 30_000_000_000


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        ({}, ("bytes", 64 << 20, 64 << 20)),
        ({"queue_size": 7}, ("requests", 7, 64 << 20)),
        ({"sizer": "requests"}, ("requests", 1000, 64 << 20)),
        ({"sizer": "items", "queue_size": 9}, ("items", 9, 64 << 20)),
        ({"sizer": "bytes", "queue_size": 1000}, ("bytes", 1000, 1000)),
        ({"queue_bytes": 77}, ("bytes", 77, 77)),
        ({"queue_size": 7, "queue_bytes": 77}, ("requests", 7, 77)),
    ],
)
def test_queue_sizes(queue: dict[str, Any], expected: tuple[str, int, int]) -> None:
    """`queue_size` is in the unit of `sizer`, requests where that is absent; bytes bound the queue in any case."""
    limits = QueueSettings.model_validate(queue).limits()
    assert (limits.sizer, limits.capacity, limits.max_bytes) == expected


def test_who_sets_the_batch() -> None:
    """`sending_queue.batch` goes before the `batch` processor, that before defaults; send_batch_size 0 never waits."""
    context = ExportContext("otlp", lambda: None, (100, 200, 1.0))
    bounds = sender_options(grpc_settings(), context).bounds
    assert (bounds.min_spans, bounds.max_spans, bounds.timeout) == (100, 200, 1.0)
    own = grpc_settings(sending_queue={"batch": {"flush_timeout": "50ms", "min_size": 5, "max_size": 6}})
    bounds = sender_options(own, context).bounds
    assert (bounds.min_spans, bounds.max_spans, bounds.timeout) == (5, 6, 0.05)
    sized = grpc_settings(sending_queue={"batch": {"sizer": "bytes", "min_size": 500, "max_size": 900}})
    bounds = sender_options(sized, context).bounds
    assert (bounds.min_spans, bounds.min_bytes, bounds.max_spans, bounds.max_bytes) == (0, 500, 0, 900)
    bounds = sender_options(grpc_settings(), ExportContext("otlp", lambda: None, (0, 0, 5.0))).bounds
    assert (bounds.min_spans, bounds.min_bytes) == (0, 0)


def test_empty_sections_stand_for_defaults() -> None:
    """`sending_queue:` without anything is as if it were absent."""
    assert grpc_settings(sending_queue=None, tls=None, headers=None, retry_on_failure=None) == grpc_settings()
    assert DebugSettings.model_validate(None) == DebugSettings()


def test_headers_as_a_list_and_masked() -> None:
    """The collector's list form works, and no way of printing the settings shows a value."""
    settings = grpc_settings(headers=[{"name": "Authorization", "value": "Bearer hunter2"}])
    assert settings.plain_headers() == {"authorization": "Bearer hunter2"}
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("endpoint", "plain", "target"),
    [
        ("collector:4317", False, "collector:4317"),
        ("http://collector:4317", True, "collector:4317"),
        ("https://collector:4317/", False, "collector:4317"),
        ("dns:///collector.ns.svc:4317", False, "dns:///collector.ns.svc:4317"),
        ("[::1]:4317", False, "[::1]:4317"),
        ("unix:/run/otlp.sock", True, "unix:/run/otlp.sock"),
    ],
)
def test_endpoint_forms(endpoint: str, plain: bool, target: str) -> None:
    """The scheme says whether it is plain text; without one `tls.insecure` does."""
    settings = grpc_settings(endpoint=endpoint)
    assert (settings.plain, settings.target) == (plain, target)
    assert grpc_settings(endpoint=endpoint, tls={"insecure": True}).plain is not endpoint.startswith("https")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"endpoint": ""}, "endpoint is empty"),
        ({"endpoint": "collector"}, "expected host:port"),
        ({"endpoint": "collector:0"}, "expected host:port"),
        ({"endpoint": "collector:99999"}, "expected host:port"),
        ({"endpoint": "http://collector:4317/v1/traces"}, "expected host:port"),
        ({"compression": "zstd"}, "expected one of none, gzip"),
        ({"compression": "snappy"}, "expected one of none, gzip"),
        ({"tls": {"insecure_skip_verify": True}}, "always verifies"),
        ({"tls": {"min_version": "1.3"}}, "TLS 1.2 and 1.3"),
        ({"tls": {"cert_file": "/c.pem"}}, "both a certificate and its key"),
        ({"tls": {"ca_file": "/c.pem", "ca_pem": "x"}}, "use one"),
        ({"headers": {"bad name": "x"}}, "no header name"),
        ({"headers": {"name": "sp\nlit"}}, "printable ASCII"),
        ({"sending_queue": {"storage": "file_storage"}}, "not supported yet"),
        ({"sending_queue": {"wait_for_result": True}}, "not supported"),
        ({"sending_queue": {"batch": {"min_size": 5, "max_size": 4}}}, "must not be below min_size"),
        ({"retry_on_failure": {"max_elapsed_time": "1s"}}, "there would be no retry"),
        ({"timeout": 5}, "has no unit"),
        ({"endpiont": "x"}, "Extra inputs"),
    ],
)
def test_grpc_mistakes(keys: dict[str, Any], words: str) -> None:
    """Each is an error of the configuration that says what was expected."""
    with pytest.raises(ValidationError, match=words):
        grpc_settings(**keys)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "is required"),
        ({"endpoint": "collector:4318"}, "expected a URL such as"),
        ({"endpoint": "ftp://collector"}, "expected a URL such as"),
        ({"endpoint": "http://"}, "expected a URL such as"),
        ({"endpoint": "http://c:notaport"}, "expected a URL such as"),
        ({"endpoint": "http://c", "encoding": "json"}, "expected proto"),
        ({"endpoint": "http://c", "compression": "lz4"}, "expected one of none, gzip, zstd, deflate"),
    ],
)
def test_http_mistakes(keys: dict[str, Any], words: str) -> None:
    """Each is an error of the configuration that says what was expected."""
    with pytest.raises(ValidationError, match=words):
        OtlpHttpSettings.model_validate(keys)


def test_http_urls() -> None:
    """`endpoint` gets the path of the signal, `traces_endpoint` is taken as it is; no message shows a password."""
    for signal in SIGNALS:
        assert str(OtlpHttpSettings(endpoint="http://c:4318/").url(signal)) == f"http://c:4318/v1/{signal}"
        assert str(OtlpHttpSettings(endpoint="http://c/otlp").url(signal)) == f"http://c/otlp/v1/{signal}"
        own = OtlpHttpSettings.model_validate({"endpoint": "http://c", f"{signal}_endpoint": "https://d/x"})
        others = [str(own.url(other)) for other in SIGNALS if other != signal]
        assert str(own.url(signal)) == "https://d/x"
        assert others == [f"http://c/v1/{other}" for other in SIGNALS if other != signal]
    with pytest.raises(ValidationError) as caught:
        OtlpHttpSettings(endpoint="ftp://me:hunter2@c")
    assert "hunter2" not in caught.value.errors()[0]["msg"]


def test_skip_verify_where_it_does_nothing() -> None:
    """A plain-text endpoint may carry the key, as it often does; HTTP has it."""
    assert grpc_settings(tls={"insecure": True, "insecure_skip_verify": True}).plain
    assert TlsSettings(insecure_skip_verify=True)


def test_timeout_zero_is_none() -> None:
    """A timeout of 0 means that an attempt may take as long as it likes."""
    assert sender_options(SenderSettings(timeout="0s"), ExportContext("x", lambda: None)).timeout is None

"""TLS and mTLS on both protocols: who gets in, and what is said of files that cannot be used."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from typing import Any

import grpc
import pytest

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def server_tls(certificates: Any, mutual: bool = False, name: str = "server") -> dict[str, Any]:
    tls = {"cert_file": getattr(certificates, name), "key_file": getattr(certificates, f"{name}_key")}
    return {**tls, "client_ca_file": certificates.ca} if mutual else tls


def call_grpc(served: Any, certificates: Any, ca: str | None, client: str | None) -> bool:
    """Return whether a call gets through, with the given trust and client certificate (`ca` None: plaintext)."""
    if ca is None:
        channel = grpc.insecure_channel(served.grpc)
    else:
        pair = [Path(getattr(certificates, f"{client}{end}")).read_bytes() for end in ("_key", "")] if client else []
        channel = grpc.secure_channel(
            served.grpc, grpc.ssl_channel_credentials(Path(getattr(certificates, ca)).read_bytes(), *pair)
        )
    with channel:
        try:
            return bool(channel.unary_unary(METHOD)(b"abc", timeout=5) == b"")
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False


def call_http(served: Any, certificates: Any, ca: str | None, client: str | None) -> bool:
    if ca is None:
        connection = http.client.HTTPConnection(served.http, timeout=5)
    else:
        context = ssl.create_default_context(cafile=getattr(certificates, ca))
        if client:
            context.load_cert_chain(getattr(certificates, client), getattr(certificates, f"{client}_key"))
        connection = http.client.HTTPSConnection(served.http, timeout=5, context=context)
    try:
        connection.request("POST", "/v1/traces", b"abc", {"Content-Type": "application/x-protobuf"})
        return connection.getresponse().status == 200
    except (ssl.SSLError, ConnectionError, http.client.BadStatusLine):
        return False
    finally:
        connection.close()


CALLS = pytest.mark.parametrize(("protocol", "call"), [("grpc", call_grpc), ("http", call_http)])


@CALLS
@pytest.mark.parametrize(
    ("mutual", "ca", "client", "gets_in"),
    [
        (False, "ca", None, True),
        (False, "ca", "client", True),
        (False, "other_ca", None, False),
        (False, None, None, False),
        (True, "ca", "client", True),
        (True, "ca", None, False),
        (True, "ca", "stranger", False),
        (True, "ca", "expired", False),
        (True, "other_ca", "client", False),
        (True, None, None, False),
    ],
)
def test_who_gets_in(
    serve: Any,
    consumer: Any,
    certificates: Any,
    protocol: str,
    call: Any,
    mutual: bool,
    ca: str | None,
    client: str | None,
    gets_in: bool,
) -> None:
    """Guarantees: exactly clients that trust our CA and, with mTLS, show a valid certificate of it are served."""
    served = serve(**{protocol: {"tls": server_tls(certificates, mutual)}})
    assert call(served, certificates, ca, client) is gets_in
    assert len(consumer.requests) == int(gets_in)
    if not gets_in:
        assert call(served, certificates, "ca", "client"), "a bad handshake must not harm the next"


@CALLS
def test_expired_server(serve: Any, consumer: Any, certificates: Any, protocol: str, call: Any) -> None:
    """Scenario: our own certificate has run out. Guarantees: clients that check refuse it."""
    served = serve(**{protocol: {"tls": server_tls(certificates, name="expired")}})
    assert not call(served, certificates, "ca", None)


@CALLS
def test_inline_certificates(serve: Any, certificates: Any, protocol: str, call: Any) -> None:
    """Guarantees: `cert_pem` and `key_pem` do as well as files."""
    pem = {"cert_pem": Path(certificates.server).read_text(), "key_pem": Path(certificates.server_key).read_text()}
    assert call(serve(**{protocol: {"tls": pem}}), certificates, "ca", None)


@pytest.mark.parametrize(("floor", "gets_in"), [("1.2", True), ("1.3", False)])
def test_min_version(serve: Any, certificates: Any, floor: str, gets_in: bool) -> None:
    """Scenario: a client that speaks TLS 1.2 at most. Guarantees: `min_version` decides."""
    served = serve(http={"tls": {**server_tls(certificates), "min_version": floor}})
    context = ssl.create_default_context(cafile=certificates.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    connection = http.client.HTTPSConnection(served.http, timeout=5, context=context)
    try:
        connection.connect()
        connected = True
    except (ssl.SSLError, ConnectionError):
        connected = False
    finally:
        connection.close()
    assert connected is gets_in


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"cert_file": "/nowhere/tls.crt"}, "cannot read cert_file /nowhere/tls.crt: No such file or directory"),
        ({"key_file": "/nowhere/tls.key"}, "cannot read key_file /nowhere/tls.key: No such file or directory"),
        ({"client_ca_file": "/nowhere/ca.crt"}, "cannot read client_ca_file /nowhere/ca.crt: No such file"),
        ({"cert_file": "{server_key}"}, "are no certificate and its unencrypted key in PEM form"),
        ({"key_file": "{client_key}"}, "are no certificate and its unencrypted key in PEM form"),
        ({"client_ca_file": "{server_key}"}, "holds no PEM certificates"),
    ],
)
def test_unusable_files(serve: Any, certificates: Any, protocol: str, change: dict[str, str], text: str) -> None:
    """Guarantees: start fails with the receiver, the option, the file and the reason; never with a key's text."""
    change = {
        name: getattr(certificates, value.strip("{}")) if value.startswith("{") else value
        for name, value in change.items()
    }
    with pytest.raises(OSError, match=rf"^receivers\.otlp\.protocols\.{protocol}: ") as caught:
        serve(**{protocol: {"tls": {**server_tls(certificates), **change}}})
    assert text in str(caught.value)
    assert "PRIVATE" not in str(caught.value)

"""TLS and mutual TLS, over gRPC and HTTP: who is trusted, who is not, and what a bad file says."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import grpc
import pytest
from tailgate.exporters import otlp_grpc, otlp_http
from tailgate.exporters.tls import TlsSettings, read_material, ssl_context

RETRY = {"initial_interval": "30ms", "max_interval": "50ms", "max_elapsed_time": "400ms"}


def grpc_credentials(certificates: Any, mutual: bool) -> grpc.ServerCredentials:
    cert, key = (path.read_bytes() for path in certificates.server)
    root = certificates.ca.read_bytes() if mutual else None
    return grpc.ssl_server_credentials([(key, cert)], root, require_client_auth=mutual)


def http_context(certificates: Any, mutual: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificates.server)
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates.ca)
    return context


def client(kind: str, port: int, tls: dict[str, Any], context: Any) -> Any:
    if kind == "grpc":
        keys = {"endpoint": f"localhost:{port}", "tls": tls, "retry_on_failure": RETRY, "timeout": "1s"}
        return otlp_grpc.SPEC.build(otlp_grpc.OtlpGrpcSettings.model_validate(keys), context)
    keys = {"endpoint": f"https://localhost:{port}", "tls": tls, "retry_on_failure": RETRY, "timeout": "1s"}
    return otlp_http.SPEC.build(otlp_http.OtlpHttpSettings.model_validate(keys), context)


CASES = [
    ("the right authority", {"ca_file": "ca"}, False, True),
    ("another authority", {"ca_file": "other_ca"}, False, False),
    ("the system's authorities", {}, False, False),
    ("a name that the certificate has", {"ca_file": "ca", "server_name_override": "upstream.test"}, False, True),
    ("a name that it has not", {"ca_file": "ca", "server_name_override": "elsewhere.test"}, False, False),
    ("mutual", {"ca_file": "ca", "cert_file": "client", "key_file": "client"}, True, True),
    ("mutual without a certificate", {"ca_file": "ca"}, True, False),
    ("mutual with a stranger's", {"ca_file": "ca", "cert_file": "stranger", "key_file": "stranger"}, True, False),
]


@pytest.mark.parametrize("kind", ["grpc", "http"])
@pytest.mark.parametrize(("case", "tls", "mutual", "works"), CASES, ids=[case[0] for case in CASES])
def test_who_is_trusted(
    kind: str, case: str, tls: dict[str, str], mutual: bool, works: bool,
    grpc_upstream, http_upstream, certificates, context, make_request, until,
) -> None:  # fmt: skip
    """Spans arrive exactly where both sides trust each other; else they are retried, lost by name, and none arrives."""
    pair = {"cert_file": 0, "key_file": 1}
    resolved = {
        key: str(getattr(certificates, value)[pair[key]] if key in pair else getattr(certificates, value))
        if key != "server_name_override"
        else value
        for key, value in tls.items()
    }

    async def main() -> None:
        serve = (
            grpc_upstream(credentials=grpc_credentials(certificates, mutual))
            if kind == "grpc"
            else http_upstream(ssl_context=http_context(certificates, mutual))
        )
        async with serve as upstream:
            exporter = client(kind, upstream.port, resolved, context())
            await exporter.start()
            exporter.offer([(make_request(2), 2)])
            ledger = exporter.ledger
            await until(lambda: ledger.sent + sum(ledger.failed.values()) == 2)
            await exporter.stop(asyncio.get_running_loop().time() + 1)
            assert (ledger.sent == 2) is works
            assert bool(upstream.bodies) is works
            assert works or ledger.failed["retries_exhausted"] == 2

    asyncio.run(main())


def test_skip_verify_over_http(http_upstream, certificates, context, make_request, until) -> None:
    """`insecure_skip_verify` takes any certificate."""

    async def main() -> None:
        async with http_upstream(ssl_context=http_context(certificates, False)) as upstream:
            exporter = client("http", upstream.port, {"insecure_skip_verify": True}, context())
            await exporter.start()
            exporter.offer([(make_request(2), 2)])
            await until(lambda: exporter.ledger.sent == 2)
            await exporter.stop(asyncio.get_running_loop().time() + 1)

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["grpc", "http"])
@pytest.mark.parametrize("problem", ["missing", "not PEM", "empty", "wrong key"])
def test_bad_files_stop_the_start(kind: str, problem: str, certificates, context, tmp_path: Path) -> None:
    """A file that is missing or holds no certificate is an OSError at the start that names it."""
    bad = tmp_path / "bad.pem"
    tls = {"ca_file": str(bad)}
    if problem == "not PEM":
        bad.write_text("hello")
    if problem == "empty":
        bad.write_text("")
    if problem == "wrong key":
        bad.write_bytes(certificates.stranger[1].read_bytes())
        tls = {"cert_file": str(certificates.client[0]), "key_file": str(bad)}

    async def main() -> None:
        exporter = client(kind, 1, tls, context())
        with pytest.raises(OSError, match=r"bad\.pem"):
            await exporter.start()
        await exporter.stop(asyncio.get_running_loop().time())

    asyncio.run(main())


def test_pem_in_place(certificates) -> None:
    """Certificates and keys may stand in the configuration; the key is not shown."""
    cert, key = (path.read_text() for path in certificates.client)
    tls = TlsSettings(ca_pem=certificates.ca.read_text(), cert_pem=cert, key_pem=key)
    assert read_material(tls).key == key.encode()
    assert ssl_context(tls).verify_mode is ssl.CERT_REQUIRED
    assert "PRIVATE KEY" not in repr(tls)


def test_versions(certificates) -> None:
    """TLS 1.2 is the least unless more is asked for."""
    assert ssl_context(TlsSettings()).minimum_version is ssl.TLSVersion.TLSv1_2
    assert ssl_context(TlsSettings(min_version="1.3")).minimum_version is ssl.TLSVersion.TLSv1_3
    assert ssl_context(TlsSettings(max_version="1.2")).maximum_version is ssl.TLSVersion.TLSv1_2


def test_the_system_pool_beside_ones_own(certificates) -> None:
    """`include_system_ca_certs_pool` adds to `ca_file` and does not replace it."""
    own = TlsSettings(ca_file=str(certificates.ca))
    both = TlsSettings(ca_file=str(certificates.ca), include_system_ca_certs_pool=True)
    own_material, both_material = read_material(own).ca, read_material(both).ca
    assert own_material is not None
    assert both_material is not None
    assert both_material.startswith(own_material)
    assert len(ssl_context(both).get_ca_certs()) >= len(ssl_context(own).get_ca_certs()) == 1

"""TLS of a server from the files that the configuration names: credentials for gRPC, an `SSLContext` for HTTP."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import Any

import grpc

from .config import TlsConfig


def grpc_credentials(tls: TlsConfig, where: str) -> Any:
    """Return gRPC server credentials. Raises OSError that names `where` and the file, for what cannot be used."""
    ssl_context(tls, where)  # gRPC tells of bad files only in its own log, and only by refusing to listen
    authority = _read(tls.client_ca_file, where, "client_ca_file") if tls.client_ca_file else None
    return grpc.ssl_server_credentials([(_key(tls, where), _cert(tls, where))], authority, authority is not None)


def ssl_context(tls: TlsConfig, where: str) -> ssl.SSLContext:
    """Return the context of an HTTPS server. Raises OSError that names `where` and the file that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if tls.min_version == "1.3" else ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _load_pair(context, tls, where)
    if tls.client_ca_file:
        authority = _read(tls.client_ca_file, where, "client_ca_file")
        try:
            context.load_verify_locations(cadata=authority.decode("ascii"))
        except (ssl.SSLError, ValueError):
            raise OSError(f"{where}: client_ca_file {tls.client_ca_file} holds no PEM certificates") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _load_pair(context: ssl.SSLContext, tls: TlsConfig, where: str) -> None:
    """Load certificate and key; the standard library wants both as files, so inline ones pass through a private one."""
    cert, key = _cert(tls, where), _key(tls, where)
    with tempfile.TemporaryDirectory(prefix="tailgate-tls-") as folder:
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(key + b"\n" + cert)
        try:
            context.load_cert_chain(pair)
        except (ssl.SSLError, ValueError):
            names = f"{tls.cert_file or 'cert_pem'} and {tls.key_file or 'key_pem'}"
            raise OSError(f"{where}: {names} are no certificate and its unencrypted key in PEM form") from None


def _cert(tls: TlsConfig, where: str) -> bytes:
    return tls.cert_pem.encode() if tls.cert_pem else _read(tls.cert_file, where, "cert_file")


def _key(tls: TlsConfig, where: str) -> bytes:
    return tls.key_pem.get_secret_value().encode() if tls.key_pem else _read(tls.key_file, where, "key_file")


def _read(path: str | None, where: str, option: str) -> bytes:
    try:
        return Path(path or "").read_bytes()
    except OSError as error:
        raise OSError(f"{where}: cannot read {option} {path}: {error.strerror}") from None

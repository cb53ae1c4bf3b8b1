"""TLS towards an upstream: the collector's `tls` section, and the files and contexts that it stands for."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import SecretStr, model_validator

from .settings import Settings

TlsVersion = Literal["1.2", "1.3"]
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class TlsSettings(Settings):
    """`tls`: files are read when the exporter starts."""

    insecure: bool = False
    """Plain text, for gRPC; over HTTP the endpoint's scheme says so."""
    insecure_skip_verify: bool = False
    """HTTP only; gRPC always verifies."""
    ca_file: str | None = None
    """Authorities that the upstream's certificate must be of; left out: the system's."""
    ca_pem: str | None = None
    """Authorities that the upstream's certificate must be of; left out: the system's."""
    cert_file: str | None = None
    """Of the certificate to show, with its key (mTLS)."""
    cert_pem: str | None = None
    """Of the certificate to show, with its key (mTLS)."""
    key_file: str | None = None
    """Of the certificate to show, with its key (mTLS)."""
    key_pem: SecretStr | None = None
    """Of the certificate to show, with its key (mTLS)."""
    server_name_override: str | None = None
    """The name in the upstream's certificate."""
    min_version: TlsVersion = "1.2"
    """HTTP only."""
    max_version: TlsVersion | None = None
    include_system_ca_certs_pool: bool = False
    """Use the system's authorities as well."""

    @model_validator(mode="after")
    def _complete(self) -> TlsSettings:
        for kind, file, pem in (("ca", self.ca_file, self.ca_pem), ("cert", self.cert_file, self.cert_pem),
                                ("key", self.key_file, self.key_pem)):  # fmt: skip
            if file is not None and pem is not None:
                raise ValueError(f"{kind}_file and {kind}_pem are two ways to say the same: use one")
        if (self.cert_file is None and self.cert_pem is None) != (self.key_file is None and self.key_pem is None):
            raise ValueError("a client certificate needs both a certificate and its key")
        if self.max_version is not None and self.max_version < self.min_version:
            raise ValueError("max_version must not be below min_version")
        return self


class Material(NamedTuple):
    """The PEM bytes that `tls` names; None where it names none."""

    ca: bytes | None
    cert: bytes | None
    key: bytes | None


def read_material(tls: TlsSettings) -> Material:
    """Read what `tls` names. Raises OSError (with the file's name) for what cannot be read."""
    key = tls.key_pem.get_secret_value() if tls.key_pem is not None else None
    ca = _read(tls.ca_file, tls.ca_pem)
    if ca is not None and tls.include_system_ca_certs_pool:
        ca += b"\n" + _system_authorities()
    return Material(ca, _read(tls.cert_file, tls.cert_pem), _read(tls.key_file, key))


def ssl_context(tls: TlsSettings) -> ssl.SSLContext:
    """Return the client context that `tls` describes. Raises OSError when a file cannot be read or is no PEM."""
    material = read_material(tls)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = _VERSIONS[tls.min_version]
    if tls.max_version is not None:
        context.maximum_version = _VERSIONS[tls.max_version]
    try:
        if material.ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cadata=material.ca.decode("ascii", "replace"))
        if material.cert is not None and material.key is not None:
            _load_pair(context, tls, material.cert, material.key)
    except (ssl.SSLError, ValueError) as error:
        shown = ", ".join(name for name in (tls.ca_file, tls.cert_file, tls.key_file) if name) or "given in place"
        raise OSError(f"tls: no usable certificate, key or authority in {shown}: {error}") from None
    return context


def _load_pair(context: ssl.SSLContext, tls: TlsSettings, cert: bytes, key: bytes) -> None:
    if tls.cert_file is not None and tls.key_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)
        return
    # The standard library reads a key from a file only; this one is readable by nobody else and gone at once.
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder, "pair.pem")
        with os.fdopen(os.open(pair, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(cert + b"\n" + key)
        context.load_cert_chain(pair)


def _read(path: str | None, text: str | None) -> bytes | None:
    if path is not None:
        return Path(path).read_bytes()
    return text.encode() if text is not None else None


def _system_authorities() -> bytes:
    context = ssl.create_default_context()
    return "\n".join(ssl.DER_cert_to_PEM_cert(der) for der in context.get_ca_certs(binary_form=True)).encode()

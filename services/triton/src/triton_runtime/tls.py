"""Checks the TLS files before tritonserver starts: its own errors take many lines."""

import ssl
from pathlib import Path

from triton_runtime.errors import SettingsError
from triton_runtime.settings import Settings


def check_tls(settings: Settings) -> None:
    """Check the certificate, its key and the clients' CA.

    Raises:
        SettingsError: A file is missing or can't be used. The message doesn't quote the file's content.
    """
    cert_file, key_file, ca_file = settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file
    if (cert_file is None) != (key_file is None):
        raise SettingsError("TRITON_TLS_CERT_FILE and TRITON_TLS_KEY_FILE must be set together: set both or neither")
    if ca_file is not None and cert_file is None:
        raise SettingsError("TRITON_TLS_CLIENT_CA_FILE needs TRITON_TLS_CERT_FILE and TRITON_TLS_KEY_FILE")
    for file in (cert_file, key_file, ca_file):
        if file is not None:
            _read(file)
    if cert_file is not None and key_file is not None:
        _load_pair(cert_file, key_file)
    if ca_file is not None:
        _load_ca(ca_file)


def _read(file: Path) -> None:
    try:
        file.read_bytes()
    except OSError as exc:
        raise SettingsError(f"{file} can't be read: {exc.strerror}") from exc


def _load_pair(cert_file: Path, key_file: Path) -> None:
    try:
        # Without a password argument OpenSSL would ask for a passphrase on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as exc:
        raise SettingsError(
            f"TRITON_TLS_CERT_FILE, TRITON_TLS_KEY_FILE: {cert_file} and {key_file} must be a certificate and its own "
            "key, in PEM and without a passphrase"
        ) from exc


def _load_ca(file: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(file)
    except ssl.SSLError as exc:
        raise SettingsError(
            f"TRITON_TLS_CLIENT_CA_FILE: {file} holds no certificate in PEM; name a file of CA certificates"
        ) from exc

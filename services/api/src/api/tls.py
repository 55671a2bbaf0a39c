"""TLS contexts, made at start: a file that can't be used stops the process with a line that names it."""

import ssl
from pathlib import Path


def server_context(cert_file: Path, key_file: Path, client_ca_file: Path | None = None) -> ssl.SSLContext:
    """Return the server's TLS context: TLS 1.2 at least, with Python's choice of ciphers.

    Args:
        cert_file: The certificate, followed by the intermediate ones, in PEM.
        key_file: Its private key, in PEM, without a passphrase.
        client_ca_file: CAs of client certificates, in PEM; None asks clients for no certificate.

    Raises:
        ValueError: A file can't be used. The message names it and holds nothing of its contents.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _load_pair(context, cert_file, key_file)
    if client_ca_file is not None:
        _load_ca(context, client_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def check_client_files(ca_file: Path, cert_file: Path | None, key_file: Path | None) -> None:
    """Check the files for TLS to Triton.

    Raises:
        ValueError: A file can't be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load_ca(context, ca_file)
    if cert_file is not None and key_file is not None:
        _load_pair(context, cert_file, key_file)


def _load_pair(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    for file in (cert_file, key_file):
        _read(file)
    try:
        # Without a passphrase given here OpenSSL would ask for one on the terminal.
        context.load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            raise ValueError(f"{key_file} isn't the key of {cert_file}") from exc
        raise ValueError(
            f"{cert_file} and {key_file} must be a certificate and its key, in PEM and without a passphrase"
        ) from exc


def _load_ca(context: ssl.SSLContext, file: Path) -> None:
    _read(file)
    try:
        context.load_verify_locations(file)
    except ssl.SSLError as exc:
        raise ValueError(f"{file} holds no certificate in PEM") from exc


def _read(file: Path) -> None:
    try:
        file.read_bytes()
    except OSError as exc:
        raise ValueError(f"{file} can't be read: {exc.strerror}") from exc

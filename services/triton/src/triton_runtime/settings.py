"""What can be set from outside, as ``TRITON_*`` variables; one frozen object a process."""

import secrets
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from triton_runtime.errors import SettingsError


class Settings(BaseSettings):
    """The launcher's settings. Each is read once, at start."""

    model_config = SettingsConfigDict(
        env_prefix="TRITON_", env_ignore_empty=True, frozen=True, extra="ignore", populate_by_name=True
    )

    host: str = Field(
        "127.0.0.1", min_length=1, description="Address of all three ports; loopback unless told otherwise."
    )
    http_host: str | None = Field(
        None,
        min_length=1,
        description="Address of the HTTP port, which has no TLS; unset: `TRITON_HOST`, or loopback where gRPC has TLS.",
    )
    http_port: int = Field(8000, ge=1, le=65535, description="Port for HTTP.")
    grpc_port: int = Field(8001, ge=1, le=65535, description="Port for gRPC.")
    metrics_port: int = Field(8002, ge=1, le=65535, description="Port for Prometheus metrics.")

    model_repository: Path = Field(Path("model_repository"), description="Folder of models to serve; only read.")
    run_dir: Path = Field(Path(".run/triton"), description="Folder for the backends that are put together at start.")
    backend_dir: Path | None = Field(
        None, description="Folder with backends put together before (`python -m triton_runtime assemble`)."
    )
    server_bin: Path | None = Field(
        None, description="Another `tritonserver` than the wheel's, such as the one in NVIDIA's image."
    )

    admin_key: SecretStr | None = Field(
        None, description="Key to the repository API (load, unload). Without one nobody can load."
    )
    admin_key_file: Path | None = Field(None, description="File with that key.")

    tls_cert_file: Path | None = Field(
        None, description="Certificate, with those that lead to its CA, in PEM: gRPC then speaks TLS, and nothing else."
    )
    tls_key_file: Path | None = Field(None, description="Its private key, in PEM, without a passphrase.")
    tls_client_ca_file: Path | None = Field(
        None, description="CAs in PEM: every gRPC client has to show a certificate that one of them signed."
    )

    exit_timeout_s: int = Field(30, ge=0, le=3600, description="Seconds that requests in flight get at a stop.")
    log_verbose: int = Field(0, ge=0, le=3, description="tritonserver's own verbose log level; 0 is off.")
    grpc_max_connection_age_s: int = Field(
        0,
        ge=0,
        le=86_400,
        description="Seconds after which a gRPC connection is closed, so that clients look the name "
        "up again and find new replicas; 0 is never.",
    )
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+",
        validation_alias=AliasChoices("TRITON_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "otlp_endpoint"),
        description="Collector of traces, OTLP over HTTP, such as `http://127.0.0.1:4318`; unset: no traces. "
        "Also answers to `OTEL_EXPORTER_OTLP_ENDPOINT`, which the api reads as well.",
    )
    trace_rate: int = Field(
        0,
        ge=0,
        le=1_000_000_000,
        description="One in so many of the requests without a `traceparent` is traced, 0 is none; those with one do as "
        "it says, which is how the api decides.",
    )
    extra_args: str = Field("", description="Further tritonserver flags, separated by spaces.")

    def http_address(self) -> str:
        """Return where HTTP listens: a door without TLS beside one with it is open to this machine only."""
        return self.http_host or (self.host if self.tls_cert_file is None else "127.0.0.1")

    def key(self) -> str:
        """Return the key of the repository API; a random one, which nobody knows, where none is set.

        Raises:
            SettingsError: The key file can't be read, or is empty.
        """
        if self.admin_key is not None:
            return self.admin_key.get_secret_value()
        if self.admin_key_file is None:
            return secrets.token_urlsafe(32)
        try:
            key = self.admin_key_file.read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise SettingsError(f"TRITON_ADMIN_KEY_FILE: {self.admin_key_file}: {exc.strerror}") from exc
        if not key:
            raise SettingsError(f"TRITON_ADMIN_KEY_FILE: {self.admin_key_file} is empty")
        return key

    def has_key(self) -> bool:
        """Say whether somebody may know the key."""
        return self.admin_key is not None or self.admin_key_file is not None

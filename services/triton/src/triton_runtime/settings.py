"""Settings from ``TRITON_*`` environment variables; one frozen object a process."""

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

    host: str = Field("127.0.0.1", min_length=1, description="Address of all three ports; loopback by default.")
    http_host: str | None = Field(
        None,
        min_length=1,
        description="Address of the HTTP port, which has no TLS; unset: `TRITON_HOST`, or loopback where gRPC has TLS.",
    )
    http_port: int = Field(8000, ge=1, le=65535, description="Port for HTTP.")
    grpc_port: int = Field(8001, ge=1, le=65535, description="Port for gRPC.")
    metrics_port: int = Field(8002, ge=1, le=65535, description="Port for Prometheus metrics.")

    model_repository: Path = Field(Path("model_repository"), description="Folder of the models to serve; only read.")
    run_dir: Path = Field(
        Path(".run/triton"), description="Folder for the backend directory, which is assembled at start."
    )
    backend_dir: Path | None = Field(
        None, description="A backend directory that was assembled before (`python -m triton_runtime assemble`)."
    )
    server_bin: Path | None = Field(
        None, description="Another `tritonserver` than the wheel's, such as that of NVIDIA's image."
    )

    admin_key: SecretStr | None = Field(
        None, description="Key of the repository API (load, unload); without a key no model can be loaded."
    )
    admin_key_file: Path | None = Field(None, description="File with that key.")

    tls_cert_file: Path | None = Field(
        None, description="Certificate and its intermediate certificates in PEM; gRPC then accepts TLS only."
    )
    tls_key_file: Path | None = Field(None, description="The certificate's private key in PEM, without a passphrase.")
    tls_client_ca_file: Path | None = Field(
        None,
        description="CA certificates in PEM; every gRPC client must then present a certificate signed by one of them.",
    )

    exit_timeout_s: int = Field(
        30, ge=0, le=3600, description="Seconds that requests in flight get to finish at a stop."
    )
    log_verbose: int = Field(0, ge=0, le=3, description="tritonserver's own verbose log level; 0 is off.")
    grpc_max_connection_age_s: int = Field(
        0,
        ge=0,
        le=86_400,
        description="Seconds after which the server closes a gRPC connection, so that clients resolve the name "
        "again and find new replicas; 0: never.",
    )
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+",
        validation_alias=AliasChoices("TRITON_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "otlp_endpoint"),
        description="Collector of traces, OTLP over HTTP, such as `http://127.0.0.1:4318`; unset: no traces. "
        "`OTEL_EXPORTER_OTLP_ENDPOINT`, which the api reads too, is accepted as well.",
    )
    trace_rate: int = Field(
        0,
        ge=0,
        le=1_000_000_000,
        description="One in this number of requests without a `traceparent` is traced; 0: none. A request with a "
        "`traceparent`, as the api sends it, is traced if its sampled flag is set.",
    )
    extra_args: str = Field("", description="Further tritonserver flags, separated by spaces.")

    def http_address(self) -> str:
        """Return the address of the HTTP port: loopback where gRPC has TLS, because HTTP has none."""
        return self.http_host or (self.host if self.tls_cert_file is None else "127.0.0.1")

    def key(self) -> str:
        """Return the key of the repository API; a random, unpublished one where none is set.

        Raises:
            SettingsError: The key file can't be read or is empty.
        """
        if self.admin_key is not None:
            return self.admin_key.get_secret_value()
        if self.admin_key_file is None:
            return secrets.token_urlsafe(32)
        try:
            key = self.admin_key_file.read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise SettingsError(f"TRITON_ADMIN_KEY_FILE: {self.admin_key_file} can't be read: {exc.strerror}") from exc
        if not key:
            raise SettingsError(f"TRITON_ADMIN_KEY_FILE: {self.admin_key_file} is empty; write the key into it")
        return key

    def has_key(self) -> bool:
        """Return whether a key is set, so that clients can know it."""
        return self.admin_key is not None or self.admin_key_file is not None

"""What can be set from outside, as ``API_*`` variables; one frozen object a process."""

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from api.job_settings import JobSettings
from api.key_file import read_keys
from api.tls import check_client_files, server_context
from api.traffic_file import read_traffic


def _check_origin(text: str) -> str:
    if text != "*" and not re.fullmatch(r"https?://[^/\s*]+", text):
        raise ValueError(f"{text} is no origin: write https://host or https://host:port, without a path, or *")
    return text


# With a user and a password, a port and the number of a database, or none of them.
_REDIS_URL = re.compile(r"rediss?://([^/@\s]*@)?[^/:@\s]+(:\d{1,5})?(/\d*)?(\?\S*)?|unix://([^/@\s]*@)?/\S+")
Origin = Annotated[str, AfterValidator(_check_origin)]


def _check_task(text: str) -> str:
    if not re.fullmatch(r"[\w.]+:\w+", text):
        raise ValueError(f"{text} is no task: write module:Class, such as api.tasks.digits:Digits")
    return text


# Settings that are written as a list with commas.
_LISTS = ("keys", "cors_origins", "tasks", "v2_models")
TaskReference = Annotated[str, AfterValidator(_check_task)]


def default_workers() -> int:
    """Return one worker a core, 2 at least: one core's worth of Python can't keep Triton busy."""
    return max(2, len(os.sched_getaffinity(0)))


class Settings(JobSettings):
    """The api's settings. Each is read once, at start."""

    model_config = SettingsConfigDict(
        env_prefix="API_", env_ignore_empty=True, frozen=True, extra="ignore", populate_by_name=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on; loopback unless told otherwise.")
    port: int = Field(8888, ge=1, le=65535, description="Port to listen on.")
    workers: int = Field(
        default_factory=default_workers,
        ge=1,
        le=256,
        description="Worker processes; one a core, at least 2, unless set.",
    )
    backlog: int = Field(2048, ge=16, le=65535, description="Connections that the kernel queues before accept.")
    keep_alive_s: int = Field(65, ge=1, le=3600, description="Seconds that an idle connection is kept open.")
    unready_s: float = Field(
        1.0,
        ge=0,
        le=600,
        description="Seconds that a worker serves on at a stop, saying that it leaves; behind a load balancer longer "
        "than it takes to notice.",
    )
    drain_s: int = Field(30, ge=1, le=600, description="Seconds that requests in flight get to finish after that.")

    triton_url: str = Field(
        "127.0.0.1:8001",
        min_length=1,
        validation_alias=AliasChoices("API_TRITON_URL", "TRITON_SERVER_URL", "triton_url"),
        description="Triton's gRPC address, `host:port` or a gRPC target such as `dns:///triton:8001`; each address "
        "of a name, or of a list such as `ipv4:10.0.0.1:8001,10.0.0.2:8001`, is a replica. Also answers to "
        "`TRITON_SERVER_URL`.",
    )
    triton_probe_s: float = Field(
        0.5,
        ge=0.05,
        le=60,
        description="Seconds between two questions whether a replica lives, where there are several behind the "
        "address.",
    )
    triton_patience_s: float = Field(
        0.25,
        ge=0.01,
        le=60,
        description="Seconds that a replica may take longer than the first one to say that it lives, or to answer a "
        "canary (`API_READY_TTL_S`); then it leaves rotation until it answers in time. How long other calls take "
        "doesn't count.",
    )
    tasks: Annotated[tuple[TaskReference, ...], NoDecode] = Field(
        ("api.tasks.digits:Digits",),
        description="Tasks to serve, `module:Class`, separated by commas; `none` for no task.",
    )
    model_name: str = Field("mnist_cnn", min_length=1, description="The model that the digit task asks.")
    traffic_file: Path | None = Field(
        None,
        description="File that sends a share of a model's requests to a version, a line `model:version:percent` each; "
        "the rest goes to the version of Triton's choice. Changes count within a second, without a restart.",
    )
    deadline_s: float = Field(
        5.0,
        gt=0,
        le=300,
        description="Seconds that a request has from its headers to its answer, body and queue included; beyond it "
        "504. A request shortens it with `x-request-timeout-ms`.",
    )
    max_in_flight: int = Field(
        256, ge=1, le=100_000, description="Requests that one worker takes on at a time; beyond it 503 `overloaded`."
    )
    max_held_bytes: int = Field(
        96 * 2**20,
        ge=1024,
        le=2**36,
        description="Bytes of request bodies that one worker holds at a time, packed and unpacked; beyond it 503 "
        "`overloaded`.",
    )
    max_queued_images: int = Field(
        2048,
        ge=1,
        le=1_000_000,
        description="Images that wait in one worker for a call to Triton; beyond it 503 `overloaded`.",
    )
    max_calls: int = Field(
        1,
        ge=1,
        le=64,
        description="gRPC calls that one worker has under way; what arrives meanwhile leaves together. More than one "
        "pays where a worker has several Tritons or model instances to keep busy.",
    )
    ready_ttl_s: float = Field(
        0.5, ge=0, le=60, description="Seconds for which a readiness answer is kept before Triton is asked again."
    )
    ready_deadline_s: float = Field(2.0, gt=0, le=60, description="Seconds that the readiness canary has to answer.")

    max_body_bytes: int = Field(
        24 * 2**20, ge=1024, le=2**30, description="Largest request body in bytes; beyond it 413."
    )
    v2_max_body_bytes: int = Field(
        64 * 2**20,
        ge=1024,
        le=2**34,
        description="Largest body of a request under `/v2` in bytes, also once it is unpacked; beyond it 413.",
    )
    v2_models: Annotated[tuple[str, ...], NoDecode] = Field(
        ("*",),
        description="Models that may be asked under `/v2`, separated by commas; the others get 404. `*` is every "
        "model, `none` is none.",
    )
    max_header_bytes: int = Field(
        64 * 1024, ge=4096, le=2**20, description="Most bytes of a request line and its headers; beyond it 431."
    )
    client_timeout_s: float = Field(
        10.0,
        ge=0.5,
        le=600,
        description="Seconds that a client has to send the headers of a request, then its body (beyond either 408), "
        "and to take some of its answer. `API_DEADLINE_S` bounds the body too.",
    )
    max_image_px: int = Field(
        2**26, ge=784, le=2**28, description="Largest image in pixels (width × height), checked before decoding."
    )
    max_decode_bytes: int = Field(
        240 * 2**20,
        ge=2**20,
        le=2**34,
        description="Most memory in bytes that decoding one image may take, estimated from its header; beyond it 413. "
        "A worker decodes one large image at a time.",
    )
    max_batch_images: int = Field(128, ge=1, le=4096, description="Most images in one `POST /predict/batch`.")

    keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="API keys, separated by commas; without any, here and in the file, no key is needed."
    )
    keys_file: Path | None = Field(
        None, description="File with more API keys, one a line. Changes count within a second, without a restart."
    )
    metrics_public: bool = Field(True, description="Whether `/metrics` answers without an API key.")
    rate_limit: float = Field(
        0.0,
        ge=0,
        le=1_000_000,
        description="Requests a second that one client may send, beyond it 429; 0 is no limit. A client is an API key, "
        "or else an address. Without `API_REDIS_URL` each worker counts for itself, so that the limit holds a worker.",
    )
    rate_burst: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Requests that a client may send at once, at least `API_RATE_LIMIT`: it is held to as many in any "
        "window of `API_RATE_BURST` / `API_RATE_LIMIT` seconds, rounded up to whole ones. Unset: those of the shortest "
        "window of whole seconds that meets the rate.",
    )
    redis_url: SecretStr | None = Field(
        None,
        description="Redis, such as `redis://:PASSWORD@127.0.0.1:6379/0`, `rediss://…` or `unix://…`, where all "
        "workers and replicas share the rate limits; while it doesn't answer, each worker counts for itself. It also "
        "holds the jobs under `/jobs`, which are off without it; they need Redis 7.",
    )
    redis_url_file: Path | None = Field(
        None,
        description="File with that address, which counts where `API_REDIS_URL` isn't set. It may be missing: the api "
        "replaces its workers within a second of its coming.",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses and networks of proxies in front, separated by commas, whose `x-forwarded-for` "
        "names the client; `*` trusts every peer.",
    )
    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = Field(
        (),
        description="Origins, such as `https://example.org`, separated by commas, whose pages may call the api from a "
        "browser; `*` is any. None by default.",
    )

    tls_cert_file: Path | None = Field(
        None, description="Certificate, with those that lead to its CA, in PEM: the api speaks HTTPS, and nothing else."
    )
    tls_key_file: Path | None = Field(None, description="Its private key, in PEM, without a passphrase.")
    tls_client_ca_file: Path | None = Field(
        None, description="CAs in PEM: every client has to show a certificate that one of them signed."
    )
    triton_tls_ca_file: Path | None = Field(
        None,
        validation_alias=AliasChoices("API_TRITON_TLS_CA_FILE", "TRITON_TLS_CA_FILE", "triton_tls_ca_file"),
        description="CAs in PEM that Triton's certificate is checked against: the api speaks TLS to Triton. "
        "Also answers to `TRITON_TLS_CA_FILE`.",
    )
    triton_tls_cert_file: Path | None = Field(
        None, description="Certificate that the api shows to Triton, where that asks for one."
    )
    triton_tls_key_file: Path | None = Field(None, description="Its private key.")

    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+",
        validation_alias=AliasChoices("API_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "otlp_endpoint"),
        description="Collector of traces, OTLP over HTTP, such as `http://127.0.0.1:4318`; unset: no traces. "
        "Also answers to `OTEL_EXPORTER_OTLP_ENDPOINT`, which Triton reads as well.",
    )
    trace_ratio: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share of the requests without a `traceparent` that are traced; the others do as theirs says.",
    )

    metrics_dir: Path = Field(
        Path(".run/api-metrics"), description="Folder (best on tmpfs) where the workers keep their shared counters."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="One JSON object a line, or text for people; `auto` picks text on a terminal."
    )

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        """Turn ``API_KEYS=a,b`` into a tuple, ``none`` into an empty one; pydantic-settings would ask for JSON."""
        for name in (*_LISTS, *(f"API_{name.upper()}" for name in _LISTS)):
            raw = values.get(name)
            if isinstance(raw, str):
                parts = tuple(part.strip() for part in raw.split(",") if part.strip())
                values[name] = () if parts == ("none",) else parts
        return values

    @model_validator(mode="before")
    @classmethod
    def _read_redis_url(cls, values: dict[str, object]) -> dict[str, object]:
        """Take Redis' address from its file, where there is one."""
        file = values.get("redis_url_file")
        if isinstance(file, str | Path) and not values.get("redis_url"):
            try:
                values["redis_url"] = Path(file).read_text(encoding="ascii").strip()
            except FileNotFoundError:
                pass
            except (OSError, UnicodeDecodeError) as exc:
                raise ValueError(f"API_REDIS_URL_FILE: {file} can't be read: {exc}") from exc
        return values

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for name in ("max_body_bytes", "v2_max_body_bytes"):
            if self.max_held_bytes < getattr(self, name):
                raise ValueError(
                    f"API_MAX_HELD_BYTES: must be at least API_{name.upper()}, or the largest body never fits"
                )
        if not self.metrics_public and not self.keys and self.keys_file is None:
            raise ValueError("API_METRICS_PUBLIC: without API_KEYS or API_KEYS_FILE no client could read the metrics")
        return self

    @model_validator(mode="after")
    def _check_rate_limit(self) -> Self:
        if self.rate_limit and self.rate_burst is not None and self.rate_burst < self.rate_limit:
            limit = f"API_RATE_LIMIT's {self.rate_limit:g} requests a second"
            raise ValueError(f"API_RATE_BURST: {self.rate_burst} is below {limit}; raise it, or leave it unset")
        if self.redis_url is not None and not _REDIS_URL.fullmatch(self.redis_url.get_secret_value()):
            raise ValueError("API_REDIS_URL: write redis://HOST:PORT/DATABASE, rediss://… or unix://PATH")
        return self

    @model_validator(mode="after")
    def _check_keys_file(self) -> Self:
        """Check at the start that the file can be used: with a wrong path no key would be needed."""
        if self.keys_file is not None:
            try:
                read_keys(self.keys_file)
            except ValueError as exc:
                raise ValueError(f"API_KEYS_FILE: {exc}") from exc
        return self

    @model_validator(mode="after")
    def _check_traffic_file(self) -> Self:
        if self.traffic_file is not None:
            try:
                read_traffic(self.traffic_file)
            except ValueError as exc:
                raise ValueError(f"API_TRAFFIC_FILE: {exc}") from exc
        return self

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        """Find out at once what can't be used, and what would silently be left out."""
        for prefix, cert_file, key_file in (
            ("API_TLS", self.tls_cert_file, self.tls_key_file),
            ("API_TRITON_TLS", self.triton_tls_cert_file, self.triton_tls_key_file),
        ):
            if (cert_file is None) != (key_file is None):
                raise ValueError(f"{prefix}_CERT_FILE and {prefix}_KEY_FILE belong together: set both or none")
        if self.tls_client_ca_file is not None and self.tls_cert_file is None:
            raise ValueError("API_TLS_CLIENT_CA_FILE needs API_TLS_CERT_FILE and API_TLS_KEY_FILE")
        if self.triton_tls_cert_file is not None and self.triton_tls_ca_file is None:
            raise ValueError("API_TRITON_TLS_CERT_FILE needs API_TRITON_TLS_CA_FILE")
        try:
            if self.tls_cert_file is not None and self.tls_key_file is not None:
                server_context(self.tls_cert_file, self.tls_key_file, self.tls_client_ca_file)
            if self.triton_tls_ca_file is not None:
                check_client_files(self.triton_tls_ca_file, self.triton_tls_cert_file, self.triton_tls_key_file)
        except ValueError as exc:
            raise ValueError(f"TLS: {exc}") from exc
        return self

    def warning(self) -> str | None:
        """Return a warning about the settings for the log at the start, or None."""
        if self.keys or self.keys_file is not None or _is_loopback(self.host):
            return None
        return (
            f"No API key is needed, and the api listens on {self.host}: every host that reaches it may use it. "
            "Set API_KEYS or API_KEYS_FILE, unless a proxy in front of it checks keys."
        )


def load_settings() -> Settings:
    """Return the settings of this process.

    Raises:
        SystemExit: A variable's value can't be used; each gets a line that names it.
    """
    try:
        return Settings()
    except ValidationError as exc:
        raise SystemExit("\n".join(f"{_variable_of(error['loc'])}{error['msg']}" for error in exc.errors())) from exc


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _variable_of(location: tuple[int | str, ...]) -> str:
    """Return ``NAME: ``; pydantic gives an alias as it stands, a plain field without the prefix, a model no name.

    The place within a list is left out: people write the list in one piece.
    """
    name = "_".join(part for part in location if isinstance(part, str)).upper()
    if not name:
        return ""
    return f"{name}: " if name.startswith(("API_", "TRITON_")) else f"API_{name}: "

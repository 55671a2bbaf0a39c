"""tritonserver's command line and environment: pure functions of the settings."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from triton_runtime.settings import Settings
from triton_runtime.wheel import Wheel


def build_argv(settings: Settings, server: Path, backends: Path, key: str, models: Sequence[str]) -> list[str]:
    """Return tritonserver's command line.

    Args:
        settings: The launcher's settings.
        server: Path of the program.
        backends: The backend directory.
        key: Key of the repository API.
        models: Names of the models to load at start; ``*`` is every model of the repository.
    """
    argv = [
        str(server),
        f"--model-repository={settings.model_repository}",
        f"--backend-directory={backends}",
        # Explicit: a version is loaded when its publisher asks for it; polling could load a half-written one.
        "--model-control-mode=explicit",
        *(f"--load-model={name}" for name in models),
        # An empty repository, or a broken model in it, must not keep the other models from being served.
        "--exit-on-error=false",
        "--strict-readiness=false",
        f"--http-address={settings.http_address()}",
        f"--http-port={settings.http_port}",
        f"--grpc-address={settings.host}",
        f"--grpc-port={settings.grpc_port}",
        f"--metrics-address={settings.host}",
        f"--metrics-port={settings.metrics_port}",
        "--metrics-config=summary_latencies=true",
        f"--http-restricted-api=model-repository:admin-key={key}",
        f"--grpc-restricted-protocol=model-repository:admin-key={key}",
        f"--exit-timeout-secs={settings.exit_timeout_s}",
        f"--log-verbose={settings.log_verbose}",
    ]
    if settings.grpc_max_connection_age_s:
        argv.append(f"--grpc-max-connection-age={settings.grpc_max_connection_age_s * 1000}")
    return argv + _tls(settings) + _tracing(settings) + shlex.split(settings.extra_args)


def _tracing(settings: Settings) -> list[str]:
    """Return the flags that send traced requests' spans, queue and compute among them, to a collector."""
    if settings.otlp_endpoint is None:
        return []
    options = (
        "mode=opentelemetry",
        f"opentelemetry,url={settings.otlp_endpoint.rstrip('/')}/v1/traces",
        "opentelemetry,resource=service.name=triton",
        "level=TIMESTAMPS",
        f"rate={settings.trace_rate}",
    )
    return [f"--trace-config={option}" for option in options]


def _tls(settings: Settings) -> list[str]:
    if settings.tls_cert_file is None:
        return []
    flags = [f"--grpc-server-cert={settings.tls_cert_file}", f"--grpc-server-key={settings.tls_key_file}"]
    if settings.tls_client_ca_file is None:
        return ["--grpc-use-ssl=true", *flags]
    return ["--grpc-use-ssl-mutual=true", *flags, f"--grpc-root-cert={settings.tls_client_ca_file}"]


def build_env(base: Mapping[str, str], wheel: Wheel, interpreter_dir: Path) -> dict[str, str]:
    """Return the environment in which the server finds its libraries, and its stubs find this Python's packages.

    Args:
        base: The launcher's environment.
        wheel: Paths inside the wheel.
        interpreter_dir: The folder of this Python's ``python3``.
    """
    library_path = [str(folder) for folder in wheel.library_dirs]
    if base.get("LD_LIBRARY_PATH"):
        library_path.append(base["LD_LIBRARY_PATH"])
    return {
        **{name: value for name, value in base.items() if not name.startswith("TRITON_ADMIN_KEY")},
        "LD_LIBRARY_PATH": os.pathsep.join(library_path),
        "PATH": os.pathsep.join([str(interpreter_dir), base.get("PATH") or os.defpath]),
    }

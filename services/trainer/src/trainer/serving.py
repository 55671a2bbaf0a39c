"""Makes running Tritons serve a version, and asks each whether it really does. The only file that speaks to Triton.

Source of the protocol: https://github.com/kserve/kserve/blob/master/docs/predict-api/v2/grpc_predict_v2.proto, and for
the repository API and its restriction by a key
https://github.com/triton-inference-server/server/blob/main/docs/customization_guide/inference_protocols.md.
"""

import socket
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from trainer.errors import AdminKeyRefused, ServingError
from trainer.network import INPUT_NAME, OUTPUT_NAME

ADMIN_KEY_HEADER = "triton-grpc-protocol-admin-key"
REACH_TIMEOUT_S = 3.0
READY_POLL_S = 0.05
# As probabilities: a GPU's TF32 moves the logarithm of an unlikely digit by more than it means.
MAX_PROBABILITY_DIFFERENCE = 0.01


@dataclass(frozen=True)
class Probe:
    """A question whose answer is known.

    Args:
        images_u8: (N, 1, 28, 28) uint8.
        log_probabilities: (N, 10) float32, what the exported file says on this machine.
    """

    images_u8: NDArray[np.uint8]
    log_probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Tls:
    """How to speak TLS to Triton.

    Args:
        ca_file: What its certificate is checked against, PEM.
        cert_file: What to show it, or None.
        key_file: The key of that.
    """

    ca_file: Path
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True)
class Target:
    """Where a version is to be served.

    Args:
        url: ``host:port`` of Triton's gRPC port; a ``scheme://`` before it, as in ``dns:///``, is left out.
        admin_key: Key of the repository API, or None.
        timeout_s: Seconds that one Triton has to load and be ready.
        model_name: The model.
        tls: None speaks plainly.
    """

    url: str
    admin_key: str | None
    timeout_s: float
    model_name: str
    tls: Tls | None = None


def addresses(url: str) -> list[str]:
    """Return ``address:port`` of every replica behind ``url``; none if the name isn't known.

    Raises:
        ServingError: The address has no port.
    """
    host, port = _host_and_port(url)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return []
    numbers = dict.fromkeys(str(entry[4][0]) for entry in found)
    return [f"[{number}]:{port}" if ":" in number else f"{number}:{port}" for number in numbers]


def _host_and_port(url: str) -> tuple[str, int]:
    host, _, port = url.rpartition("//")[2].strip("/").rpartition(":")
    if not host or not port.isdecimal():
        raise ServingError(f"Triton's address {url!r} isn't host:port")
    return host.strip("[]"), int(port)


def _connect(target: Target, address: str) -> InferenceServerClient:
    """Return a client of one of the addresses behind the target's name."""
    if target.tls is None:
        return InferenceServerClient(address)
    ca, key, certificate = (_read(file) for file in (target.tls.ca_file, target.tls.key_file, target.tls.cert_file))
    # The certificate has the name in it, and not the address of each that answers to it.
    name = [("grpc.ssl_target_name_override", _host_and_port(target.url)[0])]
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    return InferenceServerClient(address, creds=credentials, channel_args=name)


def _read(file: Path | None) -> bytes | None:
    try:
        return None if file is None else file.read_bytes()
    except OSError as exc:
        raise ServingError(f"{file} can't be read: {exc.strerror}") from exc


def check_access(target: Target) -> None:
    """Find out whether running Tritons would let us load, before anything is done for it.

    Raises:
        ServingError: One wouldn't, or the address is none.
    """
    for address in addresses(target.url):
        with _connect(target, address) as client:
            if _is_running(client, address):
                try:
                    client.get_model_repository_index(headers=_headers(target), client_timeout=target.timeout_s)
                except InferenceServerException as exc:
                    raise _refusal(exc, address, target, "its repository can't be asked for") from exc


def load(target: Target, version: int, probe: Probe | None) -> list[str]:
    """Make every running Triton behind the address serve ``version``.

    Args:
        target: Where.
        version: What ``config.pbtxt`` names by now.
        probe: To ask each once it is ready; None asks nothing.

    Returns:
        The addresses that serve it now; none if no Triton is running.

    Raises:
        AdminKeyRefused: The repository API wants another key.
        ServingError: One answered, but doesn't serve the version, or answers wrongly.
    """
    done = []
    for address in addresses(target.url):
        with _connect(target, address) as client:
            if _is_running(client, address):
                _load_one(client, address, target, version)
                if probe is not None:
                    _ask(client, address, target, version, probe)
                done.append(address)
    return done


def _is_running(client: InferenceServerClient, address: str) -> bool:
    """Tell whether anybody answers. Asked first: later on, UNAVAILABLE also means "restricted" or "not allowed"."""
    try:
        return bool(client.is_server_live(client_timeout=REACH_TIMEOUT_S))
    except InferenceServerException as exc:
        # Somebody is there, and the two don't get on. Taken for nobody, he would go on serving what he has.
        complaint = str(exc).lower()
        if "handshake failed" in complaint or "verification check failed" in complaint:
            raise ServingError(
                f"Triton at {address} shows no certificate that TRITON_TLS_CA_FILE's CAs signed for its name"
            ) from exc
        if "socket closed" in complaint:
            raise ServingError(
                f"Triton at {address} hangs up: does it speak TLS (TRITON_TLS_CA_FILE), and want a certificate "
                "(TRAINER_TRITON_TLS_CERT_FILE)?"
            ) from exc
        return False


def _load_one(client: InferenceServerClient, address: str, target: Target, version: int) -> None:
    deadline_s = time.monotonic() + target.timeout_s
    try:
        client.load_model(target.model_name, headers=_headers(target), client_timeout=target.timeout_s)
        while not client.is_model_ready(target.model_name, str(version), client_timeout=target.timeout_s):
            if time.monotonic() > deadline_s:
                raise ServingError(
                    f"Triton at {address} loaded {target.model_name}, but version {version} isn't ready after "
                    f"{target.timeout_s:.0f} s; does it read the same repository?"
                )
            time.sleep(READY_POLL_S)
    except InferenceServerException as exc:
        raise _refusal(exc, address, target, f"version {version} can't be loaded") from exc


def _headers(target: Target) -> dict[str, str] | None:
    return {ADMIN_KEY_HEADER: target.admin_key} if target.admin_key else None


def _refusal(exc: InferenceServerException, address: str, target: Target, consequence: str) -> ServingError:
    """Tell a wrong key from everything else; both come with the same status, so the message has to do."""
    if "restricted" in str(exc).lower():
        given = "the admin key that it was given" if target.admin_key else "a call without an admin key"
        return AdminKeyRefused(
            f"Triton at {address} refused {given}; set TRITON_ADMIN_KEY or TRITON_ADMIN_KEY_FILE to its own"
        )
    return ServingError(f"Triton at {address}: {consequence}: {exc.message()}")


def _ask(client: InferenceServerClient, address: str, target: Target, version: int, probe: Probe) -> None:
    """Compare Triton's answers with those of the exported file."""
    images = InferInput(INPUT_NAME, list(probe.images_u8.shape), "UINT8")
    images.set_data_from_numpy(probe.images_u8)
    try:
        result = client.infer(
            target.model_name,
            [images],
            model_version=str(version),
            outputs=[InferRequestedOutput(OUTPUT_NAME)],
            client_timeout=target.timeout_s,
        )
    except InferenceServerException as exc:
        raise ServingError(f"Triton at {address} loaded version {version}, but can't run it: {exc.message()}") from exc
    answer = result.as_numpy(OUTPUT_NAME)
    if answer is None or answer.shape != probe.log_probabilities.shape:
        raise ServingError(f"Triton at {address} answers version {version} without {OUTPUT_NAME} of the right shape")
    difference = float(np.abs(np.exp(answer) - np.exp(probe.log_probabilities)).max())
    # Written so that a NaN fails too.
    if not difference <= MAX_PROBABILITY_DIFFERENCE:
        raise ServingError(
            f"Triton at {address} answers otherwise than the exported file: a probability differs by {difference:.2g}"
        )

"""Triton's repository API: loads a version into every running replica, and checks by a probe that it is served.

Source of the protocol: https://github.com/kserve/kserve/blob/master/docs/predict-api/v2/grpc_predict_v2.proto, and for
the repository API and its restriction by a key
https://github.com/triton-inference-server/server/blob/main/docs/customization_guide/inference_protocols.md.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from numpy.typing import NDArray
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from modelrepo.errors import AdminKeyRefused, ServingError
from modelrepo.probe import Probe
from modelrepo.target import Target

ADMIN_KEY_HEADER = "triton-grpc-protocol-admin-key"
REACH_TIMEOUT_S = 3.0
READY_POLL_S = 0.05


class Replica(NamedTuple):
    """A running Triton.

    Args:
        address: ``address:port``, for messages.
        client: Connected to it.
        target: The group of Tritons that it belongs to.
    """

    address: str
    client: InferenceServerClient
    target: Target

    @property
    def headers(self) -> dict[str, str] | None:
        """The admin key as Triton expects it, or None."""
        return {ADMIN_KEY_HEADER: self.target.admin_key} if self.target.admin_key else None


class Loaded(NamedTuple):
    """Where a version was loaded.

    Args:
        serving: Addresses of the Tritons that serve it.
        silent: Addresses that neither answered nor refused the connection: a Triton that hangs there, or whose network
            is away, still serves what it served.
    """

    serving: list[str]
    silent: list[str]


def check_access(target: Target) -> None:
    """Check that running Tritons accept the admin key, before a version is made for them.

    Raises:
        ServingError: A Triton refuses, or the address isn't ``host:port``.
    """
    for replica in _running(target, []):
        try:
            replica.client.get_model_repository_index(headers=replica.headers, client_timeout=target.timeout_s)
        except InferenceServerException as exc:
            raise _refusal(exc, replica, "its repository can't be listed") from exc


def load(target: Target, model_name: str, version: int, probe: Probe | None) -> Loaded:
    """Make every running Triton behind the address serve ``version``.

    Args:
        target: The Tritons.
        model_name: The model.
        version: The version that ``config.pbtxt`` names.
        probe: Sent to each Triton once the version is ready; None sends nothing.

    Returns:
        The addresses that serve the version now, none if no Triton is running; and those that didn't answer.

    Raises:
        AdminKeyRefused: The repository API requires another key.
        ServingError: A Triton answered, but doesn't serve the version, or gives another answer than the file.
    """
    done = Loaded([], [])
    for replica in _running(target, done.silent):
        _load_one(replica, model_name, version)
        if probe is not None:
            _send(replica, model_name, version, probe)
        done.serving.append(replica.address)
    return done


def _running(target: Target, silent: list[str]) -> Iterator[Replica]:
    """Yield every Triton behind the target's name that answers, connected; add those that don't to ``silent``."""
    for address in target.addresses():
        with _connect(target, address) as client:
            if _is_running(client, address, silent):
                yield Replica(address, client, target)


def _connect(target: Target, address: str) -> InferenceServerClient:
    """Return a client of one of the addresses behind the target's name."""
    if target.tls is None:
        return InferenceServerClient(address)
    ca, key, certificate = (_read(file) for file in (target.tls.ca_file, target.tls.key_file, target.tls.cert_file))
    # The certificate holds the host's name; the client connects to one of the numeric addresses behind it.
    name = [("grpc.ssl_target_name_override", target.certificate_name(address))]
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    return InferenceServerClient(address, creds=credentials, channel_args=name)


def _read(file: Path | None) -> bytes | None:
    try:
        return None if file is None else file.read_bytes()
    except OSError as exc:
        raise ServingError(f"{file} can't be read: {exc.strerror}") from exc


def _is_running(client: InferenceServerClient, address: str, silent: list[str]) -> bool:
    """Tell whether a Triton answers. Called first: in later calls UNAVAILABLE also means "restricted"."""
    try:
        return bool(client.is_server_live(client_timeout=REACH_TIMEOUT_S))
    except InferenceServerException as exc:
        # If a TLS error were treated as "not running", that Triton would keep serving the old version.
        complaint = str(exc).lower()
        if "handshake failed" in complaint or "verification check failed" in complaint:
            raise ServingError(
                f"Triton at {address} shows no certificate that TRITON_TLS_CA_FILE's CAs signed for its name"
            ) from exc
        if "socket closed" in complaint:
            raise ServingError(
                f"Triton at {address} closes the connection: if it speaks TLS, set TRITON_TLS_CA_FILE; if it requires "
                "a client certificate, set TRAINER_TRITON_TLS_CERT_FILE"
            ) from exc
        if exc.status() == str(grpc.StatusCode.DEADLINE_EXCEEDED):
            silent.append(address)
        return False


def _load_one(replica: Replica, model_name: str, version: int) -> None:
    client, timeout_s = replica.client, replica.target.timeout_s
    deadline_s = time.monotonic() + timeout_s
    try:
        client.load_model(model_name, headers=replica.headers, client_timeout=timeout_s)
        while not client.is_model_ready(model_name, str(version), client_timeout=timeout_s):
            if time.monotonic() > deadline_s:
                raise ServingError(
                    f"Triton at {replica.address} loaded {model_name}, but version {version} isn't ready after "
                    f"{timeout_s:.0f} s; does it read the same repository?"
                )
            time.sleep(READY_POLL_S)
    except InferenceServerException as exc:
        raise _refusal(exc, replica, f"version {version} can't be loaded") from exc


def _refusal(exc: InferenceServerException, replica: Replica, consequence: str) -> ServingError:
    """Tell a wrong key from other errors by the message: both have the same status."""
    if "restricted" in str(exc).lower():
        given = "the admin key that it was given" if replica.target.admin_key else "a call without an admin key"
        return AdminKeyRefused(
            f"Triton at {replica.address} refused {given}; set TRITON_ADMIN_KEY or TRITON_ADMIN_KEY_FILE to its own"
        )
    return ServingError(f"Triton at {replica.address}: {consequence}: {exc.message()}")


def _send(replica: Replica, model_name: str, version: int, probe: Probe) -> None:
    """Compare Triton's answer to the probe with that of the published file."""
    try:
        result = replica.client.infer(
            model_name,
            [_input(name, array) for name, array in probe.inputs.items()],
            model_version=str(version),
            outputs=[InferRequestedOutput(name) for name in probe.expected],
            client_timeout=replica.target.timeout_s,
        )
    except InferenceServerException as exc:
        raise ServingError(
            f"Triton at {replica.address} loaded version {version}, but can't run it: {exc.message()}"
        ) from exc
    answers = {}
    for name, expected in probe.expected.items():
        answer = result.as_numpy(name)
        if answer is None or answer.shape != expected.shape:
            raise ServingError(
                f"Triton at {replica.address} answers version {version} without {name} of shape {expected.shape}"
            )
        answers[name] = answer
    if difference := probe.compare(answers, probe.expected):
        raise ServingError(f"Triton at {replica.address} answers otherwise than the published file: {difference}")


def _input(name: str, array: NDArray[Any]) -> InferInput:
    tensor = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    return tensor.set_data_from_numpy(array)

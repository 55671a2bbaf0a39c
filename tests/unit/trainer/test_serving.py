"""Without a socket: a stand-in takes the client's place. The real Triton is asked in tests/e2e."""

import socket
from typing import Self

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from trainer import serving
from trainer.errors import AdminKeyRefused, ServingError

RESTRICTED = "This protocol is restricted, expecting header 'triton-grpc-protocol-admin-key'"
ANSWER = np.log(np.full((2, 10), 0.1, np.float32))
PROBE = serving.Probe(np.zeros((2, 1, 28, 28), np.uint8), ANSWER)


class FakeTriton:
    """What a replica does: ``down``, or loads, and answers with ``answer``."""

    def __init__(self) -> None:
        self.down, self.key, self.ready_after, self.answer = False, None, 0, ANSWER
        self.live_error: str | None = None
        self.load_error: str | None = None
        self.infer_error: str | None = None
        self.loads: list[dict[str, str] | None] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def is_server_live(self, client_timeout: float) -> bool:
        if self.live_error:
            raise InferenceServerException(self.live_error, "StatusCode.UNAVAILABLE")
        if self.down:
            raise InferenceServerException("connection refused", "StatusCode.UNAVAILABLE")
        return True

    def get_model_repository_index(self, headers: dict[str, str] | None, client_timeout: float) -> None:
        if self.key and headers != {"triton-grpc-protocol-admin-key": self.key}:
            raise InferenceServerException(RESTRICTED, "StatusCode.UNAVAILABLE")

    def load_model(self, name: str, headers: dict[str, str] | None, client_timeout: float) -> None:
        self.loads.append(headers)
        if self.key and headers != {"triton-grpc-protocol-admin-key": self.key}:
            raise InferenceServerException(RESTRICTED, "StatusCode.UNAVAILABLE")
        if self.load_error:
            raise InferenceServerException(self.load_error, "StatusCode.INTERNAL")

    def is_model_ready(self, name: str, version: str, client_timeout: float) -> bool:
        self.ready_after -= 1
        return self.ready_after < 0

    def infer(self, name: str, inputs, model_version: str, outputs, client_timeout: float):
        if self.infer_error:
            raise InferenceServerException(self.infer_error, "StatusCode.INTERNAL")
        return self

    def as_numpy(self, name: str):
        return self.answer


@pytest.fixture
def replicas(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeTriton]:
    found = {"10.0.0.1:8001": FakeTriton(), "10.0.0.2:8001": FakeTriton()}
    monkeypatch.setattr(serving, "addresses", lambda url: list(found))
    monkeypatch.setattr(serving, "InferenceServerClient", lambda address: found[address])
    monkeypatch.setattr(serving, "READY_POLL_S", 0.0)
    return found


def target(key: str | None = None, timeout_s: float = 5.0) -> serving.Target:
    return serving.Target("triton:8001", key, timeout_s, "mnist_cnn")


def test_every_replica_loads_it(replicas: dict[str, FakeTriton]) -> None:
    replicas["10.0.0.2:8001"].ready_after = 3
    assert serving.load(target(), 2, PROBE) == list(replicas)
    assert all(len(replica.loads) == 1 for replica in replicas.values())


def test_who_is_down_is_passed_over(replicas: dict[str, FakeTriton]) -> None:
    replicas["10.0.0.1:8001"].down = True
    assert serving.load(target(), 2, PROBE) == ["10.0.0.2:8001"]
    replicas["10.0.0.2:8001"].down = True
    assert serving.load(target(), 2, PROBE) == []


def test_the_key_is_sent_and_a_wrong_one_is_told_but_never_shown(replicas: dict[str, FakeTriton]) -> None:
    for replica in replicas.values():
        replica.key = "right"
    assert serving.load(target("right"), 2, PROBE) == list(replicas)
    with pytest.raises(AdminKeyRefused) as refusal:
        serving.load(target("wrong-secret"), 2, PROBE)
    assert "wrong-secret" not in str(refusal.value)
    with pytest.raises(AdminKeyRefused, match="without an admin key"):
        serving.load(target(), 2, PROBE)


def test_a_wrong_key_is_found_without_loading_anything(replicas: dict[str, FakeTriton]) -> None:
    replicas["10.0.0.1:8001"].down = True
    replicas["10.0.0.2:8001"].key = "right"
    serving.check_access(target("right"))
    with pytest.raises(AdminKeyRefused):
        serving.check_access(target("wrong"))
    assert not any(replica.loads for replica in replicas.values())


def break_load(triton: FakeTriton) -> None:
    triton.load_error = "failed to load 'mnist_cnn'"


def break_inference(triton: FakeTriton) -> None:
    triton.infer_error = "the model failed"


def never_get_ready(triton: FakeTriton) -> None:
    triton.ready_after = 10**9


def answer_otherwise(triton: FakeTriton) -> None:
    triton.answer = np.log(np.eye(10, dtype=np.float32)[:2] + 1e-9)


def answer_nan(triton: FakeTriton) -> None:
    triton.answer = np.full((2, 10), np.nan, np.float32)


def answer_nothing(triton: FakeTriton) -> None:
    triton.answer = np.empty((0,), np.float32)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (break_load, "version 2 can't be loaded: failed to load"),
        (break_inference, "can't run it: the model failed"),
        (never_get_ready, "does it read the same repository"),
        (answer_otherwise, "answers otherwise"),
        (answer_nan, "answers otherwise"),
        (answer_nothing, "right shape"),
    ],
)
def test_who_answers_but_does_not_serve_it_is_an_error(replicas: dict[str, FakeTriton], fault, complaint) -> None:
    fault(replicas["10.0.0.2:8001"])
    with pytest.raises(ServingError, match=complaint):
        serving.load(target(timeout_s=0.05), 2, PROBE)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("triton:8001", ["10.0.0.1:8001", "10.0.0.2:8001", "[fd00::1]:8001"]),
        ("dns:///triton:8001", ["10.0.0.1:8001", "10.0.0.2:8001", "[fd00::1]:8001"]),
        ("unknown:8001", []),
    ],
)
def test_a_name_stands_for_all_its_addresses(monkeypatch: pytest.MonkeyPatch, url: str, expected: list[str]) -> None:
    def resolve(host: str, port: int, **kwargs: object) -> list[tuple[object, ...]]:
        if host != "triton":
            raise socket.gaierror
        return [(None, None, None, "", (ip, port)) for ip in ("10.0.0.1", "10.0.0.2", "10.0.0.1", "fd00::1")]

    monkeypatch.setattr(serving.socket, "getaddrinfo", resolve)
    assert serving.addresses(url) == expected


@pytest.mark.parametrize("url", ["triton", "triton:", ":8001", "triton:http"])
def test_an_address_without_a_port_is_refused(url: str) -> None:
    with pytest.raises(ServingError, match="isn't host:port"):
        serving.addresses(url)


@pytest.mark.parametrize(
    "complaint,said",
    [
        ("last error: UNKNOWN: ipv4:10.0.0.1:8001: Tls handshake failed (TSI_PROTOCOL_FAILURE)", "no certificate"),
        ("Custom verification check failed with error: UNAUTHENTICATED: Hostname", "no certificate"),
        ("failed to connect to all addresses; last error: UNAVAILABLE: ipv4:10.0.0.1:8001: Socket closed", "hangs up"),
    ],
)
def test_a_triton_that_speaks_otherwise_is_not_taken_for_none(replicas, complaint, said) -> None:
    replicas["10.0.0.1:8001"].live_error = complaint
    with pytest.raises(ServingError, match=said):
        serving.check_access(target())


def test_over_tls_every_replica_is_asked_for_the_name_behind_which_it_is(monkeypatch, tmp_path) -> None:
    made: list[tuple[str, dict]] = []
    monkeypatch.setattr(serving, "addresses", lambda url: ["10.0.0.1:8001", "10.0.0.2:8001"])
    monkeypatch.setattr(
        serving, "InferenceServerClient", lambda address, **options: made.append((address, options)) or FakeTriton()
    )
    monkeypatch.setattr(serving.grpc, "ssl_channel_credentials", lambda *files: files)
    for name in ("ca.crt", "own.crt", "own.key"):
        (tmp_path / name).write_text(name)
    tls = serving.Tls(tmp_path / "ca.crt", tmp_path / "own.crt", tmp_path / "own.key")
    serving.check_access(serving.Target("dns:///triton:8001", None, 5.0, "mnist_cnn", tls))
    assert [address for address, _ in made] == ["10.0.0.1:8001", "10.0.0.2:8001"]
    assert made[0][1] == {
        "creds": (b"ca.crt", b"own.key", b"own.crt"),
        "channel_args": [("grpc.ssl_target_name_override", "triton")],
    }


def test_a_ca_that_can_not_be_read_is_named(tmp_path) -> None:
    tls = serving.Tls(tmp_path / "missing.crt")
    with pytest.raises(ServingError, match=r"missing.crt can't be read"):
        serving.check_access(serving.Target("127.0.0.1:1", None, 5.0, "mnist_cnn", tls))

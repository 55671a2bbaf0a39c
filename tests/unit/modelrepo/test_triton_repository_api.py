"""A fake client replaces the sockets. tests/e2e runs the same code against the real Triton."""

from collections.abc import Mapping
from typing import Self

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from modelrepo import triton_repository_api
from modelrepo.errors import AdminKeyRefused, ServingError
from modelrepo.probe import Probe, Tensors
from modelrepo.target import Target, Tls

RESTRICTED = "This protocol is restricted, expecting header 'triton-grpc-protocol-admin-key'"
INPUTS = {"tokens": np.zeros((2, 5), np.int64), "weights": np.ones((2, 4), np.float32)}
ANSWER = {"scores": np.full((2, 3), 0.1, np.float32), "label": np.array([[b"a"], [b"b"]], np.object_)}


def compare(answers: Tensors, expected: Tensors) -> str | None:
    if not np.array_equal(answers["scores"], expected["scores"]):
        return "scores differ"
    return None if np.array_equal(answers["label"], expected["label"]) else "labels differ"


PROBE = Probe(INPUTS, ANSWER, compare)


class FakeTriton:
    """What a replica does: ``down``, or loads, and answers with ``answer``."""

    def __init__(self) -> None:
        self.down, self.hangs, self.key, self.ready_after = False, False, None, 0
        self.answer: Mapping[str, np.ndarray] = ANSWER
        self.sent: dict[str, tuple[str, list[int]]] = {}
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
        if self.hangs:
            raise InferenceServerException("Deadline Exceeded", "StatusCode.DEADLINE_EXCEEDED")
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
        self.sent = {tensor.name(): (tensor.datatype(), tensor.shape()) for tensor in inputs}
        assert [output.name() for output in outputs] == ["scores", "label"]
        return self

    def as_numpy(self, name: str):
        return self.answer.get(name)


@pytest.fixture
def replicas(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeTriton]:
    found = {"10.0.0.1:8001": FakeTriton(), "10.0.0.2:8001": FakeTriton()}
    monkeypatch.setattr(Target, "addresses", lambda self: list(found))
    monkeypatch.setattr(triton_repository_api, "InferenceServerClient", lambda address: found[address])
    monkeypatch.setattr(triton_repository_api, "READY_POLL_S", 0.0)
    return found


def target(key: str | None = None, timeout_s: float = 5.0) -> Target:
    return Target("triton:8001", key, timeout_s)


def load(target: Target) -> list[str]:
    return triton_repository_api.load(target, "my_model", 2, PROBE).serving


def test_every_replica_loads_it(replicas: dict[str, FakeTriton]) -> None:
    replicas["10.0.0.2:8001"].ready_after = 3
    assert load(target()) == list(replicas)
    assert all(len(replica.loads) == 1 for replica in replicas.values())
    sent = {"tokens": ("INT64", [2, 5]), "weights": ("FP32", [2, 4])}
    assert all(replica.sent == sent for replica in replicas.values())


def test_a_replica_that_is_down_is_skipped(replicas: dict[str, FakeTriton]) -> None:
    replicas["10.0.0.1:8001"].down = True
    assert load(target()) == ["10.0.0.2:8001"]
    replicas["10.0.0.2:8001"].down = True
    assert load(target()) == []


def test_a_replica_that_hangs_is_told_from_one_that_is_down(replicas: dict[str, FakeTriton]) -> None:
    replicas["10.0.0.1:8001"].hangs = True
    loaded = triton_repository_api.load(target(), "my_model", 2, PROBE)
    assert loaded == (["10.0.0.2:8001"], ["10.0.0.1:8001"])
    replicas["10.0.0.1:8001"].hangs, replicas["10.0.0.1:8001"].down = False, True
    assert triton_repository_api.load(target(), "my_model", 2, PROBE).silent == []


def test_the_key_is_sent_and_a_wrong_one_is_told_but_never_shown(replicas: dict[str, FakeTriton]) -> None:
    for replica in replicas.values():
        replica.key = "right"
    assert load(target("right")) == list(replicas)
    with pytest.raises(AdminKeyRefused) as refusal:
        load(target("wrong-secret"))
    assert "wrong-secret" not in str(refusal.value)
    with pytest.raises(AdminKeyRefused, match="without an admin key"):
        load(target())


def test_a_wrong_key_is_found_without_loading_anything(replicas: dict[str, FakeTriton]) -> None:
    replicas["10.0.0.1:8001"].down = True
    replicas["10.0.0.2:8001"].key = "right"
    triton_repository_api.check_access(target("right"))
    with pytest.raises(AdminKeyRefused):
        triton_repository_api.check_access(target("wrong"))
    assert not any(replica.loads for replica in replicas.values())


def break_load(triton: FakeTriton) -> None:
    triton.load_error = "failed to load 'my_model'"


def break_inference(triton: FakeTriton) -> None:
    triton.infer_error = "the model failed"


def never_get_ready(triton: FakeTriton) -> None:
    triton.ready_after = 10**9


def answer_otherwise(triton: FakeTriton) -> None:
    triton.answer = {**ANSWER, "scores": np.zeros((2, 3), np.float32)}


def answer_another_label(triton: FakeTriton) -> None:
    triton.answer = {**ANSWER, "label": ANSWER["label"][::-1]}


def answer_another_shape(triton: FakeTriton) -> None:
    triton.answer = {**ANSWER, "scores": np.empty((0,), np.float32)}


def leave_an_output_out(triton: FakeTriton) -> None:
    triton.answer = {"scores": ANSWER["scores"]}


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (break_load, "version 2 can't be loaded: failed to load"),
        (break_inference, "can't run it: the model failed"),
        (never_get_ready, "does it read the same repository"),
        (answer_otherwise, "answers otherwise than the published file: scores differ"),
        (answer_another_label, "answers otherwise than the published file: labels differ"),
        (answer_another_shape, r"without scores of shape \(2, 3\)"),
        (leave_an_output_out, r"without label of shape \(2, 1\)"),
    ],
)
def test_a_triton_that_answers_but_does_not_serve_the_version_is_an_error(
    replicas: dict[str, FakeTriton], fault, complaint
) -> None:
    fault(replicas["10.0.0.2:8001"])
    with pytest.raises(ServingError, match=complaint):
        load(target(timeout_s=0.05))


@pytest.mark.parametrize(
    "complaint,said",
    [
        ("last error: UNKNOWN: ipv4:10.0.0.1:8001: Tls handshake failed (TSI_PROTOCOL_FAILURE)", "no certificate"),
        ("Custom verification check failed with error: UNAUTHENTICATED: Hostname", "no certificate"),
        (
            "failed to connect; last error: UNAVAILABLE: ipv4:10.0.0.1:8001: Socket closed",
            "closes the connection",
        ),
    ],
)
def test_a_tls_error_does_not_count_as_not_running(replicas, complaint, said) -> None:
    replicas["10.0.0.1:8001"].live_error = complaint
    with pytest.raises(ServingError, match=said):
        triton_repository_api.check_access(target())


def test_over_tls_every_replica_has_to_prove_the_hosts_name(monkeypatch, tmp_path) -> None:
    made: list[tuple[str, dict]] = []
    monkeypatch.setattr(Target, "addresses", lambda self: ["10.0.0.1:8001", "10.0.0.2:8001"])
    monkeypatch.setattr(
        triton_repository_api,
        "InferenceServerClient",
        lambda address, **options: made.append((address, options)) or FakeTriton(),
    )
    monkeypatch.setattr(triton_repository_api.grpc, "ssl_channel_credentials", lambda *files: files)
    for name in ("ca.crt", "own.crt", "own.key"):
        (tmp_path / name).write_text(name)
    tls = Tls(tmp_path / "ca.crt", tmp_path / "own.crt", tmp_path / "own.key")
    triton_repository_api.check_access(Target("dns:///triton:8001", None, 5.0, tls))
    assert [address for address, _ in made] == ["10.0.0.1:8001", "10.0.0.2:8001"]
    assert made[0][1] == {
        "creds": (b"ca.crt", b"own.key", b"own.crt"),
        "channel_args": [("grpc.ssl_target_name_override", "triton")],
    }


def test_a_ca_that_can_not_be_read_is_named(tmp_path) -> None:
    tls = Tls(tmp_path / "missing.crt")
    with pytest.raises(ServingError, match=r"missing.crt can't be read"):
        triton_repository_api.check_access(Target("127.0.0.1:1", None, 5.0, tls))

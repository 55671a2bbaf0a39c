"""The api answers requests of the Open Inference Protocol as Triton's own HTTP port does, in status and tensors."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from tests.support import protocol_models, toy_models
from tests.support.api_server import ApiServer
from tests.support.protocol_requests import HEADER, REQUESTS, Sent, outputs_of
from tests.support.triton_server import TritonServer


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Triton's own HTTP port and the api's, in front of the same models."""
    folder: Path = tmp_path_factory.mktemp("protocol")
    repository = folder / "model_repository"
    repository.mkdir()
    toy_models.publish_pair(repository)
    toy_models.publish_broken(repository)
    protocol_models.publish_identities(repository)
    protocol_models.publish_two(repository)
    protocol_models.publish_logarithm(repository)
    with (
        TritonServer(repository, folder / "triton") as triton,
        ApiServer(folder / "api", triton.grpc_url, API_TASKS="none") as api,
        httpx.Client(base_url=triton.http_url, timeout=30) as theirs,
        httpx.Client(base_url=api.url, timeout=30) as ours,
    ):
        api.wait_ready()
        yield SimpleNamespace(theirs=theirs, ours=ours, api=api, triton=triton)


def test_the_table_is_as_long_as_the_docs_say():
    assert len(REQUESTS) == 183
    assert sum(sent.ours is None for sent in REQUESTS) == 121  # docs/protocol.md says so
    assert len({sent.name for sent in REQUESTS}) == len(REQUESTS)


@pytest.mark.parametrize("sent", REQUESTS, ids=lambda sent: sent.name)
def test_the_same_answer(ports: SimpleNamespace, sent: Sent):
    ours, theirs = sent.to(ports.ours), sent.to(ports.theirs)
    wanted = (theirs.status_code, theirs.status_code) if sent.ours is None else sent.ours
    assert ours.status_code == wanted[0], (ours.text, theirs.status_code, theirs.text)
    if wanted[1]:
        assert theirs.status_code == wanted[1], theirs.text
    assert ours.headers["x-request-id"]
    if ours.status_code != 200:
        assert ours.headers["content-type"] == "application/json"
        assert isinstance(ours.json()["error"], str)
        assert ours.json()["error"]
    elif theirs.status_code != 200:
        assert outputs_of(ours)
    elif sent.path.endswith("/infer"):
        _compare(ours, theirs, in_binary_here_only=sent.name == "all binary, one named")
    elif "/health/" not in sent.path and not sent.path.endswith(("/ready", "stats")):
        _compare_json(sent.path, ours.json(), theirs.json())


def _compare(ours: httpx.Response, theirs: httpx.Response, *, in_binary_here_only: bool) -> None:
    if not in_binary_here_only:  # the protocol says binary, Triton answers JSON
        assert (HEADER in ours.headers) == (HEADER in theirs.headers)
        assert ours.headers["content-type"] == theirs.headers["content-type"]
    head, their_head = (json.loads(r.content[: int(r.headers.get(HEADER, len(r.content)))]) for r in (ours, theirs))
    for name in ("id", "model_name", "model_version", "parameters"):
        assert head.get(name) == their_head.get(name)
    given, wanted = outputs_of(ours), outputs_of(theirs)
    assert set(given) == set(wanted)
    for name, tensor in given.items():
        assert tensor.dtype == wanted[name].dtype
        np.testing.assert_array_equal(tensor, wanted[name])


def _compare_json(path: str, ours: object, theirs: object) -> None:
    if not path:  # the api names only what it serves
        assert isinstance(ours, dict)
        assert isinstance(theirs, dict)
        assert set(ours["extensions"]) < set(theirs["extensions"])
        ours, theirs = ours | {"extensions": []}, theirs | {"extensions": []}
    assert ours == theirs


def test_statistics_have_the_same_form(ports: SimpleNamespace):
    def form(value: object) -> object:
        if isinstance(value, dict):
            return {key: form(each) for key, each in value.items()}
        return [form(each) for each in value[:1]] if isinstance(value, list) else type(value)

    for path in ("/v2/models/two/stats", "/v2/models/two/versions/1/stats", "/v2/models/stats"):
        assert form(ports.ours.get(path).json()) == form(ports.theirs.get(path).json())


def test_the_list_of_models_is_what_is_served(ports: SimpleNamespace):
    listed = ports.ours.post("/v2/repository/index", json={"ready": True}).json()
    names = {"two", "pair", "logarithm", *(f"same_{name.lower()}" for name in protocol_models.IDENTITIES)}
    assert {row["name"] for row in listed} == names
    assert {(row["version"], row["state"]) for row in listed} == {("1", "READY")}


def test_fifty_requests_of_mixed_shapes_to_two_models_at_once_get_their_own_answers(ports: SimpleNamespace):
    random = np.random.default_rng(5)

    def ask(number: int) -> None:
        rows, width = int(random.integers(1, 8)), int(random.integers(1, 40_000 if number % 5 == 0 else 200))
        if number % 2:
            given = random.standard_normal((rows, width), np.float32)
            entry = {"name": "given", "datatype": "FP32", "shape": [rows, width]}
            head = json.dumps({
                "id": str(number),
                "inputs": [entry | {"parameters": {"binary_data_size": given.nbytes}}],
                "parameters": {"binary_data_output": True},
            })  # fmt: skip
            answer = ports.ours.post(
                "/v2/models/same_fp32/infer", content=head.encode() + given.tobytes(), headers={HEADER: str(len(head))}
            )
        else:
            given = random.integers(-(2**63), 2**63 - 1, (rows, width))
            entry = {"name": "given", "datatype": "INT64", "shape": [rows, width], "data": given.tolist()}
            answer = ports.ours.post("/v2/models/same_int64/infer", json={"id": str(number), "inputs": [entry]})
        assert answer.status_code == 200, answer.text
        np.testing.assert_array_equal(outputs_of(answer)["same"], given)

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(ask, range(50)))

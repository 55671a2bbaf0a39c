"""Keys, and TLS from the client through the api to Triton, with the certificates that `make secrets` makes."""

import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from api.server import healthcheck
from modelrepo import triton_repository_api
from modelrepo.errors import ServingError
from modelrepo.target import Target, Tls
from tests.support.api_server import ApiServer
from tests.support.images import as_json, png
from tests.support.load import Load
from tests.support.process import Process, clean_env, wait_until
from tests.support.secrets_folder import make_secrets
from tests.support.triton_server import TritonServer
from trainer.settings import Settings as TrainerSettings
from trainer.target import target_of

FIXED_KEY = "fixed-key-of-the-tests"


class Stack(NamedTuple):
    api: ApiServer
    triton: TritonServer
    secrets: Path
    trust: ssl.SSLContext

    def client(self, key: str | None = FIXED_KEY) -> httpx.Client:
        headers = {"x-api-key": key} if key else {}
        return httpx.Client(base_url=self.api.url, verify=self.trust, headers=headers, timeout=20)


@pytest.fixture(scope="module")
def locked(run_dir, trainer) -> Iterator[Stack]:
    """A stack of its own in which nobody is believed: TLS both ways, keys, the metrics closed."""
    folder = run_dir / "locked"
    repository = shutil.copytree(trainer.repository, folder / "model_repository")
    secrets = make_secrets(folder / "secrets")
    files = {file.name: str(file) for file in secrets.iterdir()}
    triton = TritonServer(
        repository,
        folder / "triton",
        TRITON_TLS_CERT_FILE=files["triton.crt"],
        TRITON_TLS_KEY_FILE=files["triton.key"],
        TRITON_TLS_CLIENT_CA_FILE=files["ca.crt"],
    )
    api = ApiServer(
        folder / "api",
        triton.grpc_url,
        API_KEYS=FIXED_KEY,
        API_KEYS_FILE=files["api-keys"],
        API_METRICS_PUBLIC="false",
        API_LOG_LEVEL="debug",
        API_TLS_CERT_FILE=files["api.crt"],
        API_TLS_KEY_FILE=files["api.key"],
        API_TRITON_TLS_CA_FILE=files["ca.crt"],
        API_TRITON_TLS_CERT_FILE=files["client.crt"],
        API_TRITON_TLS_KEY_FILE=files["client.key"],
    )
    with triton, api:
        api.wait_ready()
        trust = ssl.create_default_context(cafile=files["ca.crt"])
        yield Stack(api, triton, secrets, trust)


@pytest.fixture
def body(images) -> dict[str, str]:
    return as_json(png(images.images_u8[0, 0].numpy()))


def test_a_prediction_through_two_layers_of_tls_with_a_key(locked, body):
    with locked.client() as client:
        assert client.post("/predict", json=body).status_code == 200
        assert client.get("/metrics").status_code == 200
    with locked.client(key=(locked.secrets / "api-keys").read_text().strip()) as client:
        assert client.post("/predict", json=body).status_code == 200
    with locked.client(key=None) as client:
        assert client.post("/predict", json=body).status_code == 401
        assert client.get("/metrics").status_code == 401
        assert client.get("/health/ready").status_code == 200


def test_neither_another_ca_nor_plain_text_gets_through(locked, tmp_path):
    other = make_secrets(tmp_path / "secrets")
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{locked.api.url}/health/live", verify=ssl.create_default_context(cafile=other / "ca.crt"))
    with socket.create_connection(("127.0.0.1", locked.api.port), timeout=10) as plain:
        plain.sendall(b"GET /health/live HTTP/1.1\r\nhost: api\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP")

    own = {"private_key": str(locked.secrets / "client.key"), "certificate_chain": str(locked.secrets / "client.crt")}
    ca, other_ca = ({"root_certificates": str(folder / "ca.crt")} for folder in (locked.secrets, other))
    strange = {name: path.replace(str(locked.secrets), str(other)) for name, path in own.items()}
    assert is_live(locked.triton, ssl=True, **ca, **own)
    for options in ({}, {"ssl": True, **ca}, {"ssl": True, **ca, **strange}, {"ssl": True, **other_ca, **own}):
        with pytest.raises(InferenceServerException):
            is_live(locked.triton, **options)


def is_live(triton: TritonServer, **options) -> bool:
    with InferenceServerClient(triton.grpc_url, **options) as client:
        return client.is_server_live(client_timeout=10)


def test_the_trainer_loads_a_version_over_tls(locked, monkeypatch):
    monkeypatch.setenv("TRITON_SERVER_URL", locked.triton.grpc_url)
    monkeypatch.setenv("TRITON_ADMIN_KEY", locked.triton.admin_key)
    monkeypatch.setenv("TRITON_TLS_CA_FILE", str(locked.secrets / "ca.crt"))
    monkeypatch.setenv("TRAINER_TRITON_TLS_CERT_FILE", str(locked.secrets / "client.crt"))
    monkeypatch.setenv("TRAINER_TRITON_TLS_KEY_FILE", str(locked.secrets / "client.key"))
    assert triton_repository_api.load(target_of(TrainerSettings()), "mnist_cnn", 1, None).serving == [
        locked.triton.grpc_url
    ]


def test_the_trainer_does_not_take_a_triton_that_it_can_t_talk_to_for_none(locked, tmp_path):
    other = make_secrets(tmp_path / "secrets")
    for tls, said in (
        (None, "closes the connection"),
        (Tls(locked.secrets / "ca.crt"), "closes the connection"),
        (Tls(other / "ca.crt", other / "client.crt", other / "client.key"), "no certificate"),
    ):
        target = Target(locked.triton.grpc_url, locked.triton.admin_key, 10, tls)
        with pytest.raises(ServingError, match=said):
            triton_repository_api.check_access(target)


def test_keys_change_under_load_without_a_failed_request(locked, body):
    keys = locked.secrets / "api-keys"
    old, new = keys.read_text().strip(), "a-new-key-of-the-tests"

    def accepted(key: str) -> bool:
        """Ask on new connections, so that both workers get some."""
        statuses = set()
        for _ in range(8):
            with locked.client(key) as client:
                statuses.add(client.post("/predict", json=body).status_code)
        return statuses == {200}

    def load(key: str) -> Load:
        return Load(locked.api.url, body, 2, verify=locked.trust, headers={"x-api-key": key})

    with load(FIXED_KEY) as always:
        with load(old) as before:
            write(keys, f"{old}\n{new}\n")
            wait_until(lambda: accepted(new), 10, "the new key")
        with load(new) as after:
            keys.write_text("")  # somebody's slip
            wait_until(lambda: "API keys stay as they were" in locked.api.log.read_text(), 10, "the complaint")
            assert accepted(new)
            write(keys, f"{new}\n")
            wait_until(lambda: not accepted(old), 10, "the old key's end")
    for one in (always, before, after):
        assert one.failures == []
        assert one.answers.total() > 20


def write(file: Path, text: str) -> None:
    fresh = file.with_suffix(".fresh")
    fresh.write_text(text)
    fresh.rename(file)


def test_a_renewed_certificate_is_taken_up_without_a_failed_request(locked, body):
    serial = serial_of(locked)
    (locked.secrets / "api.crt").unlink()
    make_secrets(locked.secrets)
    with Load(locked.api.url, body, 2, verify=locked.trust, headers={"x-api-key": FIXED_KEY}) as load:
        locked.api.send(signal.SIGHUP)
        wait_until(lambda: serial_of(locked) != serial, 20, "the new certificate")
    assert load.failures == []


def serial_of(locked: Stack) -> str:
    with (
        socket.create_connection(("127.0.0.1", locked.api.port), timeout=10) as plain,
        locked.trust.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        return connection.getpeercert()["serialNumber"]


def test_an_api_that_asks_for_certificates_is_found_healthy_by_its_own_check(run_dir, locked, body):
    files = {file.name: str(file) for file in locked.secrets.iterdir()}
    tls = {
        "API_TLS_CERT_FILE": files["api.crt"],
        "API_TLS_KEY_FILE": files["api.key"],
        "API_TLS_CLIENT_CA_FILE": files["ca.crt"],
        "API_TRITON_TLS_CA_FILE": files["ca.crt"],
        "API_TRITON_TLS_CERT_FILE": files["client.crt"],
        "API_TRITON_TLS_KEY_FILE": files["client.key"],
    }
    api = ApiServer(run_dir / "mutual", locked.triton.grpc_url, API_WORKERS="1", **tls)
    try:
        Process.start(api)  # the tests' own look at it has no certificate to show
        wait_until(lambda: healthcheck.is_ready(api.env), 30, "the health check")
        with httpx.Client(base_url=api.url, verify=locked.trust, timeout=20) as client, pytest.raises(httpx.HTTPError):
            client.post("/predict", json=body)
        trust = ssl.create_default_context(cafile=files["ca.crt"])
        trust.load_cert_chain(files["client.crt"], files["client.key"])
        with httpx.Client(base_url=api.url, verify=trust, timeout=20) as client:
            assert client.post("/predict", json=body).status_code == 200
    finally:
        api.stop()


def test_locust_sends_a_key_and_verifies_the_certificate(locked, tmp_path):
    env = clean_env(
        LOADGEN_TARGET=locked.api.url,
        LOADGEN_API_KEY=FIXED_KEY,
        LOADGEN_CA_FILE=str(locked.secrets / "ca.crt"),
        LOADGEN_PROCESSES="0",
        LOADGEN_CHECK_LABELS="false",
    )
    argv = [sys.executable, "-m", "loadgen", "--headless", "-u", "4", "-r", "4", "-t", "2s", "--csv", "run"]
    done = subprocess.run(argv, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]
    assert FIXED_KEY not in done.stdout + done.stderr


def test_no_log_holds_a_secret(locked, body):
    """Last: after all of the above, at the level of debug, and after what might tempt a server to quote."""
    wrong = "a-wrong-key-that-nobody-should-see"
    private = [line for file in locked.secrets.glob("*.key") for line in file.read_text().splitlines()[1:-1]]
    with locked.client(wrong) as client:
        assert client.post(f"/predict?key={wrong}", json=body).status_code == 401
        assert client.post("/predict", json=body, headers={"authorization": f"Bearer {wrong}"}).status_code == 401
    with locked.client() as client:
        quoted = client.post("/predict", json={"image": wrong, wrong: wrong}, headers={"x-request-timeout-ms": wrong})
        assert quoted.status_code == 422
        assert wrong not in quoted.text
        quoted = client.post("/predict", json={"image": wrong, wrong: wrong})
        assert quoted.status_code == 422
    secrets = [FIXED_KEY, "a-new-key-of-the-tests", locked.triton.admin_key, wrong, *private]
    for process in (locked.api, locked.triton):
        log = process.log.read_text()
        assert len(log) > 1000
        assert [secret for secret in secrets if secret in log] == []

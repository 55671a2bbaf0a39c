"""Answers to requests whose body isn't read, over real sockets: the client reads the answer instead of a reset.

The api has no Triton here: every answer below comes before a model would be asked.
"""

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from contextlib import closing

import pytest

from tests.support.api_server import ApiServer
from tests.support.raw_http import Raw, request
from tests.support.secrets_folder import make_secrets

MIB = 2**20
NO_TRITON = "127.0.0.1:1"
IMAGE = {"content-type": "image/png"}
CLOSE = {"connection": "close"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("refused")


@pytest.fixture(scope="module")
def api(folder):
    with ApiServer(folder / "api", NO_TRITON) as api:
        yield api


def post(connection: http.client.HTTPConnection, path: str, body, **headers: str) -> tuple[int, str]:
    """Send as http.client does, the whole body before anything is read; return status and code."""
    with closing(connection):
        connection.request("POST", path, body, CLOSE | headers)
        answer = connection.getresponse()
        assert answer.headers["connection"] == "close"
        error = json.load(answer)["error"]
        return answer.status, error["code"] if isinstance(error, dict) else error


def to(api: ApiServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", api.port, timeout=20)


@pytest.mark.parametrize("size", [24 * MIB + 1, 25 * MIB, 48 * MIB, 90 * MIB])
@pytest.mark.parametrize("attempt", range(4))
def test_python_s_urllib_reads_the_413_of_a_body_over_the_limit(api, size, attempt):
    asked = urllib.request.Request(f"{api.url}/predict", bytes(size), IMAGE)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked, timeout=20)
    assert refused.value.code == 413
    assert json.load(refused.value)["error"]["code"] == "payload_too_large"


@pytest.mark.parametrize(
    "path,content_type,expected",
    [
        ("/nowhere", "image/png", (404, "not_found")),
        ("/health/live", "image/png", (405, "method_not_allowed")),
        ("/predict", "text/plain", (415, "unsupported_media_type")),
        ("/predict/batch", "image/png", (415, "unsupported_media_type")),
        ("/v2/models/mnist_cnn/infer", "application/json", (503, f"Triton doesn't answer at {NO_TRITON}.")),
    ],
)
def test_every_other_early_answer_is_read_as_well(api, path, content_type, expected):
    for _ in range(5):
        assert post(to(api), path, bytes(4 * MIB), **{"content-type": content_type}) == expected


def test_a_body_in_chunks_without_a_length_is_no_exception(api):
    pieces = (bytes(MIB) for _ in range(30))
    assert post(to(api), "/predict", pieces, **IMAGE) == (413, "payload_too_large")


def test_a_wrong_key_and_a_rate_limit_are_read_too(folder):
    settings = {"API_KEYS": "the-right-key", "API_RATE_LIMIT": "0.01", "API_RATE_BURST": "1", "API_WORKERS": "1"}
    with ApiServer(folder / "strict", NO_TRITON, **settings) as api:
        body = bytes(4 * MIB)
        assert post(to(api), "/predict", body, **IMAGE) == (401, "unauthorized")
        assert post(to(api), "/predict", body, **IMAGE) == (429, "rate_limited")


def test_a_full_api_is_read_too(folder):
    settings = {"API_MAX_IN_FLIGHT": "1", "API_WORKERS": "1"}
    with ApiServer(folder / "full", NO_TRITON, **settings) as api, Raw(api.port) as first:
        first.send(request("POST", "/predict", content_length="1000", content_type="image/png"))
        time.sleep(0.3)
        assert post(to(api), "/predict", bytes(4 * MIB), **IMAGE) == (503, "overloaded")


def test_under_tls_it_is_the_same(folder):
    secrets = make_secrets(folder / "secrets")
    files = {"API_TLS_CERT_FILE": str(secrets / "api.crt"), "API_TLS_KEY_FILE": str(secrets / "api.key")}
    trust = ssl.create_default_context(cafile=str(secrets / "ca.crt"))
    with ApiServer(folder / "tls", NO_TRITON, **files) as api:
        for _ in range(5):
            connection = http.client.HTTPSConnection("127.0.0.1", api.port, timeout=20, context=trust)
            assert post(connection, "/predict", bytes(30 * MIB), **IMAGE) == (413, "payload_too_large")


def test_a_client_that_never_stops_sending_is_let_go(folder):
    with ApiServer(folder / "impatient", NO_TRITON, API_CLIENT_TIMEOUT_S="1") as api:
        head = request("POST", "/predict", content_length=str(2**40), content_type="image/png", connection="close")
        with Raw(api.port) as much:
            assert not much.send([head, *[bytes(MIB)] * 400]), "400 MiB were taken"
        for pause_s in (0.2, 3.5):  # a byte now and then, and silence
            with Raw(api.port) as connection:
                connection.send(head)
                answer = connection.read()
                assert answer is not None
                assert answer.status == 413
                start = time.monotonic()
                time.sleep(pause_s)
                while connection.send(b"x"):
                    assert time.monotonic() - start < 9
                    time.sleep(pause_s)

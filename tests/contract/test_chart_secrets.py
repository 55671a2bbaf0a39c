"""The generated secrets do what they are for: certificates verify under the Services' names, keys are long."""

import base64
import ssl

import pytest

from tests.support.helm import CHARTS, drawn, one

SECURE = CHARTS / "stack/values-secure.yaml"
JOBS = CHARTS / "stack/values-jobs.yaml"


def data_of(name, file):
    data = one(drawn("stack", file), "Secret", name)["data"]
    return {key: base64.b64decode(value) for key, value in data.items()}


@pytest.fixture
def files(tmp_path):
    for name, content in data_of("stack-tls", SECURE).items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def shake_hands(client, server, host):
    """Let two sides speak TLS in memory, until both are content."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(10):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    # What the server thinks of the client's certificate shows at the first read.
    ends[0].write(b"hello")
    return ends[1].read(5)


def sides(files, server_name):
    client = ssl.create_default_context(cafile=files / "ca.crt")
    client.load_cert_chain(files / "client.crt", files / "client.key")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files / f"{server_name}.crt", files / f"{server_name}.key")
    server.load_verify_locations(files / "ca.crt")
    server.verify_mode = ssl.CERT_REQUIRED
    return client, server


@pytest.mark.parametrize("name", ["api", "triton"])
@pytest.mark.parametrize("suffix", ["", ".default", ".default.svc"])
def test_a_certificate_is_good_for_the_names_of_its_service_and_for_clients(files, name, suffix):
    assert shake_hands(*sides(files, name), f"stack-{name}{suffix}") == b"hello"


def test_a_certificate_is_good_for_no_other_name(files):
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(*sides(files, "triton"), "stack-api")


def test_keys_and_passwords_are_long_and_never_the_same():
    names = {
        "stack-triton-admin-key": "triton-admin-key",
        "stack-redis": "redis-password",
        "stack-flower": "basic-auth",
    }
    values = {data_of(name, JOBS)[key] for name, key in names.items()}
    assert len(values) == len(names)
    assert min(map(len, values)) >= 24
    url = data_of("stack-redis", JOBS)["redis-url"].decode()
    assert url == f"redis://:{data_of('stack-redis', JOBS)['redis-password'].decode()}@stack-redis:6379/0"
    assert data_of("stack-flower", JOBS)["basic-auth"].startswith(b"flower:")


def test_an_existing_secret_is_used_and_none_generated():
    sets = (
        "triton.adminKeySecret=mine",
        "apiKeys.existingSecret=mine",
        "tls.existingSecret=mine",
        "redis.existingSecret=mine",
        "flower.existingSecret=mine",
        "redis.enabled=true",
    )
    objects = drawn("stack", SECURE, JOBS, sets=sets)
    assert not [tree for tree in objects if tree["kind"] == "Secret"]
    assert not [tree for tree in objects if tree["metadata"]["name"] == "stack-redis"]

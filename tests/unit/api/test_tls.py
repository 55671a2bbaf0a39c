import ssl
import subprocess

import pytest
from pydantic import ValidationError

from api.settings import Settings
from api.tls import server_context
from tests.support.secrets_folder import make_secrets


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = make_secrets(tmp_path_factory.mktemp("tls") / "secrets")
    (folder / "junk").write_text("-----BEGIN JUNK-----")
    subprocess.run(
        ["openssl", "ec", "-in", "api.key", "-aes256", "-passout", "pass:sesame", "-out", "locked.key"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


def settings(folder, **names: str) -> Settings:
    return Settings(**{f"{name}_file": folder / value for name, value in names.items()})


GOOD = {"tls_cert": "api.crt", "tls_key": "api.key"}


def test_the_server_speaks_no_version_that_is_broken(folder):
    context = server_context(folder / "api.crt", folder / "api.key")
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_NONE
    asking = server_context(folder / "api.crt", folder / "api.key", folder / "ca.crt")
    assert asking.verify_mode == ssl.CERT_REQUIRED


def test_good_files_pass(folder):
    settings(folder, **GOOD, tls_client_ca="ca.crt")
    settings(folder, triton_tls_ca="ca.crt", triton_tls_cert="client.crt", triton_tls_key="client.key")


@pytest.mark.parametrize(
    "names,said",
    [
        ({"tls_cert": "api.crt"}, "API_TLS_CERT_FILE and API_TLS_KEY_FILE belong together"),
        ({"tls_key": "api.key"}, "API_TLS_CERT_FILE and API_TLS_KEY_FILE belong together"),
        ({"tls_client_ca": "ca.crt"}, "needs API_TLS_CERT_FILE"),
        ({"triton_tls_cert": "client.crt", "triton_tls_key": "client.key"}, "needs API_TRITON_TLS_CA_FILE"),
        ({**GOOD, "tls_key": "triton.key"}, "triton.key isn't the key of .*api.crt"),
        ({**GOOD, "tls_key": "missing"}, "missing can't be read"),
        ({**GOOD, "tls_key": "locked.key"}, "without a passphrase"),
        ({**GOOD, "tls_cert": "junk"}, "in PEM"),
        ({**GOOD, "tls_client_ca": "junk"}, "holds no certificate"),
        ({"triton_tls_ca": "api.key"}, "holds no certificate"),
        ({"triton_tls_ca": "missing"}, "can't be read"),
    ],
)
def test_what_can_not_be_used_stops_the_start(folder, names, said):
    with pytest.raises(ValidationError, match=said):
        settings(folder, **names)

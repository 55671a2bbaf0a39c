import pytest

from tests.support.secrets_folder import make_secrets
from triton_runtime.errors import SettingsError
from triton_runtime.settings import Settings
from triton_runtime.tls import check_tls


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = make_secrets(tmp_path_factory.mktemp("tls") / "secrets")
    (folder / "junk").write_text("-----BEGIN JUNK-----")
    return folder


def settings(folder, **names: str) -> Settings:
    return Settings(**{f"tls_{name}_file": folder / value for name, value in names.items()})


def test_no_files_and_valid_files_pass(folder):
    check_tls(Settings())
    check_tls(settings(folder, cert="triton.crt", key="triton.key"))
    check_tls(settings(folder, cert="triton.crt", key="triton.key", client_ca="ca.crt"))


@pytest.mark.parametrize(
    "names,said",
    [
        ({"cert": "triton.crt"}, "must be set together"),
        ({"key": "triton.key"}, "must be set together"),
        ({"client_ca": "ca.crt"}, "needs TRITON_TLS_CERT_FILE"),
        ({"cert": "triton.crt", "key": "missing"}, "can't be read"),
        ({"cert": "triton.crt", "key": "api.key"}, "must be a certificate and its own key"),
        ({"cert": "junk", "key": "triton.key"}, "must be a certificate and its own key"),
        ({"cert": "triton.crt", "key": "triton.key", "client_ca": "junk"}, "holds no certificate"),
    ],
)
def test_the_error_names_a_file_that_cannot_be_used(folder, names, said):
    with pytest.raises(SettingsError, match=said):
        check_tls(settings(folder, **names))

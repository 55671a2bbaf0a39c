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


def test_none_and_good_ones_pass(folder):
    check_tls(Settings())
    check_tls(settings(folder, cert="triton.crt", key="triton.key"))
    check_tls(settings(folder, cert="triton.crt", key="triton.key", client_ca="ca.crt"))


@pytest.mark.parametrize(
    "names,said",
    [
        ({"cert": "triton.crt"}, "belong together"),
        ({"key": "triton.key"}, "belong together"),
        ({"client_ca": "ca.crt"}, "needs TRITON_TLS_CERT_FILE"),
        ({"cert": "triton.crt", "key": "missing"}, "can't be read"),
        ({"cert": "triton.crt", "key": "api.key"}, "must be a certificate and its own key"),
        ({"cert": "junk", "key": "triton.key"}, "must be a certificate and its own key"),
        ({"cert": "triton.crt", "key": "triton.key", "client_ca": "junk"}, "holds no certificate"),
    ],
)
def test_what_can_not_be_used_is_named(folder, names, said):
    with pytest.raises(SettingsError, match=said):
        check_tls(settings(folder, **names))

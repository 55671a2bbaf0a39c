from pathlib import Path

import pytest
from pydantic import SecretStr

from modelrepo.errors import ServingError
from modelrepo.target import Target, Tls
from trainer.settings import Settings
from trainer.target import target_of


def test_it_has_the_settings_address_key_and_files(settings: Settings) -> None:
    assert target_of(settings) == Target("127.0.0.1:9", None, 120.0)
    changes = {
        "triton_admin_key": SecretStr("secret"),
        "triton_tls_ca_file": Path("ca.crt"),
        "triton_tls_cert_file": Path("own.crt"),
        "triton_tls_key_file": Path("own.key"),
    }
    tls = Tls(Path("ca.crt"), Path("own.crt"), Path("own.key"))
    assert target_of(settings.model_copy(update=changes)) == Target("127.0.0.1:9", "secret", 120.0, tls)


def test_a_key_file_that_cannot_be_read_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=f"TRITON_ADMIN_KEY_FILE: {tmp_path} can't be read"):
        target_of(settings.model_copy(update={"triton_admin_key_file": tmp_path}))

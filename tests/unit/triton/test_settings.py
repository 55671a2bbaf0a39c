import pytest

from triton_runtime.errors import SettingsError
from triton_runtime.settings import Settings


def test_the_key_is_read_from_the_variable_or_the_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("from-file\n")
    assert Settings(admin_key="direct").key() == "direct"
    assert Settings(admin_key_file=file).key() == "from-file"
    assert "direct" not in repr(Settings(admin_key="direct"))


def test_without_a_key_the_repository_api_gets_a_random_one():
    settings = Settings()
    assert not settings.has_key()
    assert settings.key() != settings.key()


@pytest.mark.parametrize("content", [None, "  \n"])
def test_a_missing_or_empty_key_file_is_an_error(tmp_path, content):
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match="TRITON_ADMIN_KEY_FILE"):
        Settings(admin_key_file=file).key()


@pytest.mark.parametrize("name", ["TRITON_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_the_collector_can_be_set_by_either_variable(monkeypatch, name):
    monkeypatch.setenv(name, "http://collector:4318")
    assert Settings().otlp_endpoint == "http://collector:4318"

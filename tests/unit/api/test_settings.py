import pytest
from pydantic import ValidationError

from api.settings import Settings, load_settings


@pytest.mark.parametrize("name", ["API_TRITON_URL", "TRITON_SERVER_URL"])
def test_triton_answers_to_either_name(monkeypatch, name):
    monkeypatch.setenv(name, "elsewhere:9001")
    assert Settings().triton_url == "elsewhere:9001"


def test_keys_come_from_the_variable_and_the_file(monkeypatch, tmp_path):
    (tmp_path / "keys").write_text("c\nd\n")
    monkeypatch.setenv("API_KEYS", "a, b")
    monkeypatch.setenv("API_KEYS_FILE", str(tmp_path / "keys"))
    settings = Settings()
    assert settings.api_keys() == ("a", "b", "c", "d")
    assert "a" not in repr(settings.keys)


@pytest.mark.parametrize(
    "name,value",
    [
        ("API_PORT", "0"),
        ("API_PORT", "x"),
        ("API_DEADLINE_S", "-1"),
        ("API_KEYS_FILE", "/nowhere"),
        ("API_WORKERS", "0"),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_the_process_stops_with_a_line_that_names_the_variable(monkeypatch):
    monkeypatch.setenv("API_PORT", "0")
    monkeypatch.setenv("API_DEADLINE_S", "soon")
    with pytest.raises(SystemExit) as stopped:
        load_settings()
    first, second = str(stopped.value).splitlines()
    assert first.startswith("API_PORT: ")
    assert second.startswith("API_DEADLINE_S: ")


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        Settings().port = 1

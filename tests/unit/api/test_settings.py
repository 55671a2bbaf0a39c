import pytest
from pydantic import ValidationError

from api.settings import Settings, load_settings


@pytest.mark.parametrize("name", ["API_TRITON_URL", "TRITON_SERVER_URL"])
def test_triton_answers_to_either_name(monkeypatch, name):
    monkeypatch.setenv(name, "elsewhere:9001")
    assert Settings().triton_url == "elsewhere:9001"


@pytest.mark.parametrize("name", ["API_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_the_collector_answers_to_either_name_and_is_off_where_it_is_empty(monkeypatch, name):
    monkeypatch.setenv(name, "http://collector:4318")
    assert Settings().otlp_endpoint == "http://collector:4318"
    monkeypatch.setenv(name, "")
    assert Settings().otlp_endpoint is None


def test_keys_come_from_the_variable_and_are_not_shown(monkeypatch):
    monkeypatch.setenv("API_KEYS", "alpha, beta")
    settings = Settings()
    assert [key.get_secret_value() for key in settings.keys] == ["alpha", "beta"]
    assert "alpha" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize("host,warned", [("127.0.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True)])
def test_an_open_door_is_warned_of(monkeypatch, tmp_path, host, warned):
    warning = Settings(host=host).warning()
    assert bool(warned) == bool(warning)
    assert Settings(host=host, keys="a").warning() is None
    if warned:
        assert "API_KEYS" in warning
        assert host in warning


@pytest.mark.parametrize(
    "name,value",
    [
        ("API_PORT", "0"),
        ("API_PORT", "x"),
        ("API_DEADLINE_S", "-1"),
        ("API_KEYS_FILE", "/nowhere"),
        ("API_KEYS_FILE", "/dev/null"),
        ("API_METRICS_PUBLIC", "false"),
        ("API_MAX_HELD_BYTES", "2048"),
        ("API_RATE_LIMIT", "-1"),
        ("API_REDIS_URL", "127.0.0.1:6379"),
        ("API_REDIS_URL", "redis://host:port/0"),
        ("API_WORKERS", "0"),
        ("API_OTLP_ENDPOINT", "collector:4318"),
        ("API_TRACE_RATIO", "1.5"),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_a_burst_below_the_rate_is_refused():
    with pytest.raises(ValidationError, match="API_RATE_BURST: 3 is below API_RATE_LIMIT's 10 requests a second"):
        Settings(rate_limit=10, rate_burst=3)


@pytest.mark.parametrize(
    "url", ["redis://a", "redis://:p%40ss@a:6379/2", "rediss://u:p@a.b:1", "unix:///run/redis.sock"]
)
def test_an_address_of_redis_is_kept_out_of_what_is_printed(url):
    settings = Settings(redis_url=url)
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == url
    assert url not in repr(settings)


def test_redis_is_taken_from_its_file_where_there_is_one_and_no_address(monkeypatch, tmp_path):
    file = tmp_path / "redis-url"
    monkeypatch.setenv("API_REDIS_URL_FILE", str(file))
    assert Settings().redis_url is None
    file.write_text("redis://:secret@redis:6379/0\n")
    settings = Settings()
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == "redis://:secret@redis:6379/0"
    assert ":secret@" not in repr(settings)
    monkeypatch.setenv("API_REDIS_URL", "redis://elsewhere")
    told = Settings().redis_url
    assert told is not None
    assert told.get_secret_value() == "redis://elsewhere"


def test_a_file_without_an_address_of_redis_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("API_REDIS_URL_FILE", str(tmp_path))
    with pytest.raises(ValidationError, match="API_REDIS_URL_FILE"):
        Settings()
    file = tmp_path / "redis-url"
    file.write_text("6379")
    monkeypatch.setenv("API_REDIS_URL_FILE", str(file))
    with pytest.raises(ValidationError, match="API_REDIS_URL"):
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

from pathlib import Path

import pytest
from pydantic import ValidationError

from trainer.settings import Settings, default_cache_dir


def test_defaults_stand_without_any_variable() -> None:
    settings = Settings()
    assert (settings.epochs, settings.batch_size, settings.max_batch_size) == (24, 256, 128)
    assert settings.triton_url == "127.0.0.1:8001"
    assert settings.admin_key() is None
    assert all(mirror.startswith("https://") for mirror in settings.mirrors)


def test_every_setting_is_described_and_has_a_variable() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TRAINER_EPOCHS", "0"),
        ("TRAINER_BATCH_SIZE", "7"),
        ("TRAINER_DATASET", "cifar"),
        ("TRAINER_DEVICE", "tpu"),
        ("TRAINER_FORMAT", "tensorrt"),
        ("TRAINER_MIN_ACCURACY", "99"),
        ("TRAINER_MODEL_NAME", "../elsewhere"),
        ("TRAINER_MODEL_NAME", ""),
        ("TRAINER_MIRRORS", " , "),
    ],
)
def test_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    if not value:  # Compose passes an unset variable on as an empty one
        assert Settings().model_name == "mnist_cnn"
        return
    with pytest.raises(ValidationError):
        Settings()


def test_mirrors_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINER_MIRRORS", "http://a/, http://b/")
    assert Settings().mirrors == ("http://a/", "http://b/")


def test_triton_answers_to_its_own_names_and_to_the_trainers_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_SERVER_URL", "triton:8001")
    monkeypatch.setenv("TRITON_ADMIN_KEY", "shared")
    assert (Settings().triton_url, Settings().admin_key()) == ("triton:8001", "shared")
    monkeypatch.setenv("TRAINER_TRITON_URL", "other:8001")
    monkeypatch.setenv("TRAINER_TRITON_ADMIN_KEY", "own")
    assert (Settings().triton_url, Settings().admin_key()) == ("other:8001", "own")


def test_the_key_may_lie_in_a_file_that_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    monkeypatch.setenv("TRITON_ADMIN_KEY_FILE", str(path))
    assert Settings().admin_key() is None
    path.write_text("secret\n")
    assert Settings().admin_key() == "secret"


def test_the_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_ADMIN_KEY", "secret")
    assert "secret" not in f"{Settings()!r} {Settings()} {Settings().model_dump_json()}"


def test_the_cache_lies_where_the_platform_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.setattr("sys.platform", "linux")
    assert default_cache_dir() == Path("/somewhere/mnist-trainer")
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_cache_dir().parts[-3:] == ("Library", "Caches", "mnist-trainer")

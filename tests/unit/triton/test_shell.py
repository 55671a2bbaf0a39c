import sys
from pathlib import Path

import pytest

from triton_runtime.errors import SettingsError
from triton_runtime.shell import check_path, interpreter_dir, split_names


def test_names_that_a_shell_would_change_are_refused(tmp_path):
    good = ["mnist_cnn", "v1.2-b", "9"]
    bad = ["a b", "a;b", "$(a)", "a'b", "a&b", "-a", "modèle", "a\nb"]
    for name in good + bad:
        (tmp_path / name).mkdir()
    (tmp_path / "a file").write_text("")
    assert split_names(tmp_path) == (sorted(good), sorted(bad))


@pytest.mark.parametrize("folder", ["/my projects/backends", "/a$b", "/a;b"])
def test_a_path_that_a_shell_would_change_is_refused(folder):
    with pytest.raises(SettingsError, match="TRITON_RUN_DIR: "):
        check_path(Path(folder), "TRITON_RUN_DIR")
    check_path(Path("/srv/stack-1/.run/backends"), "TRITON_RUN_DIR")


def test_the_interpreters_folder_has_this_python(monkeypatch, tmp_path):
    assert (interpreter_dir() / "python3").resolve() == Path(sys.executable).resolve()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3.11"))
    with pytest.raises(SettingsError, match="virtual environment"):
        interpreter_dir()

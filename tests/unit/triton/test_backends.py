import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from triton_runtime.backends import assemble
from triton_runtime.errors import SettingsError, WheelError
from triton_runtime.wheel import find_wheel


@pytest.fixture(scope="module")
def wheel():
    return find_wheel()


def test_the_directory_holds_the_python_backend_its_stub_and_the_backends(wheel, tmp_path):
    target = assemble(wheel, tmp_path / "deep" / "backends")
    assert {path.name for path in (target / "python").iterdir()} >= {
        "libtriton_python.so",
        "triton_python_backend_stub",
        "triton_python_backend_utils.py",
    }
    assert os.access(target / "python" / "triton_python_backend_stub", os.X_OK)
    for backend in ("pytorch", "onnxruntime"):
        assert {path.name for path in (target / backend).iterdir()} >= {"model.py", "python_backend"}
        assert (target / backend / "python_backend/batched.py").is_file()
    assert [path.name for path in target.parent.iterdir()] == ["backends"]


def test_concurrent_and_repeated_runs_give_one_whole_directory(wheel, tmp_path):
    target = tmp_path / "backends"
    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(assemble, wheel, target) for _ in range(4)]
    for result in results:
        result.result()
    assert (target / "pytorch" / "model.py").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["backends"]


def test_a_folder_that_cannot_be_written_is_an_error(wheel, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="assembled"):
        assemble(wheel, tmp_path / "file" / "backends")


def test_the_error_names_a_python_without_a_stub(monkeypatch):
    monkeypatch.setattr(sys, "version_info", type("V", (), {"major": 3, "minor": 99})())
    with pytest.raises(WheelError, match=r"3\.99"):
        find_wheel()

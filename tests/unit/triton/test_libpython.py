"""The stub gets the shared library of the Python that runs, also where the wheel carries another one."""

import sys
from pathlib import Path

import pytest

from triton_runtime.errors import WheelError
from triton_runtime.libpython import link_libpython
from triton_runtime.wheel import Wheel


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel that carries a library for Python 3.13, on a machine with Python 3.13."""
    monkeypatch.setattr(sys, "version_info", (3, 13, 5))
    for folder in ("carried", "own", "stub"):
        (tmp_path / folder).mkdir()
    (tmp_path / "carried/libpython3-419a3a08.13.so.1.0").write_text("3.13.0")
    (tmp_path / "own/libpython3.13.so.1.0").write_text("3.13.5")
    return Wheel(Path(), Path(), Path(), (tmp_path / "carried", tmp_path / "own"))


def test_the_library_that_the_stub_asks_for_is_that_of_the_python_that_runs(wheel, tmp_path):
    link_libpython(wheel, tmp_path / "stub")
    [link] = (tmp_path / "stub").iterdir()
    assert (link.name, link.read_text()) == ("libpython3-419a3a08.13.so.1.0", "3.13.5")


def test_a_python_for_which_the_wheel_carries_none_needs_no_link(wheel, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 11, 7))
    link_libpython(wheel, tmp_path / "stub")
    assert list((tmp_path / "stub").iterdir()) == []


def test_a_missing_library_is_named_with_its_package(wheel, tmp_path):
    (tmp_path / "own/libpython3.13.so.1.0").unlink()
    with pytest.raises(WheelError, match=r"own/libpython3\.13\.so\.1\.0 is missing: .*apt install libpython3\.13\)"):
        link_libpython(wheel, tmp_path / "stub")

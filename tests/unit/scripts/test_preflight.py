"""What preflight says of machines that can't run the stack."""

import ctypes.util
import importlib.util
import platform
import socket
import sys
import sysconfig
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/preflight.py"


def load():
    spec = importlib.util.spec_from_file_location("preflight", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def preflight(monkeypatch):
    """The script on a machine that lacks nothing."""
    module = load()
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(module, "has_libpython", lambda: True)
    return module


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_supported_python_passes(preflight, monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", (*version, 1))
    assert list(preflight.machine()) == []


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_another_python_is_named_with_the_supported_ones(preflight, monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", (*version, 1))
    [problem] = preflight.machine()
    assert problem == f"this is Python 3.{version[1]}, supported are 3.11, 3.12, 3.13: install one of them."


def test_a_missing_shared_library_of_python_is_named_with_its_package(preflight, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 13, 5))
    monkeypatch.setattr(preflight, "has_libpython", lambda: False)
    [problem] = preflight.machine()
    assert problem.startswith("libpython3.13.so.1.0 is missing")
    assert "apt install libpython3.13" in problem


def test_the_shared_library_is_looked_for_in_pythons_own_folder_and_by_the_loader(monkeypatch, tmp_path):
    module, found = load(), {"loader": None}
    monkeypatch.setattr(sys, "version_info", (3, 13, 5))
    monkeypatch.setattr(sysconfig, "get_config_var", {"LIBDIR": str(tmp_path)}.get)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: found["loader"])
    assert not module.has_libpython()
    found["loader"] = "libpython3.13.so.1.0"
    assert module.has_libpython()
    found["loader"] = None
    (tmp_path / "libpython3.13.so.1.0").touch()
    assert module.has_libpython()


def test_an_old_c_library_and_another_processor_are_named(preflight, monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.31"))
    assert "this is glibc 2.31" in next(preflight.machine())
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert "this is Linux on aarch64" in next(preflight.machine())


def test_a_port_in_use_is_named_with_its_setting(preflight, monkeypatch):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        [problem] = preflight.ports([f"API_PORT={port}"])
        assert problem.startswith(f"port {port} can't be bound (")
        assert problem.endswith("set API_PORT to another port.")


@pytest.mark.parametrize("value", ["http", "70000", ""])
def test_a_value_that_is_not_a_port_is_named(preflight, monkeypatch, value):
    monkeypatch.setenv("API_PORT", value)
    [problem] = preflight.ports(["API_PORT=8888"])
    assert problem == f"API_PORT={value} is not a port: set it to a number from 1 to 65535."

"""The launcher's errors before it starts tritonserver."""

import socket
import subprocess
import sys

import pytest

from tests.support.process import clean_env, free_port


def launch(tmp_path, **settings):
    defaults = {f"TRITON_{name}_PORT": str(free_port()) for name in ("HTTP", "GRPC", "METRICS")}
    repository = tmp_path / "repository"
    repository.mkdir(exist_ok=True)
    env = clean_env(**(defaults | {"TRITON_MODEL_REPOSITORY": str(repository), "TRITON_ADMIN_KEY": "k"} | settings))
    return subprocess.run(
        [sys.executable, "-m", "triton_runtime"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    "name,value",
    [
        ("TRITON_MODEL_REPOSITORY", "/nowhere"),
        ("TRITON_HTTP_PORT", "70000"),
        ("TRITON_SERVER_BIN", "/nowhere/bin/tritonserver"),
        ("TRITON_ADMIN_KEY_FILE", "/nowhere"),
        ("TRITON_OTLP_ENDPOINT", "collector:4318"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(tmp_path, name, value):
    without_key = {"TRITON_ADMIN_KEY": ""} if name == "TRITON_ADMIN_KEY_FILE" else {}
    done = launch(tmp_path, **{name: value}, **without_key)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert value in line or name in line


@pytest.mark.parametrize("name", ["TRITON_MODEL_REPOSITORY", "TRITON_RUN_DIR"])
def test_a_path_that_a_shell_would_change_is_one_line_and_exit_code_2(tmp_path, name):
    folder = tmp_path / "my models"
    folder.mkdir()
    done = launch(tmp_path, **{name: str(folder)})
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert name in line
    assert "my models" in line


def test_the_error_names_a_port_that_is_in_use(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = launch(tmp_path, TRITON_GRPC_PORT=str(port))
    assert done.returncode == 2
    assert f"port {port} " in done.stderr
    assert "TRITON_GRPC_PORT" in done.stderr

"""The stack as a user starts and stops it, and Locust against it."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.process import Process, clean_env, free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]


def ports() -> dict[str, str]:
    names = ("TRITON_HTTP_PORT", "TRITON_GRPC_PORT", "TRITON_METRICS_PORT", "API_PORT", "LOADGEN_WEB_PORT")
    return {name: str(free_port()) for name in names}


@pytest.fixture
def settings(run_dir, trainer) -> dict[str, str]:
    repository = str(trainer.repository)
    return clean_env(
        **ports(), TRAINER_MODEL_REPOSITORY=repository, TRITON_MODEL_REPOSITORY=repository, API_WORKERS="2"
    )


def test_an_api_whose_task_cannot_be_loaded_ends_with_a_line_that_says_so(tmp_path):
    """gunicorn would otherwise restart the worker without end."""
    settings = clean_env(
        API_PORT=str(free_port()), API_TASKS="nowhere.at:All", API_METRICS_DIR=str(tmp_path / "metrics")
    )
    command = [sys.executable, "-m", "gunicorn", "--config", "python:api.server.gunicorn_conf", "api.asgi:app"]
    done = subprocess.run(command, env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 4
    assert "API_TASKS: nowhere.at:All can't be imported" in done.stderr


def test_the_run_command_serves_and_ctrl_c_leaves_nothing(settings, tmp_path):
    stack = Process(["scripts/with_env.sh", "scripts/run.sh"], tmp_path / "log", settings, ROOT)
    stack.start()
    try:
        wait_until(lambda: "Ready." in stack.log.read_text(), 90, "the announcement")
        request = urllib.request.Request(
            f"http://127.0.0.1:{settings['API_PORT']}/predict",
            (ROOT / "docs/digit.png").read_bytes(),
            {"content-type": "image/png"},
        )
        assert b'"prediction":' in urllib.request.urlopen(request, timeout=10).read()
        stack.wait_for(f"http://127.0.0.1:{settings['LOADGEN_WEB_PORT']}/", 30)
        children = processes_with(settings["API_PORT"])
        assert len(children) > 4
        stack.send(signal.SIGINT)
        stack.wait(20)
        assert processes_with(settings["API_PORT"]) == []
    finally:
        stack.stop(signal.SIGKILL)
        for pid in processes_with(settings["API_PORT"]):
            os.kill(pid, signal.SIGKILL)


def processes_with(port: str) -> list[int]:
    """Return the processes that were started with this ``API_PORT``: honcho's children are in groups of their own."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"API_PORT={port}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_a_port_that_is_taken_is_named_in_one_line(settings):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", int(settings["TRITON_GRPC_PORT"])))
        holder.listen()
        done = subprocess.run(
            ["scripts/with_env.sh", "scripts/run.sh"],
            env=settings,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert settings["TRITON_GRPC_PORT"] in line
    assert "TRITON_GRPC_PORT" in line


def test_locust_headless_finds_every_label_right(api, tmp_path):
    # A model trained for seconds reads a few digits wrong; that labels are checked, the loadgen's own tests show.
    env = clean_env(LOADGEN_TARGET=api.url, LOADGEN_PROCESSES="2", LOADGEN_CHECK_LABELS="false", LOADGEN_RATE="5")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "loadgen",
            "--headless",
            "-u",
            "20",
            "-r",
            "20",
            "-t",
            "6s",
            "--csv",
            str(tmp_path / "run"),
        ],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    total = (tmp_path / "run_stats.csv").read_text().splitlines()[-1].split(",")
    assert total[1] == "Aggregated"
    requests, failures = int(total[2]), int(total[3])
    assert requests > 100
    assert failures == 0

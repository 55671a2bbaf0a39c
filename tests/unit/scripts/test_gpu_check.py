"""The check of a GPU on a machine that has none, and its steps with programs that only record how they are called."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Answers as Python with or without a CUDA device; records every other call; FAILS names the call that fails.
PYTHON = """#!/bin/sh
case "$*" in
  *cuda.is_available*) exit ${CUDA:-1};;
  *urlopen*) test -f settings; exit;;
esac
echo "$*" >>calls
case "$*" in *"${FAILS:-nothing}"*) exit 2;; esac
"""
HONCHO = """#!/bin/sh
echo "TRITONBACKEND_ModelInstanceInitialize: mnist_cnn_0_0 (${KIND:-GPU} device 0)"
echo "$API_MAX_IN_FLIGHT $TRITON_MODEL_REPOSITORY" >settings
exec sleep 60
"""


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/gpu_check.sh", tmp_path / "scripts")
    for name, text in {"python": PYTHON, "honcho": HONCHO, "nvidia-smi": "#!/bin/sh\n"}.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    return tmp_path


def check(checkout: Path, *flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PATH": f"{checkout / 'bin'}{os.pathsep}{os.environ['PATH']}"} | variables
    argv = ["scripts/gpu_check.sh", *flags]
    return subprocess.run(argv, cwd=checkout, env=env, capture_output=True, text=True, timeout=60)


def calls(checkout: Path) -> list[str]:
    return [line.split(" --")[0] for line in (checkout / "calls").read_text().splitlines()]


def test_without_a_cuda_device_it_is_one_line_and_exit_code_2(checkout):
    done = check(checkout)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("gpu_check: PyTorch finds no CUDA device on this machine")
    assert not (checkout / "calls").exists()


def test_with_one_it_trains_serves_compares_and_measures(checkout):
    done = check(checkout, CUDA="0")
    assert done.returncode == 0, done.stderr
    assert calls(checkout) == [
        "-m trainer train",
        "scripts/preflight.py ports TRITON_HTTP_PORT=8000 TRITON_GRPC_PORT=8001 TRITON_METRICS_PORT=8002 API_PORT=8888",
        "scripts/compare_devices.py",
        "-m bench.loadtest steps",
    ]
    assert "--device cuda" in (checkout / "calls").read_text()
    assert (checkout / "settings").read_text().split() == ["1024", f"{checkout}/.run/gpu-check/model_repository"]
    assert done.stdout.endswith("== passed on cuda\n")


@pytest.mark.parametrize(
    ("step", "named"),
    [
        ("trainer train", "training on cuda"),
        ("preflight", "starting Triton and the api"),
        ("compare_devices", "comparing the digits of CPU, cuda and stack"),
        ("bench.loadtest", "measuring with Locust"),
    ],
)
def test_a_step_that_fails_ends_it_and_is_named(checkout, step, named):
    done = check(checkout, CUDA="0", FAILS=step)
    assert done.returncode == 1
    assert done.stderr.startswith(f"gpu_check: failed while {named}")
    assert step in calls(checkout)[-1]
    assert "passed" not in done.stdout


def test_a_model_that_triton_put_on_the_cpu_is_a_failure(checkout):
    done = check(checkout, CUDA="0", KIND="CPU")
    assert done.returncode == 1
    assert done.stderr == "gpu_check: Triton runs the model on the CPU\n"


def test_the_rehearsal_needs_no_gpu(checkout):
    done = check(checkout, "--cpu", KIND="CPU")
    assert done.returncode == 0, done.stderr
    assert "--device cpu" in (checkout / "calls").read_text()
    assert done.stdout.endswith("== passed on cpu\n")

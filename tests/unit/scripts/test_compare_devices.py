"""The comparison of CPU and CUDA, as far as a machine without CUDA can tell: PyTorch's CPU stands in for the GPU."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainer.digits.network import build_network

SCRIPT = Path(__file__).parents[3] / "scripts/compare_devices.py"


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("compare_devices", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.pt"
    torch.jit.save(torch.jit.freeze(torch.jit.script(build_network(1).eval())), path)
    return path


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_without_cuda_it_ends_with_one_line_that_says_so():
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "compare_devices: PyTorch finds no CUDA device on this machine, so there is nothing to compare the CPU with\n"
    )


def test_the_same_device_says_the_same(script, model, capsys):
    assert script.compare(model, None, script.CPU)
    said = "PyTorch on the CPU again: largest difference of a probability 0, 0 labels differ: same\n"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"), [(0.02, "0.02, 0 labels differ: NOT"), (0.5, "0.5, 1 labels"), (float("nan"), "nan")]
)
def test_a_difference_is_seen(script, capsys, change, said):
    wanted = torch.tensor([[0.7, 0.3], [0.6, 0.4]])
    found = wanted.clone()
    found[0, 0] -= change
    assert not script.report("a GPU", wanted, found)
    assert said in capsys.readouterr().out


def test_a_repository_without_torchscript_is_said_to_be_one(script, tmp_path, capsys):
    settings = script.Settings(model_repository=tmp_path)
    with pytest.raises(SystemExit) as exit_:
        script.published(settings)
    assert exit_.value.code == 2
    assert "nothing is published" in capsys.readouterr().err

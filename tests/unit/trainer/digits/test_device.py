from pathlib import Path

import pytest
import torch

from trainer.digits import device
from trainer.errors import SettingsError


@pytest.mark.parametrize(
    ("limit", "cores"), [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 8), ("", 8), ("9900000 100000", 8)]
)
def test_a_containers_limit_counts(tmp_path: Path, monkeypatch, limit: str, cores: int) -> None:
    monkeypatch.setattr(device.os, "sched_getaffinity", lambda pid: set(range(8)))
    path = tmp_path / "cpu.max"
    path.write_text(limit)
    assert device.usable_cores(path) == cores
    assert device.usable_cores(tmp_path / "missing") == 8


def test_auto_takes_cuda_if_there_is_a_device(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.choose_device("auto").type == "cuda"
    assert device.choose_device("cpu").type == "cpu"


def test_cuda_without_a_device_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.choose_device("auto").type == "cpu"
    with pytest.raises(SettingsError, match="finds no CUDA device"):
        device.choose_device("cuda")

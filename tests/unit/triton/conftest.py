"""Removes ``TRITON_*`` variables, which `make` sets for every process that it starts; finds the backends' modules."""

import os
import sys
from pathlib import Path

import pytest

BACKENDS = Path(__file__).parents[3] / "services/triton/backends"
# At the end, as Triton's stub does it: the folder `onnxruntime` must not hide the library.
sys.path += [str(BACKENDS), str(BACKENDS / "onnxruntime")]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TRITON_"):
            monkeypatch.delenv(name)

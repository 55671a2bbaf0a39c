"""The package of the model repository knows no model, and no library that trains one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "services/trainer/src/modelrepo").glob("**/*.py"))
# Particular to the digit model: its names, its data, the sides of its tensors, its images and their accuracy.
PARTICULAR = re.compile(r"digit|mnist|image|pixel|accuracy|\b28\b|\b10\b|(IN|OUT)PUT__", re.IGNORECASE)
HEAVY = ("torch", "sklearn", "onnx", "onnxruntime", "trainer")


def test_the_pattern_finds_what_is_particular_to_digits() -> None:
    for line in ("IMAGE_PX = 28", "dims=[10]", "a digit", "mnist_cnn/", "INPUT__0", "validation_accuracy"):
        assert PARTICULAR.search(line)
    assert not PARTICULAR.search("version 128 of my_model")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_source_names_what_is_particular_to_a_model(source: Path) -> None:
    lines = enumerate(source.read_text(encoding="utf-8").splitlines(), 1)
    assert [f"{source.name}:{number}: {line}" for number, line in lines if PARTICULAR.search(line)] == []


def test_importing_all_of_it_imports_no_training_library() -> None:
    modules = [f"modelrepo.{path.stem}" for path in SOURCES if path.stem != "__init__"]
    assert "modelrepo.repository" in modules
    program = f"import sys, {', '.join(modules)}; print(*sorted(set({HEAVY}) & sys.modules.keys()))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "\n"

"""The core of the api serves any model: nothing in it mentions the example's images, classes, shape or routes."""

import re
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "services/api/src/api"
CORE = ("inference", "limits", "telemetry", "server")
FILES = [file for folder in CORE for file in sorted((SOURCES / folder).rglob("*.py"))]
OF_THE_EXAMPLE = re.compile(
    r"(?i:(?<!is)(?<!hexadecimal )digit|mnist|\bimages?\b|\bpixels?\b|/predict|\b28\b|\b(ten|10) classes\b|put__0)"
    r"|CLASSES"
)


def mentions(text: str) -> list[str]:
    return [f"line {i}: {line.strip()}" for i, line in enumerate(text.splitlines(), 1) if OF_THE_EXAMPLE.search(line)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCES)))
def test_the_core_mentions_no_task(file):
    assert mentions(file.read_text()) == []


def test_all_of_the_core_is_looked_at():
    assert {file.relative_to(SOURCES).parts[0] for file in FILES} == set(CORE)
    assert len(FILES) >= 20


@pytest.mark.parametrize(
    "line", ["# (N, 1, 28, 28)", 'path == "/predict"', "from api.tasks.digits import x", "scores of ten classes"]
)
def test_what_it_looks_for_would_be_found(line):
    assert mentions(line)

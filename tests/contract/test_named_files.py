"""Files and modules that the tools' configuration, the monitoring, the docs and the api's sources name exist."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = ROOT / "pyproject.toml"
SOURCES = sorted(ROOT.glob("services/*/src"))
PACKAGES = sorted(path.name for source in SOURCES for path in source.iterdir() if (path / "__init__.py").is_file())
MONITORING = [path for path in sorted((ROOT / "deploy/monitoring").rglob("*")) if path.suffix in {".py", ".yml", ".md"}]
DOCS = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("services/*/README.md"))]
API = sorted(path for path in (ROOT / "services/api/src").rglob("*.py") if path.name != "docs.py")  # names URLs
FOLDERS = "bench|chaos|deploy|docs|scripts|services|tests"


def paths_in(text: str) -> set[str]:
    """Return the paths from the root of the checkout that a text names; they may hold wildcards."""
    found = re.findall(rf"(?<![\w./-])(?:\./|(?:\.\./)+)?((?:{FOLDERS})/[\w./*-]+)", text)
    return {path.rstrip(".") for path in found}


def modules_in(text: str) -> Iterator[str]:
    """Yield the modules of the services that a text names."""
    yield from re.findall(rf"(?<![\w./-])((?:{'|'.join(PACKAGES)})(?:\.[a-z_]+)+)\b", text)


def is_module(name: str) -> bool:
    path = Path(*name.split("."))
    return any((source / path).is_dir() or (source / path).with_suffix(".py").is_file() for source in SOURCES)


def test_the_patterns_find_what_they_are_for():
    assert paths_in("see `../../docs/a.md#b`, ./deploy/x/y.yml:ro and tests/e2e/test_it.py.") == {
        "docs/a.md",
        "deploy/x/y.yml",
        "tests/e2e/test_it.py",
    }
    assert {"api", "trainer", "triton_runtime", "loadgen"} <= set(PACKAGES)
    assert list(modules_in("api.app, trainer.nowhere; api-x, my.api.app")) == ["api.app", "trainer.nowhere"]
    assert is_module("api.app")
    assert not is_module("trainer.nowhere")


@pytest.mark.parametrize("file", [PYPROJECT, *MONITORING, *DOCS, *API], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_file_names_exists(file):
    assert [path for path in sorted(paths_in(file.read_text())) if not any(ROOT.glob(path.rstrip("/")))] == []


def test_every_module_that_the_configuration_names_exists():
    assert [name for name in modules_in(PYPROJECT.read_text()) if not is_module(name)] == []


def test_every_exception_from_a_rule_is_for_a_file_that_exists():
    patterns = tomllib.loads(PYPROJECT.read_text())["tool"]["ruff"]["lint"]["per-file-ignores"]
    assert [pattern for pattern in patterns if not any(ROOT.glob(pattern))] == []

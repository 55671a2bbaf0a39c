"""Every place that names the supported versions of Python names the same ones."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = sorted(ROOT.glob("services/*/pyproject.toml"))
VERSIONS = re.findall(r"\d\.\d+", re.findall(r'^supported="(.*)"$', (ROOT / "scripts/setup.sh").read_text(), re.M)[0])


def minor(version: str) -> int:
    major, _, number = version.partition(".")
    assert major == "3"
    return int(number)


def test_the_services_require_what_setup_supports():
    assert [minor(version) for version in VERSIONS] == list(range(minor(VERSIONS[0]), minor(VERSIONS[-1]) + 1))
    wanted = f">={VERSIONS[0]},<3.{minor(VERSIONS[-1]) + 1}"
    assert len(PROJECTS) == 4
    assert {tomllib.loads(path.read_text())["project"]["requires-python"] for path in PROJECTS} == {wanted}


def test_preflight_supports_the_same():
    [line] = re.findall(r"^PYTHONS = (.*?)  #", (ROOT / "scripts/preflight.py").read_text(), re.MULTILINE)
    assert re.findall(r"\((\d), (\d+)\)", line) == [tuple(version.split(".")) for version in VERSIONS]


def test_setup_looks_for_each_of_them():
    setup = (ROOT / "scripts/setup.sh").read_text()
    assert re.findall(r"\bpython(3\.\d+)", setup.partition("for candidate in ")[2].partition(";")[0]) == VERSIONS[::-1]


def test_linters_check_for_the_oldest():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert tools["mypy"]["python_version"] == VERSIONS[0]
    assert tools["ruff"]["target-version"] == f"py{VERSIONS[0].replace('.', '')}"


def test_the_images_run_on_one_of_them_and_the_readme_names_all():
    for file in ROOT.glob("services/*/Dockerfile"):
        [version] = re.findall(r"^ARG PYTHON_IMAGE=python:(\d\.\d+)", file.read_text(), re.MULTILINE)
        assert version in VERSIONS
    readme = (ROOT / "README.md").read_text()
    assert f"Python {', '.join(VERSIONS[:-1])} or {VERSIONS[-1]}" in readme

"""Which Python setup takes, with programs that only print a version in place of the real ones."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# The first thing that setup asks of the Python that it takes is preflight; the program ends it there, with its name.
PYTHON = """#!/bin/sh
[ "$1" = -c ] && { echo VERSION; exit 0; }
echo "taken: $0" >&2
exit 7
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout with setup.sh and what it reads, and an empty folder of programs."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    for path in ["scripts/setup.sh", "constraints.txt", "pyproject.toml"]:
        shutil.copy(ROOT / path, tmp_path / path)
    shutil.copytree(ROOT / "services/api", tmp_path / "services/api", ignore=lambda *_: ["src", "tests"])
    for program in ("bash", "dirname", "cat", "sha256sum"):
        (tmp_path / "bin" / program).symlink_to(shutil.which(program))
    return tmp_path


def put(checkout: Path, name: str, version: str) -> None:
    """Write a program that is Python ``version``, or a wrapper without a Python behind it."""
    program = checkout / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(PYTHON.replace("VERSION", version) if version else "#!/bin/sh\nexit 127\n")
    program.chmod(0o755)


def run(checkout: Path, python: str = "") -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PATH": str(checkout / "bin"), "PYTHON": python}
    return subprocess.run(["bash", "scripts/setup.sh"], cwd=checkout, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("programs", "taken"),
    [
        ({"python3": "3.12", "python3.13": "3.13"}, "python3"),
        ({"python3": "3.9", "python3.12": "3.12", "python3.11": "3.11"}, "python3.12"),
        ({"python3": "3.14", "python3.13": "", "python3.11": "3.11"}, "python3.11"),
        ({"../.venv/bin/python": "3.11", "python3": "3.13"}, "python"),
        ({"../.venv/bin/python": "3.10", "python3": "3.13"}, "python3"),
    ],
)
def test_it_takes_the_environments_python_then_the_machines_then_the_newest(checkout, programs, taken):
    for name, version in programs.items():
        put(checkout, f"bin/{name}", version)
    done = run(checkout)
    assert done.returncode == 7
    assert Path(done.stderr.strip().removeprefix("taken: ")).name == taken


def test_the_one_that_is_named_goes_before(checkout):
    put(checkout, ".venv/bin/python", "3.11")
    put(checkout, "elsewhere/python", "3.13")
    done = run(checkout, python=str(checkout / "elsewhere/python"))
    assert done.stderr == f"taken: {checkout}/elsewhere/python\n"


def test_one_that_is_named_and_not_supported_is_an_error(checkout):
    put(checkout, "bin/python3", "3.12")
    put(checkout, "bin/python3.10", "3.10")
    done = run(checkout, python="python3.10")
    assert done.returncode == 1
    assert done.stderr == "setup: PYTHON=python3.10 is Python 3.10: name a Python of 3.11, 3.12, 3.13\n"


def test_one_that_is_named_and_not_there_is_an_error(checkout):
    put(checkout, "bin/python3", "3.12")
    done = run(checkout, python="python3.13")
    assert done.returncode == 1
    assert done.stderr == "setup: PYTHON=python3.13 doesn't run: name a Python of 3.11, 3.12, 3.13\n"


def test_without_any_it_says_what_to_install(checkout):
    put(checkout, "bin/python3", "3.9")
    done = run(checkout)
    assert done.returncode == 1
    assert done.stderr.startswith("setup: no Python of 3.11, 3.12, 3.13 was found. Install one")


def test_an_environment_that_is_up_to_date_is_left_alone(checkout):
    put(checkout, ".venv/bin/python", "3.12")
    script = "cat constraints.txt pyproject.toml services/*/pyproject.toml scripts/setup.sh | sha256sum"
    stamp = subprocess.run(["bash", "-c", script], cwd=checkout, capture_output=True, text=True).stdout.strip()
    (checkout / ".venv/.up-to-date").write_text(stamp + "\n")
    assert run(checkout).returncode == 0
    # Another Python that is named makes it anew.
    put(checkout, "bin/python3.13", "3.13")
    assert run(checkout, python="python3.13").returncode == 7

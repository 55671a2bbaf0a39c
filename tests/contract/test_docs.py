"""The docs say what the code does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
PAGES = [
    path for path in ROOT.rglob("*.md") if not {".venv", ".run", ".pytest_cache"} & set(path.relative_to(ROOT).parts)
]


def test_generated_pages_are_up_to_date():
    result = subprocess.run(
        [sys.executable, "scripts/generate_docs.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def known_variables() -> set[str]:
    table = (ROOT / "docs/settings.md").read_text()
    compose = "".join(file.read_text() for file in ROOT.glob("docker-compose*.yml"))
    monitoring = (ROOT / "scripts/monitoring.py").read_text()
    return {
        *re.findall(r"`([A-Z][A-Z0-9_]+)`", table),
        *re.findall(r"\$\{([A-Z0-9_]+)", compose),
        *re.findall(r"^    \"([A-Z_]+)\": ", monitoring, re.MULTILINE),
    }


def test_the_env_example_names_only_settings_that_something_reads():
    names = re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert names
    assert not set(names) - known_variables()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_and_file_that_a_page_names_exists(page):
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    named = set(re.findall(r"\bmake ([a-z][a-z-]+)", code))
    assert not named - targets, "targets that the Makefile doesn't have"
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not link.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / link).exists(), f"{link} is linked but not there"


def test_every_script_is_listed():
    readme = (ROOT / "scripts/README.md").read_text()
    scripts = [path.name for path in (ROOT / "scripts").iterdir() if path.suffix in (".py", ".sh")]
    assert [name for name in scripts if f"`{name}`" not in readme] == []


def test_the_stack_with_jobs_has_the_same_processes_and_three_more():
    plain, jobs = (yaml.safe_load((ROOT / name).read_text()) for name in ("Procfile", "Procfile.jobs"))
    assert {name: jobs.pop(name) for name in ("redis", "worker", "flower")}
    assert jobs == plain


def test_every_process_of_the_procfile_is_a_service_or_waits_for_them():
    names = set(yaml.safe_load((ROOT / "Procfile").read_text()))
    assert names == {"triton", "api", "loadgen", "wait-ready"}
    assert {path.name for path in (ROOT / "services").iterdir()} >= names - {"wait-ready"}

"""The examples of docs/clients.md, run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.node import find_node
from tests.support.process import clean_env

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/clients.md").read_text(encoding="utf-8")
# A block of code, and the block of its output behind it.
EXAMPLES = re.findall(r"^```(sh|python|js)\n(.*?)^```\n+^```(?:json|text)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = {"sh": ["bash", "-euc"], "python": [sys.executable, "-c"], "js": ["node", "--input-type=module", "--eval"]}


def test_every_language_has_its_examples():
    assert [language for language, _, _ in EXAMPLES] == ["sh", "sh", "python", "js"]


@pytest.mark.parametrize("language,code,output", EXAMPLES, ids=[f"{e[0]}{i}" for i, e in enumerate(EXAMPLES)])
def test_an_example_prints_what_the_page_says(api, language, code, output):
    assert len(code.splitlines()) <= 12
    program, *flags = COMMANDS[language]
    if program == "node":
        find_node()
    code = code.replace("http://localhost:8888", api.url)
    done = subprocess.run(
        [program, *flags, code], cwd=ROOT, env=clean_env(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    # `…` stands for anything; which version is served depends on the tests before.
    pattern = re.escape(output.strip()).replace("…", ".*").replace(r'"model_version":"1"', r'"model_version":"\d+"')
    assert re.fullmatch(pattern, done.stdout.strip()), done.stdout

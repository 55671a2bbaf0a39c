"""The commands in docs/protocol.md run as they stand, and answer what stands below them."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs/protocol.md").read_text(encoding="utf-8")
# A block of commands, and the block of JSON right behind it, if any.
EXAMPLES = re.findall(r"```sh\n(.*?)```\n(?:```json\n(.*?)```\n)?", PAGE, re.DOTALL)


def form(value: Any) -> Any:
    """Return what a JSON value is made of, without its numbers; and of lists, what they begin with."""
    if isinstance(value, dict):
        return {key: form(each) for key, each in value.items()}
    if isinstance(value, list):
        return [form(value[0]), len(value)] if value else []
    return float if isinstance(value, int | float) else type(value)


@pytest.mark.parametrize("command,answer", EXAMPLES)
def test_the_command_answers(api, tmp_path, command, answer):
    here = command.replace("localhost:8888", api.url.removeprefix("http://"))
    assert here != command
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", here], cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 0, (here, done.stdout, done.stderr)
    if answer:
        assert form(json.loads(done.stdout)) == form(json.loads(answer))
    else:
        assert done.stdout or (tmp_path / "answer.bin").read_bytes()


def test_the_page_has_as_many_examples_as_it_should():
    assert len(EXAMPLES) == 6
    assert sum(bool(answer) for _, answer in EXAMPLES) == 3

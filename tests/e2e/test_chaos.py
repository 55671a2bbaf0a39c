"""``make chaos-quick``: the stack is broken in its short form, and every promise is kept."""

import subprocess
import sys
from pathlib import Path

from tests.support.process import clean_env

ROOT = Path(__file__).resolve().parents[2]


def test_every_promise_of_the_short_form_is_kept(trainer, tmp_path):
    argv = [sys.executable, "-m", "chaos", "--short", "--repository", str(trainer.repository)]
    argv += ["--results", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, env=clean_env(), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    (table,) = tmp_path.glob("chaos-*.md")
    assert "**no**" not in table.read_text()

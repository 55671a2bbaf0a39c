"""``make chaos-quick``: all guarantees of the short form hold."""

import subprocess
import sys
from pathlib import Path

from tests.support.process import clean_env

ROOT = Path(__file__).resolve().parents[2]


def test_all_guarantees_of_the_short_form_hold(trainer, tmp_path):
    argv = [sys.executable, "-m", "chaos", "--short", "--repository", str(trainer.repository)]
    argv += ["--results", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, env=clean_env(), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    (table,) = tmp_path.glob("chaos-*.md")
    assert "violated in 0, not run 0" in table.read_text()

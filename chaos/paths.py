"""Where things lie; a run's own folder is under ``.run/chaos`` and goes with it, reports are in ``results/``."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / ".run" / "chaos"
RESULTS = ROOT / "results"

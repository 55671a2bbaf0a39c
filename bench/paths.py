"""Where things lie; all that runs leave behind is under ``.run/bench`` and ``results``, which git ignores."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "bench"
RUN = ROOT / ".run" / "bench"
ENVS = RUN / "envs"
TOOLS = RUN / "tools"
LOGS = RUN / "logs"
RESULTS = ROOT / "results"

"""Folders: a run keeps its files under ``.run/chaos`` and removes them at its end; reports go to ``results/``."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / ".run" / "chaos"
RESULTS = ROOT / "results"

"""A key and the certificates of a private CA, made as a user makes them."""

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/make_secrets.sh"


def make_secrets(folder: Path) -> Path:
    """Fill a folder and return it."""
    subprocess.run([str(SCRIPT), str(folder)], check=True, capture_output=True, timeout=60)
    return folder

"""The files of the package magika; the package itself isn't imported, so its dependencies aren't needed."""

import importlib.util
import json
from pathlib import Path
from typing import Any


def folder() -> Path:
    """Return where the package is installed.

    Raises:
        SystemExit: It isn't.
    """
    spec = importlib.util.find_spec("magika")
    if spec is None or spec.origin is None:
        raise SystemExit("magika is missing: pip install --no-deps magika==1.0.3")
    return Path(spec.origin).parent


def model_file() -> Path:
    """Return the ONNX file."""
    return folder() / "models/standard_v3_3/model.onnx"


def load_config() -> dict[str, Any]:
    """Return the model's labels, thresholds and sizes."""
    found: dict[str, Any] = json.loads(model_file().with_name("config.min.json").read_bytes())
    return found


def load_content_types() -> dict[str, dict[str, Any]]:
    """Return what is known of each type: its MIME type, and whether it is text."""
    found: dict[str, dict[str, Any]] = json.loads((folder() / "config/content_types_kb.min.json").read_bytes())
    return found

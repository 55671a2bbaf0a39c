"""Publishes magika's model, with its labels:  python -m examples.file_type.publish."""

import sys
import tempfile
from pathlib import Path

from examples.file_type.package import load_config, model_file
from trainer.__main__ import main

if __name__ == "__main__":
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as labels:
        Path(labels.name).write_text("\n".join(load_config()["target_labels_space"]), encoding="utf-8")
        sys.exit(main(["publish", str(model_file()), "--model", "magika", "--labels", labels.name, *sys.argv[1:]]))

"""Trains on scikit-learn's bundled irises, and publishes the model:  python -m examples.iris.train."""

import sys
import tempfile
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainer.__main__ import main

if __name__ == "__main__":
    data = load_iris()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(data.data, data.target)
    # With zipmap, probabilities would be a sequence of maps, which Triton doesn't serve.
    graph = to_onnx(model, data.data[:1].astype(np.float32), options={"zipmap": False}, target_opset=17)
    with tempfile.TemporaryDirectory() as folder:
        file, labels = Path(folder) / "iris.onnx", Path(folder) / "labels.txt"
        file.write_bytes(graph.SerializeToString())
        labels.write_text("\n".join(data.target_names), encoding="utf-8")
        flags = ["--model", "iris", "--labels", f"probabilities:{labels}"]
        sys.exit(main(["publish", str(file), *flags, *sys.argv[1:]]))

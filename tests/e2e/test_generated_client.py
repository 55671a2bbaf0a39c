"""A client that a standard generator makes from docs/openapi.json, against the real stack."""

import base64
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.process import BIN, clean_env

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "generated_inference_client"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("generated")
    argv = [str(BIN / "openapi-python-client"), "generate", "--path", str(ROOT / "docs/openapi.json")]
    argv += ["--meta", "none", "--output-path", str(folder / PACKAGE)]
    done = subprocess.run(argv, cwd=folder, env=clean_env(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    # It leaves out bodies that are an image or an archive themselves, and lines of JSON.
    warned = [line for line in done.stderr.splitlines() if line.startswith(("WARNING", "ERROR"))]
    assert warned == [
        "WARNING parsing POST /predict within digits.",
        "WARNING parsing POST /jobs/digits within jobs.",
        "WARNING parsing POST /jobs/digits within jobs.",
        "WARNING parsing POST /jobs/v2/{model} within jobs. Endpoint will not be generated.",
        "WARNING parsing GET /jobs/{job_id}/results within jobs.",
    ]
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(PACKAGE)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


def operation(name: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.api.{name}")


def model(name: str) -> type:
    return getattr(importlib.import_module(f"{PACKAGE}.models"), name)


def test_it_predicts(package, api):
    client = package.Client(base_url=api.url, timeout=30)
    image = base64.b64encode((ROOT / "docs/digit.png").read_bytes()).decode()
    answer = operation("digits.predict").sync(client=client, body=model("PredictJsonDigitsRequest")(image=image))
    assert type(answer) is model("SinglePrediction")
    assert answer.prediction == 5
    assert len(answer.probabilities) == 10

    refused = operation("digits.predict").sync(client=client, body=model("PredictJsonDigitsRequest")(image="AAAA"))
    assert type(refused) is model("ErrorBody")
    assert refused.error.code == "invalid_image"


def test_it_asks_any_model(package, api):
    client = package.Client(base_url=api.url, timeout=30)
    metadata = operation("v2.v2_models_model").sync_detailed("mnist_cnn", client=client)
    assert metadata.status_code == 200
    body = model("V2ModelsModelInferJsonBody").from_dict(
        {"id": "7", "inputs": [{"name": "INPUT__0", "datatype": "UINT8", "shape": [1, 1, 28, 28], "data": [0] * 784}]}
    )
    answer = operation("v2.v2_models_model_infer").sync("mnist_cnn", client=client, body=body)
    (output,) = answer.outputs
    assert (answer.id, answer.model_name, output.name, output.shape) == ("7", "mnist_cnn", "OUTPUT__0", [1, 10])
    assert len(output.data) == 10

    unknown = operation("v2.v2_models_model_infer").sync("nothing", client=client, body=body)
    assert "nothing" in unknown.error
    assert operation("v2.v2_health_ready").sync_detailed(client=client).status_code == 200

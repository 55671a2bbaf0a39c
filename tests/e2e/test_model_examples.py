"""The examples: models that were made elsewhere, served beside the digits, answer as their own packages do."""

import base64
import gzip
import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_iris

from tests.support.api_server import ApiServer
from tests.support.images import png
from tests.support.process import clean_env
from tests.support.required import skip_or_fail

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "examples/requirements.txt"
TASKS = (
    "api.tasks.digits:Digits,examples.file_type.task:FileType,examples.iris.task:Iris,"
    "examples.orientation.task:Orientation"
)


@pytest.fixture(scope="session")
def packages() -> Path:
    """The packages that the examples take their models from; they are no dependencies of the stack."""
    folder = ROOT / ".run" / f"examples-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    staging = folder.with_suffix(".new")
    flags = ["--quiet", "--no-deps", "--ignore-requires-python", "--upgrade", "--target", str(staging)]
    pip = [sys.executable, "-m", "pip", "install", *flags, "--requirement", str(REQUIREMENTS)]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=240)
    if done.returncode:
        skip_or_fail("EXAMPLES", f"the examples' packages can't be installed: {done.stderr.strip().splitlines()[-1:]}")
    staging.rename(folder)
    return folder


@pytest.fixture(scope="module")
def run(packages, triton, trainer):
    """Run one of the examples' modules."""

    def run_module(module: str, *args: str) -> str:
        env = clean_env(
            PYTHONPATH=f"{ROOT}{os.pathsep}{packages}",
            TRAINER_MODEL_REPOSITORY=str(trainer.repository),
            TRAINER_TRITON_URL=triton.grpc_url,
            TRAINER_TRITON_ADMIN_KEY=triton.admin_key,
        )
        done = subprocess.run(
            [sys.executable, "-m", module, *args], env=env, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_module


@pytest.fixture(scope="module")
def client(run, packages, triton, tmp_path_factory) -> Iterator[httpx.Client]:
    """An api that serves all examples beside the digits."""
    for module in ("examples.file_type.publish", "examples.iris.train", "examples.orientation.publish"):
        assert f"on Triton at {triton.grpc_url}" in run(module)
    path = f"{ROOT}{os.pathsep}{packages}"
    folder = tmp_path_factory.mktemp("examples")
    with ApiServer(folder, triton.grpc_url, API_TASKS=TASKS, PYTHONPATH=path) as api:
        api.wait_ready()
        with httpx.Client(base_url=api.url, timeout=30) as client:
            yield client


def files() -> dict[str, bytes]:
    text = (ROOT / "README.md").read_bytes()
    picture = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(picture, "PNG")
    return {
        "README.md": text,
        "conftest.py": (ROOT / "tests/e2e/conftest.py").read_bytes(),
        "Makefile": (ROOT / "Makefile").read_bytes(),
        "Dockerfile": (ROOT / "services/api/Dockerfile").read_bytes(),
        "compose.yml": (ROOT / "docker-compose.yml").read_bytes(),
        "page.css": (ROOT / "services/api/src/api/tasks/digits/page/page.css").read_bytes(),
        "page.html": (ROOT / "services/api/src/api/tasks/digits/page/index.html").read_bytes(),
        "page.js": (ROOT / "services/api/src/api/tasks/digits/page/page.js").read_bytes(),
        "picture.png": picture.getvalue(),
        "text.gz": gzip.compress(text),
        "program": Path("/proc/self/exe").read_bytes()[:1_000_000],
        "noise": np.random.default_rng(0).bytes(5000),
        "short": b"   import os\n\n",
        "block": b"\n" * 10 + b"x = 1\n" * 682 + b" " * 20,  # white space at both ends, and about a block long
    }


def test_file_types_are_those_of_the_package(client: httpx.Client, packages: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(packages))
    from magika import Magika

    package = Magika()
    found = {}
    for name, data in files().items():
        expected = package.identify_bytes(data)
        answer = client.post("/file-type", content=data, headers={"content-type": "application/octet-stream"})
        assert answer.status_code == 200, (name, answer.text)
        found[name] = answer.json()
        assert found[name]["label"] == str(expected.output.label), name
        assert found[name]["mime_type"] == expected.output.mime_type, name
        assert found[name]["score"] == pytest.approx(expected.score, abs=2e-3), name
    labels = {name: answer["label"] for name, answer in found.items()}
    assert labels["README.md"] == "markdown"
    assert labels["picture.png"] == "png"
    assert labels["text.gz"] == "gzip"
    assert labels["program"] == "elf"
    batch = client.post("/file-type/batch", files=[("files", data) for data in files().values()]).json()
    assert [answer["label"] for answer in batch["predictions"]] == list(labels.values())


def test_a_file_that_is_too_short_is_refused(client: httpx.Client) -> None:
    refused = client.post("/file-type", content=b"  abc \n", headers={"content-type": "application/octet-stream"})
    assert refused.status_code == 422
    assert "3 bytes" in refused.text or "5 bytes" in refused.text


def test_irises_are_named_from_json(client: httpx.Client) -> None:
    data = load_iris()
    names = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    flowers = [dict(zip(names, row.tolist(), strict=True)) for row in data.data]
    answer = client.post("/iris", json=flowers[0])
    assert answer.json() == {"species": "setosa", "probability": pytest.approx(0.98, abs=0.03), "model_version": "1"}
    batch = client.post("/iris/batch", json={"flowers": flowers[::10]}).json()["predictions"]
    right = [each["species"] == data.target_names[kind] for each, kind in zip(batch, data.target[::10], strict=True)]
    assert sum(right) >= len(right) - 1
    assert client.post("/iris", json={**flowers[0], "petal_width": -1}).status_code == 422
    assert client.post("/iris", content=b"x", headers={"content-type": "text/plain"}).status_code == 415


def text_picture(seed: int, size: tuple[int, int]) -> Image.Image:
    words = ["Triton", "serves", "a", "model", "that", "another", "program", "has", "trained", "upright"]
    generator = np.random.default_rng(seed)
    picture = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=24)
    for top in range(10, size[1] - 24, 34):
        draw.text((10, top), " ".join(generator.choice(words, 20)), fill="black", font=font)
    return picture


@pytest.mark.parametrize("size", [(600, 400), (400, 600), (1200, 800)])
def test_rotated_text_is_recognised(client: httpx.Client, size) -> None:
    for degrees in (0, 90, 180, 270):
        file = io.BytesIO()
        text_picture(1, size).rotate(-degrees, expand=True).save(file, "PNG")
        answer = client.post("/orientation", content=file.getvalue(), headers={"content-type": "image/png"}).json()
        assert answer["degrees"] == degrees
        assert answer["score"] > 0.5
    assert client.post("/orientation", content=b"x" * 99, headers={"content-type": "image/png"}).status_code == 422


def test_the_digits_are_served_beside_them_and_openapi_names_all(client: httpx.Client, images) -> None:
    answer = client.post("/predict", content=png(images.images_u8[0, 0].numpy()), headers={"content-type": "image/png"})
    assert answer.json()["prediction"] == int(images.labels[0])
    as_text = base64.b64encode((ROOT / "README.md").read_bytes()).decode()
    assert client.post("/file-type", json={"file": as_text}).json()["label"] == "markdown"
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/predict", "/file-type", "/file-type/batch", "/iris", "/iris/batch", "/orientation"} <= paths.keys()


@pytest.mark.parametrize("module", ["over_http", "over_grpc"])
def test_triton_is_asked_directly(run, triton, module) -> None:
    address = triton.http_url.removeprefix("http://") if module == "over_http" else triton.grpc_url
    printed = run(f"examples.ask_triton.{module}", address).splitlines()
    assert printed[0].startswith("digits [")
    assert printed[1].startswith("version 1 requests ")
    assert int(printed[2].removeprefix("mean_us ")) > 0
    assert len((ROOT / f"examples/ask_triton/{module}.py").read_text().splitlines()) < 30

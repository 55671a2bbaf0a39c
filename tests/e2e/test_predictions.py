"""What comes back over HTTP is what the network says."""

import asyncio
import json
import re
import shlex
import subprocess
import urllib.request
from pathlib import Path

import httpx

from tests.support.agreement import assert_agrees, probabilities_of
from tests.support.images import as_json, png
from tests.support.process import wait_until

ROOT = Path(__file__).resolve().parents[2]


def counter(triton, name: str) -> float:
    text = urllib.request.urlopen(f"{triton.metrics_url}/metrics", timeout=5).read().decode()
    return sum(float(value) for value in re.findall(rf'^{name}{{model="mnist_cnn".*}} (\S+)$', text, re.MULTILINE))


def test_a_thousand_predictions_agree_with_the_network_image_by_image(client, trainer, network, images):
    # On a CPU what is served is ONNX; what it is compared with is PyTorch.
    assert (trainer.repository / "mnist_cnn/1/model.onnx").is_file()
    assert_agrees(client, network, images, "1")
    assert (probabilities_of(network, images).argmax(axis=1) == images.labels.numpy()).mean() > 0.9


async def test_concurrent_single_predictions_agree_and_share_executions(api, triton, network, images):
    digits = probabilities_of(network, images).argmax(axis=1).tolist()
    before = {name: counter(triton, name) for name in ("nv_inference_count", "nv_inference_exec_count")}
    limits = httpx.Limits(max_connections=32)
    async with httpx.AsyncClient(base_url=api.url, limits=limits, timeout=60) as client:

        async def ask(image) -> int:
            response = await client.post("/predict", json=as_json(png(image[0].numpy())))
            assert response.status_code == 200, response.text
            return response.json()["prediction"]

        got = await asyncio.gather(*(ask(image) for image in images.images_u8))
    assert got == digits
    rows, executions = (counter(triton, name) - value for name, value in before.items())
    assert rows >= len(images)
    assert executions < rows


def test_images_as_people_send_them_are_read(client, images):
    """Larger, dark on light, off centre, as a JPEG: nearly every digit is still read as before."""
    import io

    from PIL import Image

    right = 0
    sample = range(100)
    for i in sample:
        paper = Image.new("L", (400, 300), 240)
        digit = Image.fromarray(images.images_u8[i, 0].numpy()).resize((160, 160), Image.Resampling.BICUBIC)
        paper.paste(20, (200, 30), digit)
        buffer = io.BytesIO()
        paper.convert("RGB").save(buffer, "JPEG", quality=80)
        response = client.post("/predict", content=buffer.getvalue(), headers={"content-type": "image/jpeg"})
        assert response.status_code == 200, response.text
        right += response.json()["prediction"] == int(images.labels[i])
    assert right >= 88


def readme_commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("curl")]


def test_the_readmes_commands_answer(api):
    commands = readme_commands()
    assert len(commands) >= 4
    for command in commands:
        line = command.replace("localhost:8888", f"127.0.0.1:{api.port}")
        done = subprocess.run(["bash", "-c", f"{line} --fail-with-body --silent"], cwd=ROOT, capture_output=True)
        assert done.returncode == 0, (command, done.stdout)
        assert b'"prediction"' in done.stdout, shlex.split(command)


def test_the_older_clients_get_with_a_body_is_answered(api, images):
    raw = images.images_u8[0, 0].numpy().tobytes()
    body = json.dumps(as_json(raw) | {"height": 28, "width": 28})
    for method in ("GET", "POST"):
        done = subprocess.run(
            ["curl", "-sX", method, "-H", "content-type: application/json", "-d", "@-", f"{api.url}/predict-mnist"],
            input=body.encode(),
            capture_output=True,
        )
        assert set(json.loads(done.stdout)) == {"prediction"}


def test_the_metrics_are_those_of_every_worker(api, client, images):
    def total() -> float:
        text = client.get("/metrics").text
        return sum(
            float(value)
            for value in re.findall(r'^api_requests_total{.*route="/health/live".*} (\S+)$', text, re.MULTILINE)
        )

    before = total()
    for _ in range(40):
        # A connection each, so that both workers get some.
        assert httpx.get(f"{api.url}/health/live").status_code == 200
    # A worker writes its figures down ten times a second.
    wait_until(lambda: total() - before == 40, 5, "40 more")

"""The commands of docs/your-model.md and of the examples' pages, run as they stand."""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.support.api_server import ApiServer
from tests.support.process import BIN, clean_env
from tests.support.triton_server import TritonServer

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/your-model.md").read_text()


def blocks(kind: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [text for language, text in fenced if language == kind]


def write_model(path: Path) -> None:
    """Write the model of the page: it doubles its input."""
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("x", "y")]
    two = numpy_helper.from_array(np.float32([2]), "two")
    graph = helper.make_graph([helper.make_node("Mul", ["x", "two"], ["y"])], "double", sides[:1], sides[1:], [two])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Triton, and an api with the page's task, in a folder with the page's files."""
    folder = tmp_path_factory.mktemp("your-model")
    (folder / "model_repository").mkdir()
    (folder / "my_task").mkdir()
    (folder / "my_task/task.py").write_text(blocks("python")[0])
    write_model(folder / "my.onnx")
    with TritonServer(folder / "model_repository", folder / "triton") as triton:
        yield folder, triton


def run(command: str, folder: Path, triton: TritonServer, api: ApiServer | None = None) -> str:
    """Run a command of the page on the ports of this test; ``make`` would build an environment first."""
    recipe = re.search(r"^publish:.*\n\t@\$\(IN_ENV\) (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    if named := re.fullmatch(r"make publish FILE=(\S+) MODEL=(\S+)\n", command):
        command = recipe[1].replace("$(FILE)", named[1]).replace("$(MODEL)", named[2]).replace("$(OPTIONS)", "")
    for name, url in (("8000", triton.http_url), ("8002", triton.metrics_url), ("8888", api.url if api else "")):
        command = command.replace(f"localhost:{name}", url.removeprefix("http://"))
    env = clean_env(
        TRAINER_MODEL_REPOSITORY="model_repository",
        TRAINER_TRITON_URL=triton.grpc_url,
        TRAINER_TRITON_ADMIN_KEY=triton.admin_key,
    )
    env["PATH"] = f"{BIN}{os.pathsep}{env['PATH']}"
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_commands_of_the_page_print_what_it_shows(stack) -> None:
    folder, triton = stack
    publish, infer, metrics, double = blocks("sh")
    expected = blocks("")[0].replace("127.0.0.1:8001", triton.grpc_url)
    assert run(publish, folder, triton) == expected
    first, second = (json.loads(text) for text in blocks("json"))
    (tasks,) = {
        re.search(r"API_TASKS[=:] ?(\S+)", text)[1] for text in blocks("") + blocks("yaml") if "API_TASKS" in text
    }
    # The digits' model isn't published here.
    settings = {"API_TASKS": tasks.split(",")[1], "PYTHONPATH": str(folder)}
    with ApiServer(folder / "api", triton.grpc_url, **settings) as api:
        api.wait_ready()
        assert json.loads(run(infer, folder, triton, api)) == first
        assert re.search(
            r'nv_inference_request_success\{model="my_model",version="1"\} \d', run(metrics, folder, triton)
        )
        assert json.loads(run(double, folder, triton, api)) == second


@pytest.mark.parametrize("page", sorted((ROOT / "examples").glob("*/README.md")), ids=lambda path: path.parent.name)
def test_every_module_that_an_examples_page_runs_exists(page: Path) -> None:
    modules = re.findall(r"python -m (examples\.\S+)", page.read_text())
    assert modules
    for module in modules:
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()

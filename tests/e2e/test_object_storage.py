"""The chart's containers that copy models to and from object storage, against a real S3-compatible server.

The scripts and the variables are those that helm draws; only the folder /models is another, and no container runs them.
"""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import tiny_model
from tests.support.helm import CHARTS, containers, drawn, one, pods
from tests.support.process import Process
from tests.support.swift_server import ACCESS_KEY, SECRET_KEY, SwiftServer
from tests.support.triton_server import TritonServer

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwiftServer]:
    with SwiftServer(tmp_path_factory.mktemp("swift")) as server:
        done = subprocess.run(["rclone", "mkdir", ":s3:models"], env=variables(server, {}), capture_output=True)
        assert done.returncode == 0, done.stderr
        yield server


def variables(server: SwiftServer, drawn_by_helm: dict[str, str]) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    fixed = {"RCLONE_S3_PROVIDER": "Other", "RCLONE_S3_ENDPOINT": server.url, "RCLONE_S3_ENV_AUTH": "true"}
    folder = str(Path(shutil.which("rclone") or "").parent)
    return {"PATH": f"{folder}:/usr/bin:/bin", "RCLONE_S3_REGION": "us-east-1"} | keys | fixed | drawn_by_helm


def container(server: SwiftServer, kind: str, workload: str, name: str, models: Path, log: Path) -> Process:
    """Return a process that does what a container of the chart does, with another folder in place of /models."""
    sets = (f"storage.s3.endpoint={server.url}", "trainer.schedule=@daily")
    tree = one(drawn("stack", CHARTS / "stack/values-s3.yaml", sets=sets), kind, workload)
    [(_, template)] = pods([tree])
    [found] = [each for each in containers(template) if each["name"] == name]
    models.mkdir(exist_ok=True)
    argv = [*found["command"], re.sub(r"(?<=[ ])/models", str(models), found["args"][0])]
    env = {each["name"]: each["value"] for each in found["env"]}
    return Process(argv, log, variables(server, env), log.parent)


def run(server: SwiftServer, kind: str, workload: str, name: str, models: Path, log: Path) -> None:
    with container(server, kind, workload, name, models, log) as process:
        assert process.wait(60) == 0, log.read_text()


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_a_training_stored_is_what_a_triton_serves(storage, tmp_path):
    made, fetched = tmp_path / "made", tmp_path / "fetched"
    made.mkdir()
    log = tmp_path / "triton-init.log"
    with container(storage, "Deployment", "stack-triton", "models", fetched, log) as waiting:
        time.sleep(3)
        assert waiting.is_running(), "without a model, a Triton waits"
        assert "no model in :s3:models/stack yet" in log.read_text()
        tiny_model.publish(made, "sum", 1)
        (made / ".sum.publish.lock").touch()
        (made / "sum/.staging-2-x").mkdir()
        (made / "sum/.staging-2-x/model.pt").write_bytes(b"half")
        run(storage, "Job", "stack-model-init", "store", made, tmp_path / "store.log")
        assert waiting.wait(60) == 0, log.read_text()
    expected = {name: data for name, data in files_of(made).items() if "/." not in f"/{name}"}
    assert files_of(fetched) == expected
    with TritonServer(fetched, tmp_path / "triton") as triton:
        triton.wait_for(f"{triton.http_url}/v2/models/sum/versions/1/ready", 60)


def test_a_training_goes_on_from_what_is_stored(storage, tmp_path):
    made, again = tmp_path / "made", tmp_path / "again"
    made.mkdir()
    tiny_model.publish(made, "again", 1)
    run(storage, "CronJob", "stack-trainer", "store", made, tmp_path / "1.log")
    run(storage, "CronJob", "stack-trainer", "fetch", again, tmp_path / "2.log")
    tiny_model.publish(again, "again", 2)
    run(storage, "CronJob", "stack-trainer", "store", again, tmp_path / "3.log")
    last = tmp_path / "last"
    run(storage, "Deployment", "stack-triton", "models", last, tmp_path / "4.log")
    assert {"1", "2"} <= {path.name for path in (last / "again").iterdir()}
    assert "versions: [2]" in (last / "again/config.pbtxt").read_text()


def test_a_triton_that_starts_during_a_store_has_the_version_that_its_config_names(storage, tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    for version in range(1, 6):
        tiny_model.publish(made, "raced", version)
        log = tmp_path / f"store-{version}.log"
        with container(storage, "Job", "stack-model-init", "store", made, log) as storing:
            fetched = tmp_path / f"fetched-{version}"
            run(storage, "Deployment", "stack-triton", "models", fetched, tmp_path / f"fetch-{version}.log")
            config = fetched / "raced/config.pbtxt"
            if config.exists():
                [named] = re.findall(r"versions: \[(\d+)\]", config.read_text())
                assert (fetched / "raced" / named / "model.pt").stat().st_size > 0
            assert storing.wait(60) == 0, log.read_text()


def test_a_wrong_key_ends_the_container_with_the_reason(storage, tmp_path):
    made = tmp_path / "made"
    process = container(storage, "Job", "stack-model-init", "fetch", made, tmp_path / "log")
    process.env["AWS_SECRET_ACCESS_KEY"] = "wrong"
    with process:
        assert process.wait(120) != 0
    assert "SignatureDoesNotMatch" in (tmp_path / "log").read_text() or "403" in (tmp_path / "log").read_text()

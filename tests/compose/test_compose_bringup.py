"""From nothing to a right prediction, in the right order, and nothing open that should be closed."""

import os
from pathlib import Path

import httpx
import pytest

from tests.compose.stack import FOREIGN_UID, Stack, service_of, url_of

DIGIT = (Path(__file__).parents[2] / "docs/digit.png").read_bytes()  # a five
LONG_RUNNING = {"triton", "api", "loadgen-master", "loadgen-worker"}
ONE_SHOT = {"storage-init", "model-init"}


def test_services_start_in_order_and_wait_for_one_another(stack: Stack):
    with stack.watched() as events:
        stack.compose("up", "--detach", within_s=600)
    story = [
        ("storage-init", "start"),
        ("storage-init", "exit 0"),
        ("model-init", "start"),
        ("model-init", "exit 0"),
        ("triton", "start"),
        ("triton", "health_status: healthy"),
        ("api", "start"),
        ("api", "health_status: healthy"),
        ("loadgen-master", "start"),
        ("loadgen-master", "health_status: healthy"),
        ("loadgen-worker", "start"),
    ]
    assert [event for event in events if event in story] == story, events


def test_only_what_is_meant_to_run_runs(running: Stack):
    assert {service_of(one) for one in running.containers(stopped=False)} == LONG_RUNNING
    assert {service_of(one) for one in running.containers()} == LONG_RUNNING | ONE_SHOT


def test_a_digit_is_read_right(running: Stack):
    url = url_of(running.container("api"), 8888)
    answer = httpx.post(f"{url}/predict", content=DIGIT, headers={"content-type": "image/png"}, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.json()["prediction"] == 5
    assert answer.json()["model_version"] == "1"


def test_tritons_metrics_answer_on_8002(running: Stack):
    text = httpx.get(f"{url_of(running.container('triton'), 8002)}/metrics").text
    assert 'nv_inference_count{model="mnist_cnn",version="1"}' in text


def test_only_the_api_the_load_testers_page_and_tritons_metrics_are_published(running: Stack):
    published = {
        (service_of(one), port) for one in running.containers() for port, bindings in one.ports.items() if bindings
    }
    assert published == {("api", "8888/tcp"), ("loadgen-master", "8089/tcp"), ("triton", "8002/tcp")}


@pytest.mark.parametrize("service", sorted(LONG_RUNNING | {"model-init"}))
def test_a_container_is_made_without_root_capabilities_or_a_writable_image(running: Stack, service: str):
    for container in running.containers(service):
        host = container.attrs["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["Memory"] > 0
        assert container.attrs["Config"]["User"] == "10001:10001"


@pytest.mark.parametrize("service", sorted(LONG_RUNNING))
def test_a_process_has_neither_root_nor_capabilities_nor_a_file_system_to_write_to(running: Stack, service: str):
    for container in running.containers(service):
        status = container.exec_run(["cat", "/proc/1/status"]).output.decode()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert fields["Uid"].split() == ["10001"] * 4
        assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
        assert fields["NoNewPrivs"] == "1"
        for folder in ("/", "/opt/venv", "/etc"):
            assert container.exec_run(["touch", f"{folder}/probe"]).exit_code != 0


def test_triton_can_only_read_the_models(running: Stack):
    assert running.container("triton").exec_run(["touch", "/models/probe"]).exit_code != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give the folder to somebody else")
def test_the_repository_keeps_its_owner_and_gets_what_was_made_in_it_at_the_next_start(running: Stack):
    made = running.repository / "mnist_cnn/1/manifest.json"
    assert made.is_file()
    assert running.repository.stat().st_uid == FOREIGN_UID
    running.compose("run", "--rm", "storage-init")
    assert (made.stat().st_uid, made.stat().st_gid) == (FOREIGN_UID, 10001)


def test_from_the_edge_neither_triton_nor_its_network_can_be_reached(running: Stack):
    triton = running.container("triton")
    [network] = triton.attrs["NetworkSettings"]["Networks"].values()
    probe = (
        "import socket, sys\n"
        "for host in sys.argv[1:]:\n"
        "    try: socket.create_connection((host, 8001), timeout=2)\n"
        "    except OSError: continue\n"
        "    sys.exit(f'{host} answers')\n"
    )
    done = running.container("loadgen-master").exec_run(["python", "-c", probe, "triton", network["IPAddress"]])
    assert done.exit_code == 0, done.output

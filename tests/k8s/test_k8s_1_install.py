"""Installed from nothing, the chart serves digits through its Service, and its pods are as restricted as Compose's."""

from pathlib import Path

import httpx
import pytest

from tests.k8s.cluster import RELEASE, Cluster, name_of

DIGIT = (Path(__file__).parents[2] / "docs/digit.png").read_bytes()
COMPONENTS = ("api", "triton")


def test_the_releases_own_test_passes(release: Cluster):
    assert "Phase:          Succeeded" in release.helm("test", RELEASE)


def test_a_digit_is_read_through_the_service(release: Cluster):
    url = release.address(f"{RELEASE}-api")
    response = httpx.post(f"{url}/predict", content=DIGIT, headers={"content-type": "image/png"}, timeout=30)
    assert response.status_code == 200, response.text
    assert response.json()["prediction"] == 5


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_process_has_neither_root_nor_capabilities_nor_a_file_system_to_write_to(release: Cluster, component: str):
    pods = release.pods(component)
    assert len(pods) == 2
    for pod in pods:
        container = release.container(pod, component)
        status = container.exec_run(["cat", "/proc/1/status"]).output.decode()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert fields["Uid"].split() == ["10001"] * 4
        assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
        assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
        for folder in ("/", "/opt/venv", "/etc"):
            assert container.exec_run(["touch", f"{folder}/probe"]).exit_code != 0


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_pod_has_no_token_and_no_variables_of_services(release: Cluster, component: str):
    [pod, _] = release.pods(component)
    container = release.container(pod, component)
    assert container.exec_run(["ls", "/var/run/secrets/kubernetes.io"]).exit_code != 0
    variables = container.exec_run(["env"]).output.decode()
    assert "tcp://" not in "\n".join(line for line in variables.splitlines() if not line.startswith("KUBERNETES_"))


def test_triton_can_only_read_the_models(release: Cluster):
    [pod, _] = release.pods("triton")
    assert release.container(pod, "triton").exec_run(["touch", "/models/probe"]).exit_code != 0


def test_network_policies_are_stored_though_this_cluster_enforces_none(release: Cluster):
    names = {name_of(one) for one in release.get("networkpolicies")["items"]}
    assert {f"{RELEASE}-{component}" for component in COMPONENTS} <= names

"""One release on one cluster for all tests of this folder; they run in the order of its life.

`make k8s-test` starts the cluster and calls pytest; the tests themselves start nothing outside of it.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.compose.stack import Stack, compose_command
from tests.k8s.cluster import NAMESPACE, RELEASE, Cluster, run
from tests.k8s.digits import clear_digits, mnist_folder
from tests.k8s.load import make_client
from tests.k8s.table import Table
from tests.support.required import skip_or_fail

ROOT = Path(__file__).resolve().parents[2]
CHART = str(ROOT / "deploy/helm/stack")
TABLE = pytest.StashKey[Table]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--page", type=Path, help="page whose table of `make k8s-test` is replaced")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLE] = Table()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash[TABLE].lines()
    if lines:
        terminalreporter.section("Kubernetes under load")
        terminalreporter.write_line("\n".join(lines))
    page = config.getoption("--page")
    if page and lines:
        config.stash[TABLE].write(page)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the first test, whichever it is, the time to build the images and to train."""
    for item in items:
        item.add_marker(pytest.mark.timeout(1200))


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Table:
    """The table that this run fills."""
    return request.config.stash[TABLE]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The drill's cluster with an empty namespace."""
    if "CI_K8S_DIR" not in os.environ:
        skip_or_fail("K8S", "there is no cluster of .ci/k8s-up: `make k8s-test` starts one")
    with contextlib.closing(docker.from_env(timeout=120)) as engine:
        run("kubectl", "create", "namespace", NAMESPACE)
        yield Cluster(engine)


@pytest.fixture(scope="session")
def images(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Build the images that Compose builds; the engine has most layers if the Compose tests ran before."""
    command = compose_command()
    if command is None:
        skip_or_fail("K8S", "there is no Docker Compose client here, which builds the images")
    Stack(tmp_path_factory.mktemp("stack"), cluster.docker, command, {}).compose("build", within_s=1100)


@pytest.fixture(scope="session")
def release(cluster: Cluster, images: None) -> Cluster:
    """The chart, installed: trained, and ready."""
    cluster.make_volume("models")
    values = ["--values", str(Path(__file__).with_name("values.yaml"))]
    folder = mnist_folder()
    if folder:
        values += ["--set", f"trainer.dataVolume.hostPath.path={folder}"]
    try:
        cluster.helm("install", RELEASE, CHART, *values, "--wait", "--timeout=480s", within_s=500)
    except AssertionError as error:
        pytest.fail(f"{error}\n{cluster.kubectl('get', 'pods,events')}")
    return cluster


@pytest.fixture(scope="session")
def client(release: Cluster) -> Cluster:
    """The release, and the pod that sends load to it."""
    make_client(release, clear_digits(release.address(f"{RELEASE}-api")))
    return release

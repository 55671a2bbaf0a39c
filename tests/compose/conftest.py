"""One stack for all tests of this folder, made from nothing; they run in the order of its life."""

import contextlib
import os
from collections.abc import Iterator

import docker
import pytest
from docker.client import DockerClient
from docker.errors import DockerException

from tests.compose.stack import Stack, compose_command
from tests.support.required import skip_or_fail

# A short training, good enough for the digits that Locust checks.
TRAINING = {"TRAINER_EPOCHS": "2", "TRAINER_MIN_ACCURACY": "0.8", "TRAINER_MAX_ACCURACY_DROP": "0.5"}
# A replica that is added is found when the api's connections end: soon, in a test.
SERVING = {"TRITON_GRPC_MAX_CONNECTION_AGE_S": "3"}
# What a worker had when it was killed is taken over after this and 5 s more.
JOBS = {"API_JOBS_CHUNK_LIMIT_S": "5"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the first test, whichever it is, the time to build the images."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(1200))


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    """The Docker engine of this machine."""
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except DockerException as exc:
        skip_or_fail("DOCKER", f"no Docker engine answers here: {exc}")
    with contextlib.closing(client):
        yield client


@pytest.fixture(scope="session")
def stack(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack's folder with its images built; nothing runs yet. Whatever the tests started is gone afterwards."""
    command = compose_command()
    if command is None:
        skip_or_fail("DOCKER", "there is no Docker Compose client here")
    # Without MNIST's files the model learns from smaller digits, and reads some of Locust's wrong.
    labels = "true" if os.environ.get("TRAINER_DATA_DIR") else "false"
    settings = TRAINING | SERVING | JOBS | {"LOADGEN_CHECK_LABELS": labels}
    stack = Stack(tmp_path_factory.mktemp("stack"), engine, command, settings)
    try:
        stack.compose("build", within_s=1100)
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")


@pytest.fixture(scope="session")
def running(stack: Stack) -> Stack:
    """The stack, up."""
    stack.compose("up", "--detach", within_s=600)
    return stack

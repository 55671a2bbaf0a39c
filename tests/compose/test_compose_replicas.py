"""Two Tritons: both work, both get a new version, one may die, and no request fails over it."""

import re
import time
from pathlib import Path

import httpx
import pytest
from docker.models.containers import Container

from tests.compose.stack import Stack, url_of
from tests.support.images import as_json
from tests.support.load import Load
from tests.support.process import wait_until

BODY = as_json((Path(__file__).parents[2] / "docs/digit.png").read_bytes())


@pytest.fixture(scope="module")
def pair(running: Stack) -> tuple[Container, Container]:
    """Two replicas of Triton, both healthy."""
    return two_replicas(running)


def two_replicas(stack: Stack) -> tuple[Container, Container]:
    stack.compose("up", "--detach", "--scale", "triton=2")

    def healthy() -> bool:
        found = stack.containers("triton", stopped=False)
        return [one.attrs["State"]["Health"]["Status"] for one in found] == ["healthy"] * 2

    wait_until(healthy, 120, "two healthy replicas")
    first, second = stack.containers("triton")
    return first, second


def load_on(stack: Stack, clients: int = 4) -> Load:
    return Load(url_of(stack.container("api"), 8888), BODY, clients)


def counted(triton: Container, version: str = r"\d+") -> float:
    """Return the inferences that a replica has run, of one version or of all."""
    text = httpx.get(f"{url_of(triton, 8002)}/metrics", timeout=30).text
    pattern = rf'^nv_inference_count{{model="mnist_cnn",version="{version}"}} (\S+)$'
    return sum(map(float, re.findall(pattern, text, re.MULTILINE)))


def wait_for_work(pair: tuple[Container, Container], version: str = r"\d+") -> None:
    """Wait until both replicas have run inferences since now."""
    before = [counted(one, version) for one in pair]

    def both() -> bool:
        time.sleep(0.5)
        return all(counted(one, version) > count + 20 for one, count in zip(pair, before, strict=True))

    wait_until(both, 90, "work for both replicas")


def share_of_first(pair: tuple[Container, Container], load: Load) -> float:
    """Return the first replica's share (0–1) of the next few hundred inferences."""
    before, answered = [counted(one) for one in pair], load.answers.total()
    wait_until(lambda: load.answers.total() >= answered + 200, 60, "200 answers")
    first, second = (counted(one) - count for one, count in zip(pair, before, strict=True))
    return first / (first + second)


def test_the_work_is_spread_evenly_over_both_replicas(running: Stack, pair: tuple[Container, Container]):
    # One connection is one worker's, and with it one channel's: two channels could meet both replicas by chance.
    with load_on(running, clients=1) as load:
        wait_for_work(pair)
        shares = [share_of_first(pair, load) for _ in range(3)]
    assert load.failures == []
    assert all(0.3 < share < 0.7 for share in shares), shares


def test_a_training_brings_its_version_into_both_replicas_under_load(running: Stack, pair: tuple[Container, Container]):
    with load_on(running) as load:
        printed = running.compose("run", "--rm", "trainer", TRAINER_EPOCHS="1", TRAINER_TRAIN_LIMIT="12000")
        wait_for_work(pair, "2")
    assert "serving     version 2" in printed
    assert load.failures == []
    assert set(load.answers) == {"1", "2"}


def test_a_replica_that_dies_under_load_costs_no_request(running: Stack, pair: tuple[Container, Container]):
    with load_on(running) as load:
        wait_for_work(pair)
        pair[1].kill()
        answered = load.answers.total()
        wait_until(lambda: load.answers.total() > answered + 200, 60, "answers after the loss")
    assert load.failures == []

    pair = two_replicas(running)
    with load_on(running) as load:
        wait_for_work(pair)
    assert load.failures == []

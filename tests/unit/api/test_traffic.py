"""Shares of a model's traffic: the file's form, the draw, what a change does, and what a missing version does."""

import asyncio
import os
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import ModelNotReady
from api.inference.batcher import MicroBatcher
from api.inference.client import InferenceRequest
from api.inference.models import Models
from api.inference.traffic import Traffic
from api.settings import Settings
from api.telemetry.request_context import RequestContext
from api.traffic_file import read_traffic
from tests.unit.api.fakes import FakeClient, marked


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path):
    return tmp_path / "traffic"


def rewrite(file, text: str) -> None:
    staged = file.with_name("staged")
    staged.write_text(text)
    os.utime(staged, (1, 1))
    staged.rename(file)


def test_the_file_is_read(file):
    file.write_text("# a comment\n\nmnist_cnn:3:10\n  mnist_cnn:4:2.5 \nwith space:1:100\n")
    assert read_traffic(file) == {"mnist_cnn": [("3", 10.0), ("4", 2.5)], "with space": [("1", 100.0)]}


@pytest.mark.parametrize(
    "text,reason",
    [
        ("mnist_cnn:3", "line 1: write model:version:percent"),
        ("a:1:1\nmnist_cnn:x:10", "line 2"),
        (":1:10", "line 1"),
        ("a:0:10", "line 1"),
        ("a:01:10", "line 1"),
        ("a:1:-1", "line 1"),
        ("a:1:nan", "line 1"),
        ("a:1:60\nb:1:60\na:2:41", "line 3: the shares of model a are over 100"),
    ],
)
def test_a_line_that_is_wrong_is_named(file, text, reason):
    file.write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_traffic(file)
    with pytest.raises(ValueError, match="API_TRAFFIC_FILE"):
        Settings(traffic_file=file)


def test_a_missing_file_is_named(file):
    with pytest.raises(ValueError, match="can't be read"):
        read_traffic(file)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=3))
def test_each_version_gets_its_share(tmp_path_factory, shares):
    file = tmp_path_factory.mktemp("traffic") / "traffic"
    file.write_text("\n".join(f"m:{version}:{share}" for version, share in enumerate(shares, 1)))
    points = iter(np.arange(0, 1, 0.01) + 0.005)
    traffic = Traffic(file, draw=lambda: next(points))
    drawn = Counter(traffic.version_for("m") for _ in range(100))
    assert [drawn[str(version)] for version in range(1, len(shares) + 1)] == shares
    assert drawn[""] == 100 - sum(shares)
    assert traffic.version_for("another") == ""


def test_the_file_is_read_again_within_a_second(file, caplog):
    clock = Clock()
    rewrite(file, "m:1:100\n")
    traffic = Traffic(file, clock)
    assert traffic.version_for("m") == "1"
    rewrite(file, "m:2:100\n")
    assert traffic.version_for("m") == "1"
    clock.now = 1.0
    assert traffic.version_for("m") == "2"
    rewrite(file, "m:2:101\n")
    clock.now = 2.0
    assert traffic.version_for("m") == "2"
    assert "traffic stays as it was" in caplog.text


class Versions(FakeClient):
    """Answers with the version that was asked for; version 9 is gone."""

    async def infer(self, request, contexts=(), *, deadline_s=None):
        if request.version == "9":
            raise ModelNotReady("gone")
        result = await super().infer(request, contexts, deadline_s=deadline_s)
        return result._replace(model_version=request.version or self.version)


@pytest.mark.parametrize("share,asked,answered", [("m:3:100", "", "3"), ("m:3:100", "5", "5"), ("m:9:100", "", "7")])
async def test_a_request_gets_its_version(file, share, asked, answered):
    file.write_text(share)
    client = Versions()
    batcher = MicroBatcher(client, Models(client), max_calls=1, max_queued_rows=100, traffic=Traffic(file))
    request = InferenceRequest("m", {"INPUT__0": marked(1)[None, None]}, asked)
    answers = await asyncio.gather(*[batcher.submit(request, RequestContext("-", 0.0)) for _ in range(3)])
    assert {answer.model_version for answer in answers} == {answered}

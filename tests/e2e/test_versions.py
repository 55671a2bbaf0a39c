"""New versions come into service, and former ones back, while clients ask."""

import pytest
import torch

from tests.support.agreement import assert_agrees
from tests.support.images import as_json, png
from tests.support.load import Load


@pytest.fixture
def body(images) -> dict[str, str]:
    return as_json(png(images.images_u8[0, 0].numpy()))


def test_training_again_and_rolling_back_cost_no_request_even_from_one_format_to_the_other(
    api, client, trainer, images, body
):
    with Load(api.url, body) as load:
        trained = trainer.run("train", "--seed", "7", "--format", "torchscript")
        assert "version 2" in trained.stdout
    assert load.failures == []
    assert set(load.answers) == {"1", "2"}
    assert "pytorch_libtorch" in (trainer.repository / "mnist_cnn/config.pbtxt").read_text()
    assert_agrees(client, torch.jit.load(str(trainer.repository / "mnist_cnn/2/model.pt")), images, "2")

    with Load(api.url, body) as load:
        trainer.run("rollback")
    assert load.failures == []
    assert set(load.answers) == {"1", "2"}
    assert "onnxruntime_onnx" in (trainer.repository / "mnist_cnn/config.pbtxt").read_text()

    with Load(api.url, body, clients=1) as load:
        trainer.run("list")
    assert set(load.answers) == {"1"}


def test_ensure_leaves_what_is_published(trainer):
    before = sorted(path.name for path in (trainer.repository / "mnist_cnn").iterdir())
    trainer.run("ensure")
    assert sorted(path.name for path in (trainer.repository / "mnist_cnn").iterdir()) == before


def test_a_wrong_key_cannot_load_and_changes_nothing(api, trainer, body):
    config = (trainer.repository / "mnist_cnn" / "config.pbtxt").read_bytes()
    refused = trainer.run(
        "train", check=False, TRAINER_TRITON_ADMIN_KEY="wrong", TRAINER_TRAIN_LIMIT="2000", TRAINER_MIN_ACCURACY="0"
    )
    assert refused.returncode == 11, refused.stderr
    assert "key" in refused.stderr
    assert "wrong" not in refused.stderr + refused.stdout
    assert (trainer.repository / "mnist_cnn" / "config.pbtxt").read_bytes() == config
    with Load(api.url, body, clients=1) as load:
        pass
    assert set(load.answers) <= {"1"}

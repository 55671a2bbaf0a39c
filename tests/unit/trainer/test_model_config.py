import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from trainer import model_config
from trainer.errors import RepositoryDamaged


def test_the_text_says_what_the_contract_says() -> None:
    config = text_format.Parse(model_config.build_config("mnist_cnn", 3, 128), pb.ModelConfig())
    assert (config.name, config.platform, config.max_batch_size) == ("mnist_cnn", "pytorch_libtorch", 128)
    assert list(config.version_policy.specific.versions) == [3]
    (pixels,) = config.input
    (answer,) = config.output
    assert (pixels.name, pixels.data_type, list(pixels.dims)) == ("INPUT__0", pb.TYPE_UINT8, [1, 28, 28])
    assert (answer.name, answer.data_type, list(answer.dims)) == ("OUTPUT__0", pb.TYPE_FP32, [10])
    assert config.HasField("dynamic_batching")
    # Queue policies and preferred sizes hurt; the device is left to Triton.
    assert config.dynamic_batching == pb.ModelDynamicBatching()
    assert not config.instance_group
    assert config.parameters["INTRA_OP_THREAD_COUNT"].string_value == "1"


def test_warm_up_covers_several_batch_sizes_within_the_largest() -> None:
    config = text_format.Parse(model_config.build_config("m", 1, 20), pb.ModelConfig())
    assert [warm_up.batch_size for warm_up in config.model_warmup] == [1, 2, 4, 8, 16]
    for warm_up in config.model_warmup:
        assert warm_up.count > 1
        assert warm_up.inputs["INPUT__0"].random_data
        assert warm_up.inputs["INPUT__0"].data_type == pb.TYPE_UINT8


def test_the_pointer_is_read_and_moved_and_the_rest_stays() -> None:
    text = model_config.build_config("mnist_cnn", 3, 64)
    moved = model_config.with_version(text, 12)
    assert model_config.served_version(text) == 3
    assert model_config.served_version(moved) == 12
    assert moved == model_config.build_config("mnist_cnn", 12, 64)


@pytest.mark.parametrize("text", ["nonsense {", 'name: "m"', "version_policy { specific { versions: [1, 2] } }"])
def test_what_names_no_single_version_is_damaged(text: str) -> None:
    with pytest.raises(RepositoryDamaged, match=r"config\.pbtxt"):
        model_config.served_version(text)

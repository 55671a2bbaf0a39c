import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from trainer import model_config
from trainer.errors import RepositoryDamaged
from trainer.formats import FORMATS, FormatName
from trainer.manifest import Manifest


def parsed(name: str, version: int, manifest: Manifest) -> pb.ModelConfig:
    return text_format.Parse(model_config.build_config(name, version, manifest), pb.ModelConfig())


@pytest.mark.parametrize("name", FORMATS)
def test_the_text_says_what_the_contract_says(manifest: Manifest, name: FormatName) -> None:
    config = parsed("mnist_cnn", 3, manifest.model_copy(update={"format": name}))
    assert (config.name, config.platform, config.max_batch_size) == ("mnist_cnn", FORMATS[name].platform, 128)
    assert list(config.version_policy.specific.versions) == [3]
    (pixels,) = config.input
    (answer,) = config.output
    assert (pixels.name, pixels.data_type, list(pixels.dims)) == ("INPUT__0", pb.TYPE_UINT8, [1, 28, 28])
    assert (answer.name, answer.data_type, list(answer.dims)) == ("OUTPUT__0", pb.TYPE_FP32, [10])
    assert config.HasField("dynamic_batching")
    # Queue policies and preferred sizes hurt; the device is left to Triton.
    assert config.dynamic_batching == pb.ModelDynamicBatching()
    assert not config.instance_group


# By the names that NVIDIA's native backends know them by.
@pytest.mark.parametrize(("name", "key"), [("onnx", "intra_op_thread_count"), ("torchscript", "INTRA_OP_THREAD_COUNT")])
def test_an_instance_has_one_thread(manifest: Manifest, name: FormatName, key: str) -> None:
    config = parsed("m", 1, manifest.model_copy(update={"format": name}))
    assert config.parameters[key].string_value == "1"


def test_warm_up_covers_several_batch_sizes_within_the_largest(manifest: Manifest) -> None:
    config = parsed("m", 1, manifest.model_copy(update={"max_batch_size": 20}))
    assert [warm_up.batch_size for warm_up in config.model_warmup] == [1, 2, 4, 8, 16]
    for warm_up in config.model_warmup:
        assert warm_up.count > 1
        assert warm_up.inputs["INPUT__0"].random_data
        assert warm_up.inputs["INPUT__0"].data_type == pb.TYPE_UINT8


def test_the_pointer_is_read(manifest: Manifest) -> None:
    for version in (3, 12):
        assert model_config.served_version(model_config.build_config("mnist_cnn", version, manifest)) == version


@pytest.mark.parametrize("text", ["nonsense {", 'name: "m"', "version_policy { specific { versions: [1, 2] } }"])
def test_what_names_no_single_version_is_damaged(text: str) -> None:
    with pytest.raises(RepositoryDamaged, match=r"config\.pbtxt"):
        model_config.served_version(text)

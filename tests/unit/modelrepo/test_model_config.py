import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from modelrepo import model_config
from modelrepo.contract import Contract, Datatype, TensorSpec
from modelrepo.errors import RepositoryDamaged
from modelrepo.formats import FORMATS, FormatName
from modelrepo.manifest import Manifest


def parsed(name: str, version: int, manifest: Manifest) -> pb.ModelConfig:
    return text_format.Parse(model_config.build_config(name, version, manifest), pb.ModelConfig())


def with_input(manifest: Manifest, dtype: Datatype, *shape: int, **changes: object) -> Manifest:
    contract = Contract(inputs=(TensorSpec(name="x", dtype=dtype, shape=shape),), outputs=manifest.contract.outputs)
    return manifest.model_copy(update={"contract": contract, **changes})


@pytest.mark.parametrize("name", FORMATS)
def test_the_text_holds_every_tensor_of_the_contract(manifest: Manifest, name: FormatName) -> None:
    config = parsed("my_model", 3, manifest.model_copy(update={"format": name}))
    assert (config.name, config.platform, config.max_batch_size) == ("my_model", FORMATS[name].platform, 128)
    assert list(config.version_policy.specific.versions) == [3]
    assert [(tensor.name, tensor.data_type, list(tensor.dims)) for tensor in config.input] == [
        ("tokens", pb.TYPE_INT64, [-1]),
        ("weights", pb.TYPE_FP32, [4]),
    ]
    assert [(tensor.name, tensor.data_type, list(tensor.dims)) for tensor in config.output] == [
        ("scores", pb.TYPE_FP32, [3]),
        ("label", pb.TYPE_STRING, [1]),
    ]
    assert config.HasField("dynamic_batching")
    # Queue policies and preferred sizes reduce throughput; the device is left to Triton.
    assert config.dynamic_batching == pb.ModelDynamicBatching()
    assert not config.instance_group


def test_a_model_without_a_batch_dimension_keeps_its_first_side_and_is_not_batched(manifest: Manifest) -> None:
    config = parsed("my_model", 1, with_input(manifest, "FP32", 2, 5, max_batch_size=0))
    assert config.max_batch_size == 0
    assert list(config.input[0].dims) == [2, 5]
    assert not config.HasField("dynamic_batching")
    assert [warm_up.batch_size for warm_up in config.model_warmup] == [1]


# The names are those of NVIDIA's native backends.
@pytest.mark.parametrize(("name", "key"), [("onnx", "intra_op_thread_count"), ("torchscript", "INTRA_OP_THREAD_COUNT")])
def test_an_instance_has_one_thread(manifest: Manifest, name: FormatName, key: str) -> None:
    config = parsed("m", 1, manifest.model_copy(update={"format": name}))
    assert config.parameters[key].string_value == "1"


def test_warm_up_covers_several_batch_sizes_within_the_largest(manifest: Manifest) -> None:
    config = parsed("m", 1, with_input(manifest, "UINT8", -1, 1, 9, max_batch_size=20))
    assert [warm_up.batch_size for warm_up in config.model_warmup] == [1, 2, 4, 8, 16]
    for warm_up in config.model_warmup:
        assert warm_up.count > 1
        assert warm_up.inputs["x"].random_data
        assert (warm_up.inputs["x"].data_type, list(warm_up.inputs["x"].dims)) == (pb.TYPE_UINT8, [1, 9])


def test_an_input_of_variable_length_has_no_warm_up(manifest: Manifest) -> None:
    assert not parsed("m", 1, manifest).model_warmup


def test_the_served_version_is_read(manifest: Manifest) -> None:
    for version in (3, 12):
        assert model_config.named_versions(model_config.build_config("my_model", version, manifest)) == (version, None)
    text = model_config.build_config("my_model", 1, manifest, canary=3)
    assert model_config.named_versions(text) == (1, 3)


@pytest.mark.parametrize("text", ["nonsense {", 'name: "m"', "version_policy { specific { versions: [1, 2, 3] } }"])
def test_a_config_that_names_no_single_version_is_damaged(text: str) -> None:
    with pytest.raises(RepositoryDamaged, match=r"config\.pbtxt"):
        model_config.named_versions(text)


def test_a_value_a_row_has_one_dimension_for_clients_and_none_in_the_file(manifest: Manifest) -> None:
    (tensor,) = parsed("m", 1, with_input(manifest, "FP32", -1)).input
    assert (list(tensor.dims), tensor.HasField("reshape"), list(tensor.reshape.shape)) == ([1], True, [])
    (tensor,) = parsed("m", 1, with_input(manifest, "FP32", max_batch_size=0)).input
    assert (list(tensor.dims), tensor.HasField("reshape")) == ([1], False)


def test_labels_are_in_the_version_that_has_them(manifest: Manifest) -> None:
    outputs = (TensorSpec(name="y", dtype="FP32", shape=(-1, 2), labels=("no", "yes")), manifest.contract.outputs[1])
    contract = manifest.contract.model_copy(update={"outputs": outputs})
    config = parsed("m", 7, manifest.model_copy(update={"contract": contract}))
    assert [tensor.label_filename for tensor in config.output] == ["7/labels_0.txt", ""]


def test_indices_are_warmed_up_with_zeros_and_large_inputs_in_small_batches(manifest: Manifest) -> None:
    config = parsed("m", 1, with_input(manifest, "INT64", -1, 300_000))
    assert [warm_up.batch_size for warm_up in config.model_warmup] == [1, 2]
    assert config.model_warmup[0].inputs["x"].zero_data
    assert not parsed("m", 1, with_input(manifest, "INT64", -1, 3, warm_up=False)).model_warmup


def test_fields_of_the_manifest_are_kept_and_add_to_the_ones_that_follow(manifest: Manifest) -> None:
    text = 'instance_group { count: 2 } parameters { key: "intra_op_thread_count" value { string_value: "3" } }'
    config = parsed("m", 1, manifest.model_copy(update={"config": f"sequence_batching {{ }} {text}"}))
    assert config.instance_group[0].count == 2
    assert config.parameters["intra_op_thread_count"].string_value == "3"
    assert config.parameters["inter_op_thread_count"].string_value == "1"
    assert config.WhichOneof("scheduling_choice") == "sequence_batching"

"""A config of the user's own, merged with what the file says, or refused."""

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from trainer.errors import SettingsError
from trainer.publish.command import publish_file
from trainer.publish.order import Order


@pytest.fixture
def merged(repository, settings, console, two_by_two, tmp_path):
    def run(text: str, **options) -> pb.ModelConfig:
        path = tmp_path / "given.pbtxt"
        path.write_text(text)
        publish_file(repository, Order(two_by_two, config=path, **options), settings, console, load=False)
        return text_format.Parse((repository.folder / "config.pbtxt").read_text(), pb.ModelConfig())

    return run


def test_what_does_not_follow_from_the_file_is_kept_also_after_a_rollback(merged, repository) -> None:
    text = """
        max_batch_size: 16
        instance_group { count: 3 kind: KIND_CPU }
        dynamic_batching { max_queue_delay_microseconds: 100 }
        parameters { key: "intra_op_thread_count" value { string_value: "4" } }
        output { name: "sum" data_type: TYPE_FP32 dims: [3] }
    """
    config = merged(text)
    assert config.max_batch_size == 16
    assert config.instance_group[0].count == 3
    assert config.dynamic_batching.max_queue_delay_microseconds == 100
    assert config.parameters["intra_op_thread_count"].string_value == "4"
    assert config.parameters["inter_op_thread_count"].string_value == "1"
    assert [spec.name for spec in config.input] == ["a", "b"]
    assert [spec.name for spec in config.output] == ["sum"]
    merged("")
    from modelrepo import publish

    publish.point_at(repository, 1)
    again = text_format.Parse((repository.folder / "config.pbtxt").read_text(), pb.ModelConfig())
    assert again == config


def test_no_batches_where_the_config_says_so(merged) -> None:
    config = merged("max_batch_size: 0")
    assert config.max_batch_size == 0
    assert list(config.input[0].dims) == [-1, 3]
    config = merged(
        'input { name: "a" data_type: TYPE_FP32 dims: [5, 3] } max_batch_size: 0 '
        'input { name: "b" data_type: TYPE_FP32 dims: [5, 3] }'
    )
    assert list(config.input[0].dims) == [5, 3]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('name: "other"', "its name is 'other', and has to be 'my_model'"),
        ('platform: "pytorch_libtorch"', "its platform is 'pytorch_libtorch'"),
        ('backend: "python"', "its backend is 'python'"),
        ("version_policy { latest {} }", "version_policy"),
        ('input { name: "z" data_type: TYPE_FP32 dims: [3] }', "it has input 'z', the file 'a', 'b'"),
        ('input { name: "a" data_type: TYPE_INT8 dims: [3] }', "input 'a' is TYPE_INT8 there and FP32 in the file"),
        ('input { name: "a" data_type: TYPE_FP32 dims: [4] }', "input 'a' has dims [4] there and [3] in the file"),
        ('output { name: "sum" data_type: TYPE_FP32 dims: [-1, 3] }', "output 'sum' has dims [-1, 3]"),
        ('output { name: "sum" data_type: TYPE_FP32 dims: [3] label_filename: "x" }', "--labels"),
        ('input { name: "a" data_type: TYPE_FP32 dims: [3] optional: true }', "input 'a' has optional, which isn't"),
        ('input { name: "a" data_type: TYPE_FP32 dims: [3] reshape { shape: [3] } }', "input 'a' has reshape"),
        ("max_batch_size: {", "can't be parsed"),
    ],
)
def test_contradictions_are_named(merged, repository, text, fault) -> None:
    with pytest.raises(SettingsError) as caught:
        merged(text)
    assert fault in str(caught.value)
    assert not repository.folder.exists()


def test_two_batch_sizes_contradict_one_another(merged) -> None:
    with pytest.raises(SettingsError, match="--max-batch-size is 4"):
        merged("max_batch_size: 8", max_batch_size=4)

"""From a file to a version in the repository."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from onnx import TensorProto, helper
from tritonclient.grpc import model_config_pb2 as pb

from modelrepo import publish as modelrepo_publish
from modelrepo.errors import RepositoryError, RepositoryLocked
from trainer import __main__ as command_line
from trainer import listing
from trainer.errors import SettingsError
from trainer.publish.command import publish_file
from trainer.publish.order import Order

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


@pytest.fixture
def run(repository, settings, console):
    def run_order(file: Path, **options) -> pb.ModelConfig:
        publish_file(repository, Order(file, **options), settings, console, load=True)
        return text_format.Parse((repository.folder / "config.pbtxt").read_text(), pb.ModelConfig())

    return run_order


def test_the_config_holds_the_tensors_of_the_graph(run, repository, two_by_two, console) -> None:
    config = run(two_by_two)
    assert (config.name, config.platform, config.max_batch_size) == ("my_model", "onnxruntime_onnx", 128)
    assert [(spec.name, spec.data_type, list(spec.dims)) for spec in config.input] == [
        ("a", pb.TYPE_FP32, [3]),
        ("b", pb.TYPE_FP32, [3]),
    ]
    assert [(spec.name, list(spec.dims), spec.HasField("reshape")) for spec in config.output] == [
        ("sum", [3], False),
        ("most", [1], True),
    ]
    assert config.model_warmup
    assert config.HasField("dynamic_batching")
    assert repository.served() == 1
    assert repository.model(1) == two_by_two.read_bytes()
    assert "it will serve version 1 from its next start" in console.out.getvalue()


def test_a_second_file_is_a_second_version_and_list_shows_both(run, repository, two_by_two, settings, console) -> None:
    run(two_by_two)
    run(two_by_two)
    listing.list_versions(settings, console)
    rows = console.out.getvalue().splitlines()[-4:]
    assert rows[0] == "my_model"
    assert [row.split()[:3] for row in rows[2:]] == [["2", "served", "onnx"], ["1", "retired", "onnx"]]
    assert "a FP32[-1,3], b FP32[-1,3] → sum FP32[-1,3], most FP32[-1]" in rows[2]
    assert "DAMAGED" not in console.out.getvalue()


def test_torchscript_is_described_by_its_inputs_and_by_what_it_returns(run, script) -> None:
    config = run(script, inputs=("left:FP32:-1,3", "right:FP32:-1,3"))
    assert config.platform == "pytorch_libtorch"
    assert [spec.name for spec in config.input] == ["left", "right"]
    assert [(spec.name, list(spec.dims)) for spec in config.output] == [("OUTPUT__0", [3]), ("OUTPUT__1", [1])]
    assert config.max_batch_size == 128


def test_lengths_of_torchscript_outputs_that_follow_from_the_inputs_are_variable(run, script) -> None:
    config = run(script, inputs=("left:FP32:-1,-1", "right:FP32:-1,-1"))
    assert list(config.output[0].dims) == [-1]
    assert not config.model_warmup


def test_labels_lie_in_the_version_and_the_config_names_them(run, repository, two_by_two, tmp_path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("low\nmiddle\nhigh\n")
    config = run(two_by_two, labels=(f"sum:{labels}",))
    assert config.output[0].label_filename == "1/labels_0.txt"
    assert (repository.folder / config.output[0].label_filename).read_text() == labels.read_text()
    assert not config.output[1].label_filename
    with pytest.raises(SettingsError, match=r"has 3 lines, and output 'most' 1"):
        run(two_by_two, labels=(f"most:{labels}",))
    with pytest.raises(SettingsError, match="OUTPUT:FILE"):
        run(two_by_two, labels=(str(labels),))


def test_external_data_is_put_into_the_one_file(run, repository, write) -> None:
    path = write(
        [helper.make_node("Add", ["a", "w"], ["y"])],
        [("a", TensorProto.FLOAT, ["n", 300])],
        [("y", TensorProto.FLOAT, ["n", 300])],
        w=np.ones(300, np.float32),
    )
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert len(path.read_bytes()) < 1200
    run(path)
    assert len(repository.model(1)) > 1200


def test_wide_integers_are_warmed_up_with_zeros_and_large_inputs_with_few_rows(run, write) -> None:
    config = run(
        write(
            [helper.make_node("Gather", ["table", "ids"], ["y"]), helper.make_node("Identity", ["picture"], ["p"])],
            [("ids", TensorProto.INT64, ["n", 4]), ("picture", TensorProto.FLOAT, ["n", 3, 224, 224])],
            [("y", TensorProto.FLOAT, ["n", 4, 2]), ("p", TensorProto.FLOAT, ["n", 3, 224, 224])],
            table=np.eye(2, dtype=np.float32),
        )
    )
    assert [warm_up.batch_size for warm_up in config.model_warmup] == [1, 2, 4]
    assert config.model_warmup[0].inputs["ids"].zero_data
    assert config.model_warmup[0].inputs["picture"].random_data


def test_a_file_that_cannot_be_written_changes_nothing(run, repository, two_by_two, monkeypatch) -> None:
    run(two_by_two)
    monkeypatch.setattr(modelrepo_publish, "MIN_FREE_BYTES", 1 << 60)
    with pytest.raises(RepositoryError, match="MiB free"):
        run(two_by_two)
    monkeypatch.undo()
    with modelrepo_publish.changing(repository), pytest.raises(RepositoryLocked):
        run(two_by_two)
    assert repository.versions() == [1]


@pytest.mark.parametrize("name", ["a b", "a/b", "a;b", "$(x)", "", "../x", "-x", "x" * 129])
def test_a_name_that_a_shell_would_read_is_refused(name, two_by_two, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("TRAINER_MODEL_REPOSITORY", str(tmp_path / "elsewhere"))
    assert command_line.main(["publish", str(two_by_two), f"--model={name}"]) == 2
    assert capsys.readouterr().err.startswith(f"error: --model {name!r}: a model's name has letters, digits and . _ -")
    assert not (tmp_path / "elsewhere").exists()

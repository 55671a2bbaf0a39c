"""Files that can't be served: one line each, exit code 12, and an unchanged repository."""

import pickle
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from trainer import __main__ as command_line

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")

FLOAT = TensorProto.FLOAT
LOGREG = Path(onnxruntime.__file__).parent / "datasets/logreg_iris.onnx"


@pytest.fixture
def refuse(tmp_path, monkeypatch, capsys):
    """Publish a file that can't be served, and return its error."""
    monkeypatch.setenv("TRAINER_MODEL_REPOSITORY", str(tmp_path / "repository"))
    monkeypatch.setenv("TRAINER_TRITON_URL", "127.0.0.1:9")

    def run(file: Path, *options: str, code: int = 12) -> str:
        assert command_line.main(["publish", str(file), "--model", "my_model", *options]) == code
        assert not (tmp_path / "repository/my_model").exists()
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        return error

    return run


def neg(write, opset: int = 17, dtype: int = FLOAT, output: list = ("n", 3), kind: str = "Neg", **attributes) -> Path:
    node = helper.make_node(kind, ["a"], ["y"], **attributes)
    return write([node], [("a", dtype, ["n", 3])], [("y", dtype, list(output))], opset=opset)


def test_sequences_and_maps(refuse) -> None:
    assert "'probabilities' is seq(map(int64,tensor(float))); only tensors can be served" in refuse(LOGREG)


def test_strings(refuse, write) -> None:
    assert "'a' is tensor(string)" in refuse(neg(write, dtype=TensorProto.STRING, kind="Identity"))


def test_an_unknown_opset(refuse, write) -> None:
    assert "has opset 99, ONNX Runtime" in refuse(neg(write, opset=99))


def test_an_unknown_operator(refuse, write) -> None:
    assert "can't be loaded by ONNX Runtime" in refuse(neg(write, kind="Unheard"))


def test_a_wrong_rank_and_a_wrong_length_of_an_output(refuse, write) -> None:
    assert "output 'y' is declared as [-1], but the file returns [2, 3]" in refuse(neg(write, output=["n"]))
    assert "output 'y' is declared as [-1, 4], but the file returns [2, 3]" in refuse(neg(write, output=["n", 4]))


def test_external_data_that_is_missing(refuse, write) -> None:
    node = helper.make_node("Add", ["a", "w"], ["y"])
    sides = [("a", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 3])]
    path = write([node], *sides, w=np.ones(3, np.float32))
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    path.with_name("weights.bin").unlink()
    error = refuse(path)
    assert "keeps weights in another file" in error
    assert "weights.bin" in error


def test_pickles_and_other_files(refuse, tmp_path) -> None:
    file = tmp_path / "file.pt"
    torch.save({"weights": torch.ones(3)}, file)
    assert "isn't TorchScript" in refuse(file, "--input", "x:FP32:-1")
    file.write_bytes(pickle.dumps({}))
    assert "isn't TorchScript" in refuse(file, "--input", "x:FP32:-1")
    for content in (b"hello world", b"", b"\x08\x08"):
        file.write_bytes(content)
        assert "ONNX" in refuse(file)
    assert "can't be read" in refuse(tmp_path / "missing", code=2)


def test_torchscript_without_inputs_or_with_wrong_ones(refuse, script) -> None:
    assert "--input NAME:DTYPE:DIMS" in refuse(script)
    assert "can't be run on random input" in refuse(script, "--input", "x:FP32:-1,3")


@pytest.mark.parametrize(
    "option", ["x", "x:FP32", ":FP32:1", "x:FLOAT:1", "x:BYTES:-1", "x:FP32:a", "x:FP32:0", "x:FP32:-2"]
)
def test_an_input_option_that_cannot_be_read(refuse, script, option) -> None:
    assert "--input" in refuse(script, "--input", option, code=2)


def test_an_input_option_that_contradicts_the_graph(refuse, two_by_two) -> None:
    assert "has no such input" in refuse(two_by_two, "--input", "z:FP32:-1,3", code=2)
    assert "contradicts" in refuse(two_by_two, "--input", "a:FP32:-1,4", code=2)
    assert "contradicts" in refuse(two_by_two, "--input", "a:INT64:-1,3", code=2)


def test_a_batch_size_for_a_model_without_batches(refuse, write) -> None:
    path = neg(write, kind="Softmax", axis=0)
    assert "has no batch dimension (rows change one another's answers" in refuse(path, "--max-batch-size", "8")
    assert "give 0" in refuse(path, "--max-batch-size", "-1", code=2)

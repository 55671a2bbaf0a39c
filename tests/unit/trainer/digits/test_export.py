import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import torch

from modelrepo.formats import FORMATS, FormatName
from trainer.digits import export, onnx_graph
from trainer.digits.data import Dataset
from trainer.digits.evaluate import log_probabilities
from trainer.digits.network import DigitNetwork, build_network
from trainer.errors import ExportMismatch


@pytest.fixture
def network(dataset: Dataset) -> DigitNetwork:
    """A network whose batch norms have statistics, so that folding them changes the weights."""
    network = build_network(1).train()
    for _ in range(5):
        network(dataset.train.images_u8)
    return network.eval()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("rows", [1, 2, 7, 128])
def test_the_file_answers_as_the_network_at_every_batch_size(
    network: DigitNetwork, dataset: Dataset, rows: int, name: FormatName
) -> None:
    exported = export.load(export.export(network, dataset.validation.images_u8, name), name)
    images_u8 = dataset.train.images_u8[:rows]
    expected = log_probabilities(network, images_u8, export.CPU)
    answers = exported(images_u8)
    assert answers.shape == (rows, 10)
    assert answers.dtype == torch.float32
    assert torch.allclose(answers, expected, atol=1e-4)


def test_torchscript_is_frozen_folded_and_portable(network: DigitNetwork, dataset: Dataset) -> None:
    exported = export.load(export.export(network, dataset.validation.images_u8, "torchscript"), "torchscript")
    graph = str(exported.inlined_graph)
    assert not list(exported.parameters())
    assert "batch_norm" not in graph
    assert "mkldnn" not in graph
    assert "cuda" not in graph


def test_onnx_is_folded_and_takes_raw_pixels_any_number_of_images(network: DigitNetwork, dataset: Dataset) -> None:
    model = onnx.load_from_string(export.export(network, dataset.validation.images_u8, "onnx"))
    (pixels,), (answer,) = model.graph.input, model.graph.output
    assert (pixels.name, pixels.type.tensor_type.elem_type) == ("INPUT__0", onnx.TensorProto.UINT8)
    assert (answer.name, answer.type.tensor_type.elem_type) == ("OUTPUT__0", onnx.TensorProto.FLOAT)
    assert [side.dim_param or side.dim_value for side in pixels.type.tensor_type.shape.dim] == ["rows", 1, 28, 28]
    assert [side.dim_param or side.dim_value for side in answer.type.tensor_type.shape.dim] == ["rows", 10]
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", onnx_graph.OPSET)]
    # The weights are inside, and no path of the local sources is.
    assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in model.graph.initializer)
    assert str(Path(onnx_graph.__file__).parent).encode() not in model.SerializeToString()


@pytest.mark.parametrize("module", ["onnx_graph", "torchscript"])
def test_the_same_weights_give_the_same_file_in_every_process(module: str) -> None:
    program = (
        f"import hashlib; from trainer.digits import {module}; from trainer.digits.network import build_network;"
        f"print(hashlib.sha256({module}.dump(build_network(5).eval())).hexdigest())"
    )
    found = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(found) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_other_weights_is_refused(
    network: DigitNetwork, dataset: Dataset, monkeypatch: pytest.MonkeyPatch, name: FormatName
) -> None:
    codec = export._CODECS[name]
    other = codec.dump(build_network(2).eval())
    monkeypatch.setitem(export._CODECS, name, codec._replace(dump=lambda network: other))
    with pytest.raises(ExportMismatch, match="differs by up to"):
        export.export(network, dataset.validation.images_u8, name)


def test_nan_is_refused(network: DigitNetwork, dataset: Dataset) -> None:
    class Broken(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.full((len(images), 10), torch.nan)

    with pytest.raises(ExportMismatch):
        export.check_equal(network, Broken(), dataset.validation.images_u8)


@pytest.mark.parametrize(("device", "name"), [("cpu", "onnx"), ("cuda", "torchscript")])
def test_the_device_decides_unless_the_setting_does(device: str, name: FormatName) -> None:
    assert export.choose_format("auto", device) == name
    for chosen in FORMATS:
        assert export.choose_format(chosen, device) == chosen

import pytest
import torch

from trainer import export
from trainer.data import Dataset
from trainer.errors import ExportMismatch
from trainer.evaluate import log_probabilities
from trainer.network import DigitNetwork, build_network


@pytest.fixture
def network(dataset: Dataset) -> DigitNetwork:
    """A network whose batch norms have seen something, so that folding them changes the weights."""
    network = build_network(1).train()
    for _ in range(5):
        network(dataset.train.images_u8)
    return network.eval()


@pytest.mark.parametrize("rows", [1, 2, 7, 128])
def test_the_file_answers_as_the_network_at_every_batch_size(network: DigitNetwork, dataset: Dataset, rows) -> None:
    exported = export.load(export.export(network, dataset.validation.images_u8))
    images_u8 = dataset.train.images_u8[:rows]
    expected = log_probabilities(network, images_u8, export.CPU)
    answers = exported(images_u8)
    assert answers.shape == (rows, 10)
    assert answers.dtype == torch.float32
    assert torch.allclose(answers, expected, atol=1e-4)


def test_it_is_frozen_folded_and_portable(network: DigitNetwork, dataset: Dataset) -> None:
    exported = export.load(export.export(network, dataset.validation.images_u8))
    graph = str(exported.inlined_graph)
    assert not list(exported.parameters())
    assert "batch_norm" not in graph
    assert "mkldnn" not in graph
    assert "cuda" not in graph


def test_a_file_that_answers_differently_is_refused(network: DigitNetwork, dataset: Dataset) -> None:
    other = build_network(2).eval()
    with pytest.raises(ExportMismatch, match="differs by up to"):
        export.check_equal(network, other, dataset.validation.images_u8)


def test_nan_is_refused(network: DigitNetwork, dataset: Dataset) -> None:
    class Broken(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.full((len(images), 10), torch.nan)

    with pytest.raises(ExportMismatch):
        export.check_equal(network, Broken(), dataset.validation.images_u8)

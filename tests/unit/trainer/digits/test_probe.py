import numpy as np
import pytest

from modelrepo.errors import RepositoryDamaged
from modelrepo.formats import FORMATS, FormatName
from trainer.digits import export, probe
from trainer.digits.contract import INPUT_NAME, OUTPUT_NAME
from trainer.digits.data import Dataset
from trainer.digits.evaluate import log_probabilities
from trainer.digits.manifest import DigitManifest
from trainer.digits.network import build_network

EVEN = {OUTPUT_NAME: np.log(np.full((2, 10), 0.1, np.float32))}


@pytest.mark.parametrize("name", FORMATS)
def test_the_expected_answer_is_that_of_the_file(dataset: Dataset, name: FormatName) -> None:
    network = build_network(3).eval()
    images_u8 = dataset.test.images_u8[:8]
    made = probe.probe_images(export.export(network, images_u8, name), name, images_u8)
    np.testing.assert_array_equal(made.inputs[INPUT_NAME], images_u8.numpy())
    expected = log_probabilities(network, images_u8, export.CPU).numpy()
    np.testing.assert_allclose(made.expected[OUTPUT_NAME], expected, atol=1e-4)
    assert made.compare(made.expected, {OUTPUT_NAME: expected}) is None


@pytest.mark.parametrize("name", FORMATS)
def test_a_rollback_asks_the_published_file_about_noise(
    dataset: Dataset, manifest: DigitManifest, name: FormatName
) -> None:
    model = export.export(build_network(3), dataset.test.images_u8, name)
    made = probe.probe_noise(model, manifest.model_copy(update={"format": name}))
    assert made.inputs[INPUT_NAME].shape == (8, 1, 28, 28)
    assert made.expected[OUTPUT_NAME].shape == (8, 10)
    np.testing.assert_array_equal(made.inputs[INPUT_NAME], probe.random_images().numpy())


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_no_model_is_damaged(name: FormatName) -> None:
    with pytest.raises(RepositoryDamaged, match=f"{FORMATS[name].file} can't be loaded"):
        probe.probe_images(b"junk", name, probe.random_images())


def test_another_answer_and_nan_are_told_by_their_probabilities() -> None:
    certain = {OUTPUT_NAME: np.log(np.eye(10, dtype=np.float32)[:2] + 1e-9)}
    nan = {OUTPUT_NAME: np.full((2, 10), np.nan, np.float32)}
    assert probe.compare_probabilities(EVEN, EVEN) is None
    assert "a probability differs by 0.9" in (probe.compare_probabilities(certain, EVEN) or "")
    assert "a probability differs by nan" in (probe.compare_probabilities(nan, EVEN) or "")


def test_a_difference_of_unlikely_digits_logarithms_does_not_count() -> None:
    logits = np.log(np.eye(10, dtype=np.float32)[:2] + 1e-6)
    unlikely = np.where(logits < -1, logits - 3, logits).astype(np.float32)
    assert probe.compare_probabilities({OUTPUT_NAME: unlikely}, {OUTPUT_NAME: logits}) is None

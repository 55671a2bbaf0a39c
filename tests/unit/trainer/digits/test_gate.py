import pytest

from modelrepo import publish
from modelrepo.repository import Repository
from trainer.console import Console
from trainer.digits.data import FLOORS, Dataset
from trainer.digits.gate import Gate, judge
from trainer.digits.manifest import DigitManifest
from trainer.errors import AccuracyRefused
from trainer.settings import Settings


@pytest.mark.parametrize(
    ("validation", "floor", "published", "accepted", "reason"),
    [
        (0.991, None, None, True, "reaches the floor of 99.00 %"),
        (0.989, None, None, False, "below the floor of 99.00 %"),
        (0.800, 0.8, None, True, "reaches the floor of 80.00 %"),
        (0.993, None, 0.995, True, "holds against version 7's 99.50 %"),
        (0.992, None, 0.995, True, "holds"),
        (0.9918, None, 0.995, False, "more than 0.30 % below version 7's 99.50 %"),
        (0.999, None, 0.995, True, "holds"),
    ],
)
def test_the_gate(dataset, manifest, validation, floor, published, accepted, reason) -> None:
    served = manifest.model_copy(update={"version": 7, "validation_accuracy": published}) if published else None
    verdict = judge(validation, dataset, floor, 0.003, served)
    assert verdict.accepted is accepted
    assert reason in verdict.reason


def test_versions_judged_on_other_images_are_not_compared(dataset: Dataset, manifest: DigitManifest) -> None:
    other = manifest.dataset.model_copy(update={"sha256": {"f": "11"}})
    smaller = manifest.dataset.model_copy(update={"validation_images": 10})
    for record in (other, smaller):
        served = manifest.model_copy(update={"dataset": record, "validation_accuracy": 1.0})
        assert judge(0.991, dataset, None, 0.003, served).accepted


def test_every_data_set_has_a_floor() -> None:
    assert FLOORS.keys() == {"mnist", "digits"}


def test_it_compares_with_the_served_version_and_shows_the_verdict(
    settings: Settings, dataset: Dataset, manifest: DigitManifest, repository: Repository, console: Console
) -> None:
    publish.publish(repository, b"model", manifest)
    Gate(settings, dataset, manifest, console)(repository)
    assert "passed: 99.50 % holds against version 1's 99.50 %" in console.out.getvalue()
    worse = manifest.model_copy(update={"validation_accuracy": 0.98})
    with pytest.raises(AccuracyRefused, match=r"more than 0\.30 % below version 1's 99.50 %"):
        Gate(settings, dataset, worse, console)(repository)


def test_a_damaged_manifest_leaves_the_floor(
    settings: Settings, dataset: Dataset, manifest: DigitManifest, repository: Repository, console: Console
) -> None:
    publish.publish(repository, b"model", manifest)
    (repository.folder / "1" / "manifest.json").write_text("{")
    Gate(settings, dataset, manifest, console)(repository)
    assert "compared with the floor alone" in console.err.getvalue()
    assert "reaches the floor" in console.out.getvalue()

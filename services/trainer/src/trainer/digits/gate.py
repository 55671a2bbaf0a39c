"""The accuracy gate: whether a trained network is accurate enough to be published."""

from dataclasses import dataclass

from modelrepo.errors import RepositoryDamaged
from modelrepo.repository import Repository
from trainer.console import Console, percent
from trainer.digits.data import FLOORS, Dataset
from trainer.digits.manifest import DigitManifest
from trainer.errors import AccuracyRefused
from trainer.settings import Settings


@dataclass(frozen=True)
class Verdict:
    """The gate's decision.

    Args:
        accepted: Whether the version may be published.
        reason: Why, in one sentence.
    """

    accepted: bool
    reason: str


def judge(
    validation_accuracy: float, dataset: Dataset, floor: float | None, max_drop: float, published: DigitManifest | None
) -> Verdict:
    """Decide whether a network may be published.

    Args:
        validation_accuracy: Its accuracy (0–1) on the validation split. The test set decides nothing.
        dataset: What it was trained on.
        floor: Least accuracy (0–1); None takes the data set's own.
        max_drop: How far (0–1) it may lie below the published version.
        published: The served version; compared only if it was judged on the same images.
    """
    least = FLOORS[dataset.name] if floor is None else floor
    if validation_accuracy < least:
        return Verdict(accepted=False, reason=f"{percent(validation_accuracy)} is below the floor of {percent(least)}")
    if published is None or not published.dataset.is_comparable(dataset):
        return Verdict(accepted=True, reason=f"{percent(validation_accuracy)} reaches the floor of {percent(least)}")
    previous = f"version {published.version}'s {percent(published.validation_accuracy)}"
    # Rounded: a difference of exactly the margin is allowed, and binary fractions can lie slightly above it.
    if round(published.validation_accuracy - validation_accuracy - max_drop, 9) > 0:
        reason = f"{percent(validation_accuracy)} is more than {percent(max_drop)} below {previous}"
        return Verdict(accepted=False, reason=reason)
    return Verdict(accepted=True, reason=f"{percent(validation_accuracy)} holds against {previous}")


@dataclass(frozen=True)
class Gate:
    """The accuracy gate: compares the network with the published version.

    Args:
        settings: The limits.
        dataset: What the network was trained on.
        manifest: The network's record.
        console: Shows the verdict.
    """

    settings: Settings
    dataset: Dataset
    manifest: DigitManifest
    console: Console

    def __call__(self, repository: Repository) -> None:
        """Raise ``AccuracyRefused`` unless the network is accurate enough."""
        floor, max_drop = self.settings.min_accuracy, self.settings.max_accuracy_drop
        published = self._published(repository)
        verdict = judge(self.manifest.validation_accuracy, self.dataset, floor, max_drop, published)
        if not verdict.accepted:
            raise AccuracyRefused(f"not published: {verdict.reason} (TRAINER_MIN_ACCURACY, TRAINER_MAX_ACCURACY_DROP)")
        self.console.item("gate", f"passed: {verdict.reason}")

    def _published(self, repository: Repository) -> DigitManifest | None:
        served = repository.served_or_none()
        if served is None:
            return None
        try:
            return repository.record(served, DigitManifest)
        except RepositoryDamaged as exc:
            self.console.warning(f"{exc}; compared with the floor alone")
            return None

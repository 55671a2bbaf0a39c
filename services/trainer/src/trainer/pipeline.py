"""What ``ensure`` and ``rollback`` do, step by step; ``train`` is ``trainer.digits.training``.

PyTorch and scikit-learn take seconds to import, so each function imports them where it needs them.
"""

from modelrepo import rollout
from modelrepo.manifest import Manifest
from modelrepo.probe import Probe
from modelrepo.repository import Repository
from trainer.console import Console
from trainer.report import Report
from trainer.settings import Settings
from trainer.target import target_of


def train(settings: Settings, console: Console, *, load: bool) -> None:
    """Train a network, publish it if it is accurate enough, and have running Tritons serve it.

    Raises:
        TrainerError: The images, the accuracy or the exported file is at fault; see ``trainer.errors``.
        ModelRepoError: The repository or a Triton is at fault.
    """
    from trainer.digits import training  # noqa: PLC0415  imports PyTorch

    repository = Repository(settings.model_repository, settings.model_name)
    with Report(settings, repository, console).training():
        training.train(repository, settings, console, load=load)


def ensure(settings: Settings, console: Console, *, load: bool) -> None:
    """Train only if nothing is published; otherwise check that the served version is whole.

    Raises:
        TrainerError: As ``train``.
        RepositoryDamaged: The served version differs from its manifest.
        ModelRepoError: As ``train``.
    """
    repository = Repository(settings.model_repository, settings.model_name)
    served = repository.served()
    if served is None:
        train(settings, console, load=load)
        return
    repository.model(served)
    Report(settings, repository, console).update_served()
    console.line(f"version {served} is published in {repository.folder} and whole; nothing to train")


def rollback(settings: Settings, console: Console, *, to: int | None, load: bool) -> None:
    """Serve the version that was served before, or the version ``to``.

    Raises:
        ModelRepoError: It doesn't exist, it is damaged, or Triton refuses it.
    """
    repository = Repository(settings.model_repository, settings.model_name)
    target = target_of(settings) if load else None
    rollout.roll_back(repository, to, target, _probe, console)
    Report(settings, repository, console).update_served()


def _probe(model: bytes, manifest: Manifest) -> Probe:
    from trainer.digits.probe import probe_noise  # noqa: PLC0415  imports PyTorch

    return probe_noise(model, manifest)

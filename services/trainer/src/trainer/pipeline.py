"""What ``ensure``, ``publish`` and ``rollback`` do, step by step; ``train`` is ``trainer.digits.training``.

PyTorch and scikit-learn take seconds to import, so each function imports them where it needs them.
"""

from modelrepo import rollout
from modelrepo.manifest import Manifest
from modelrepo.names import is_valid
from modelrepo.probe import Probe
from modelrepo.repository import Repository
from trainer.console import Console
from trainer.digits.contract import CONTRACT
from trainer.errors import SettingsError
from trainer.publish.order import Order
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


def publish(settings: Settings, console: Console, order: Order, *, model: str, load: bool) -> None:
    """Publish a file that was made elsewhere, and have running Tritons serve it.

    Raises:
        TrainerError: The file can't be served, or an option contradicts it.
        ModelRepoError: The repository or a Triton is at fault.
    """
    from trainer.publish.command import publish_file  # noqa: PLC0415  imports PyTorch

    publish_file(_repository(settings, model), order, settings, console, load=load)


def rollback(settings: Settings, console: Console, *, to: int | None, load: bool, model: str | None = None) -> None:
    """Serve the version that was served before, or the version ``to``.

    Args:
        settings: The trainer's settings.
        console: Shows the outcome.
        to: The version to serve; None takes the previous one.
        load: Whether to load it into running Tritons.
        model: The model; None takes the trainer's own.

    Raises:
        ModelRepoError: It doesn't exist, it is damaged, or Triton refuses it.
    """
    repository = _repository(settings, model)
    target = target_of(settings) if load else None
    rollout.roll_back(repository, to, target, _probe, console)
    if repository.model_name == settings.model_name:
        Report(settings, repository, console).update_served()


def canary(settings: Settings, console: Console, *, version: int, load: bool, model: str | None = None) -> None:
    """Serve a version beside the served one.

    Args:
        settings: The trainer's settings.
        console: Shows the outcome.
        version: The canary.
        load: Whether to load it into running Tritons.
        model: The model; None takes the trainer's own.

    Raises:
        ModelRepoError: It doesn't exist, it is damaged, it can't be served beside the other, or Triton refuses it.
    """
    repository = _repository(settings, model)
    rollout.add_canary(repository, version, target_of(settings) if load else None, _probe, console)


def _repository(settings: Settings, model: str | None) -> Repository:
    name = settings.model_name if model is None else model
    if not is_valid(name):
        raise SettingsError(
            f"--model {name!r}: a model's name has letters, digits and . _ - and begins with a letter or digit"
        )
    return Repository(settings.model_repository, name)


def _probe(model: bytes, manifest: Manifest) -> Probe:
    if manifest.contract == CONTRACT:
        from trainer.digits.probe import probe_noise  # noqa: PLC0415  imports PyTorch

        return probe_noise(model, manifest)
    from trainer.publish.random_probe import probe_random  # noqa: PLC0415  imports PyTorch

    return probe_random(model, manifest)

"""The table of versions. It imports neither PyTorch nor scikit-learn, which take seconds."""

from pydantic import ValidationError

from modelrepo.contract import TensorSpec
from modelrepo.errors import RepositoryDamaged
from modelrepo.manifest import Manifest
from modelrepo.repository import Repository, model_names
from trainer.console import Console, percent
from trainer.digits.manifest import DigitManifest
from trainer.settings import Settings

_ROW = "{:>7}  {:<7}  {:<11}  {:<25}  {:<12}  {}"


def list_versions(settings: Settings, console: Console) -> None:
    """Write a table of all versions of each model, the newest first, each checked against its checksum.

    Raises:
        RepositoryDamaged: A config can't be read; all models are shown first.
    """
    root, damage = settings.model_repository, None
    names = model_names(root)
    if not names:
        console.line(f"nothing is published in {root}")
    for name in names:
        console.line(name)
        try:
            _list_model(Repository(root, name), console)
        except RepositoryDamaged as exc:
            damage = RepositoryDamaged(f"{name}: {exc}")
            console.line(f"  DAMAGED: {exc}")
    if damage is not None:
        raise damage


def _list_model(repository: Repository, console: Console) -> None:
    versions = repository.versions()
    if versions and not repository.is_published():
        console.line("  copied here by hand: it has no manifest, and Triton serves what its config says")
        return
    states = {repository.canary(): "canary", repository.served(): "served"}
    console.line(_ROW.format("version", "state", "format", "made", "SHA-256", "what"))
    for version in reversed(versions):
        console.line(_row(repository, version, states.get(version, "retired")))


def _row(repository: Repository, version: int, state: str) -> str:
    """Return the line of a version, or what is damaged about it."""
    try:
        repository.model(version)
        manifest = repository.manifest(version)
        what = _what(repository, version, manifest)
    except RepositoryDamaged as exc:
        return f"{version:>7}  {state:<7}  DAMAGED: {exc}"
    return _ROW.format(version, state, manifest.format, manifest.created, manifest.sha256[:12], what)


def _what(repository: Repository, version: int, manifest: Manifest) -> str:
    """Return the accuracy of a model that was trained here, and the tensors of any other one."""
    try:
        trained = repository.record(version, DigitManifest)
    except RepositoryDamaged as exc:
        if not isinstance(exc.__cause__, ValidationError):
            raise
        tensors = (_tensors(manifest.contract.inputs), _tensors(manifest.contract.outputs))
        return "{} → {}".format(*tensors)
    shares = percent(trained.validation_accuracy), percent(trained.test_accuracy), trained.dataset.name
    return "{} on validation, {} on test images of {}".format(*shares)


def _tensors(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"{spec.name} {spec.dtype}[{','.join(map(str, spec.shape))}]" for spec in specs)

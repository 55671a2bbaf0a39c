"""The table of versions. It imports neither PyTorch nor scikit-learn, which take seconds."""

from modelrepo.errors import RepositoryDamaged
from modelrepo.repository import Repository
from trainer.console import Console, percent
from trainer.digits.manifest import DigitManifest
from trainer.settings import Settings

_ROW = "{:>7}  {:<7}  {:>10}  {:>7}  {:<6}  {:<11}  {:<25}  {}"


def list_versions(settings: Settings, console: Console) -> None:
    """Write a table of all versions, the newest first, each checked against its checksum."""
    repository = Repository(settings.model_repository, settings.model_name)
    served = repository.served()
    versions = repository.versions()
    if not versions:
        console.line(f"nothing is published in {repository.folder}")
        return
    console.line(_ROW.format("version", "state", "validation", "test", "data", "format", "trained", "SHA-256"))
    for version in reversed(versions):
        console.line(_row(repository, version, "served" if version == served else "retired"))


def _row(repository: Repository, version: int, state: str) -> str:
    """Return the line of a version, or what is damaged about it."""
    try:
        repository.model(version)
        manifest = repository.record(version, DigitManifest)
    except RepositoryDamaged as exc:
        return f"{version:>7}  {state:<7}  DAMAGED: {exc}"
    shares = percent(manifest.validation_accuracy), percent(manifest.test_accuracy)
    source = manifest.dataset.name, manifest.format
    return _ROW.format(version, state, *shares, *source, manifest.created, manifest.sha256[:12])

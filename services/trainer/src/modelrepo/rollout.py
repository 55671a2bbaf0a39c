"""Changes the served version: publishes or selects it, loads it into running Tritons, and undoes it if one refuses."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from modelrepo import publish, triton_repository_api
from modelrepo.contract import Contract
from modelrepo.errors import RepositoryError, ServingError, VersionMissing
from modelrepo.manifest import Manifest
from modelrepo.probe import Probe, Prober
from modelrepo.repository import Repository
from modelrepo.target import Target


class Reporter(Protocol):
    """Shows progress to the user."""

    def item(self, name: str, text: str) -> None:
        """Show what a step did."""

    def warning(self, text: str) -> None:
        """Show something that the user should know, but that stops nothing."""


@dataclass(frozen=True)
class Candidate:
    """A model that is ready to be published.

    Args:
        model: Its file's content.
        manifest: Its record; ``publish`` fills in number, previous version and checksum.
        probe: Sent to each Triton that loads it.
        gate: Called under the lock, before anything is written: compares the model with what is published, and raises
            to refuse it.
    """

    model: bytes
    manifest: Manifest
    probe: Probe
    gate: Callable[[Repository], None]


@dataclass(frozen=True)
class Change:
    """A change of the served version.

    Args:
        version: What the config names now.
        previous: What it named before; None if nothing was published.
    """

    version: int
    previous: int | None


def roll_out(repository: Repository, candidate: Candidate, target: Target | None, reporter: Reporter) -> int:
    """Publish a model as a new version, and have running Tritons serve it.

    Args:
        repository: Where to.
        candidate: The model.
        target: The Tritons; None loads nothing.
        reporter: Shows the outcome.

    Returns:
        The new version.

    Raises:
        RepositoryError: It can't be written; the served version is unchanged.
        ServingError: A Triton answered, but doesn't serve it; the previous version is served again.
    """
    with publish.changing(repository):
        candidate.gate(repository)
        previous = repository.served_or_none()
        version = publish.publish(repository, candidate.model, candidate.manifest)
        reporter.item("published", f"version {version} in {repository.folder / str(version)}")
        _warn_of_other_tensors(repository, Change(version, previous), reporter)
        if target is not None:
            serve(repository, target, Change(version, previous), candidate.probe, reporter)
    return version


def _warn_of_other_tensors(repository: Repository, change: Change, reporter: Reporter) -> None:
    """Say where clients of the previous version would fail with the new one."""
    if change.previous is None:
        return
    with contextlib.suppress(RepositoryError):  # a damaged previous version has no clients
        old, new = (repository.manifest(each).contract for each in (change.previous, change.version))
        if _signature(old) != _signature(new):
            reporter.warning(
                f"version {change.version} has other tensors than version {change.previous}, so that requests made for "
                "that one will fail; `rollback` serves it again"
            )


def _signature(contract: Contract) -> list[list[tuple[str, str, tuple[int, ...]]]]:
    return [[(spec.name, spec.dtype, spec.shape) for spec in specs] for specs in (contract.inputs, contract.outputs)]


def roll_back(
    repository: Repository, to: int | None, target: Target | None, prober: Prober, reporter: Reporter
) -> None:
    """Serve the version that was served before the present one, or the version ``to``, which may be a newer one.

    Args:
        repository: Where both versions are.
        to: The version to serve; None takes the previous one.
        target: The Tritons; None loads nothing.
        prober: Makes the probe of the version's file.
        reporter: Shows the outcome.

    Raises:
        RepositoryError: There is no such version, or it is damaged; the served version is unchanged.
        ServingError: A Triton answered, but doesn't serve it; the version served until now is served again.
    """
    with publish.changing(repository):
        served = repository.served()
        version = repository.previous() if to is None else to
        # All checks come before the config changes.
        repository.require(version)
        probe = None
        if target is not None:
            triton_repository_api.check_access(target)
            probe = prober(repository.model(version), repository.manifest(version))
        publish.point_at(repository, version)
        done = "promoted" if served is not None and version > served else "rolled back"
        reporter.item(done, f"from version {served} to version {version} in {repository.folder}")
        if target is not None and probe is not None:
            serve(repository, target, Change(version, served), probe, reporter)


def add_canary(repository: Repository, version: int, target: Target | None, prober: Prober, reporter: Reporter) -> None:
    """Serve a version beside the served one, until a version is published, promoted or rolled back to.

    Args:
        repository: Where both versions are.
        version: The canary.
        target: The Tritons; None loads nothing.
        prober: Makes the probe of the canary's file.
        reporter: Shows the outcome.

    Raises:
        RepositoryError: There is no such version, it is damaged, it is the served one, or it has another format or
            other tensors; nothing changes.
        ServingError: A Triton answered, but doesn't serve it; the served version is served alone again.
    """
    with publish.changing(repository):
        served = repository.served()
        repository.require(version)
        if served is None or version == served:
            raise VersionMissing(f"version {version} can't be a canary: the served version is {served}")
        model, manifest, other = repository.model(version), repository.manifest(version), repository.manifest(served)
        if (manifest.format, manifest.contract, manifest.max_batch_size) != (
            other.format, other.contract, other.max_batch_size,
        ):  # fmt: skip
            raise VersionMissing(
                f"version {version} can't be a canary beside version {served}: its format or its tensors differ, and "
                "both versions share one config"
            )
        if target is not None:
            triton_repository_api.check_access(target)
        probe = prober(model, manifest) if target is not None else None
        publish.point_at(repository, served, canary=version)
        reporter.item("canary", f"version {version} beside version {served} in {repository.folder}")
        if target is not None and probe is not None:
            serve(repository, target, Change(version, served), probe, reporter)


def serve(repository: Repository, target: Target, change: Change, probe: Probe, reporter: Reporter) -> None:
    """Have every running Triton serve a version; if one refuses, serve the previous one. Called under the lock.

    A first version that is refused is withdrawn: otherwise every later start of Triton would fail on it, and the
    repository would count as published.

    Args:
        repository: Its config names the version already.
        target: The Tritons.
        change: The version, and the one that was served before.
        probe: Sent to each Triton.
        reporter: Shows the outcome.

    Raises:
        ServingError: A Triton answered, but doesn't serve the version.
    """
    try:
        loaded = triton_repository_api.load(target, repository.model_name, change.version, probe)
    except ServingError:
        _undo(repository, target, change, reporter)
        raise
    if loaded.silent:
        reporter.warning(
            f"Triton at {', '.join(loaded.silent)} didn't answer within {triton_repository_api.REACH_TIMEOUT_S:g} s."
            " If it hangs, it goes on serving what it served: restart it, or run `promote "
            f"{change.version}` once it answers"
        )
    if loaded.serving:
        reporter.item("serving", f"version {change.version} on Triton at {', '.join(loaded.serving)}")
    else:
        consequence = f"it will serve version {change.version} from its next start"
        hint = "if it is starting now, publish again once it is ready"
        reporter.item("serving", f"Triton doesn't answer at {target.url}; {consequence} ({hint})")


def _undo(repository: Repository, target: Target, change: Change, reporter: Reporter) -> None:
    """Name the previous version in the config, and load it into the Tritons that had loaded the new one."""
    if change.previous is None:
        publish.withdraw(repository)
        reporter.warning(
            f"no version was served before, so nothing is published now; version {change.version}'s folder is kept"
        )
        return
    try:
        publish.point_at(repository, change.previous)
    except RepositoryError as exc:
        reporter.warning(f"version {change.previous} can't be served again: {exc}")
        return
    reporter.warning(f"version {change.previous} is served again")
    # Best effort: if a Triton refuses this too, the error that is being raised already names it.
    with contextlib.suppress(ServingError):
        triton_repository_api.load(target, repository.model_name, change.previous, None)

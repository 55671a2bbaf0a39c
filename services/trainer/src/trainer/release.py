"""The last step of publishing and of rolling back: running Tritons take the version, or the pointer goes back."""

import contextlib
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer import export, publish, serving
from trainer.console import Console
from trainer.errors import RepositoryError, ServingError
from trainer.evaluate import log_probabilities
from trainer.formats import FormatName
from trainer.network import IMAGE_PX
from trainer.repository import Repository
from trainer.settings import Settings

PROBE_IMAGES = 8


@dataclass(frozen=True)
class Change:
    """A move of the pointer.

    Args:
        version: What the config names by now.
        former: What it named before; None if nothing was published.
    """

    version: int
    former: int | None


def check_access(settings: Settings) -> None:
    """Find a wrong key before the training, not after it.

    Raises:
        ServingError: A running Triton wouldn't let us load.
    """
    serving.check_access(target_of(settings))


def make_probe(model: bytes, name: FormatName, images_u8: Tensor) -> serving.Probe:
    """Ask the very file that Triton is to load.

    Args:
        model: The file's content.
        name: Its format.
        images_u8: (N, 1, 28, 28) uint8.

    Raises:
        RepositoryDamaged: It can't be loaded.
    """
    network = export.load(model, name)
    return serving.Probe(images_u8.numpy(), log_probabilities(network, images_u8, export.CPU).numpy())


def serve(repository: Repository, settings: Settings, change: Change, probe: serving.Probe, console: Console) -> None:
    """Have every running Triton serve a version; where one refuses, serve the former again. Call it under the lock.

    A first version that is refused is withdrawn: every later start of Triton would fail on it, and ``ensure`` would
    take it for published.

    Args:
        repository: Its config names the version already.
        settings: Where Triton is.
        change: The version, and what was served before.
        probe: What to ask each Triton.
        console: Where the outcome is told.

    Raises:
        ServingError: A Triton answered, but doesn't serve the version.
    """
    try:
        loaded = serving.load(target_of(settings), change.version, probe)
    except ServingError:
        _go_back(repository, settings, change.former, console)
        raise
    if loaded:
        console.item("serving", f"version {change.version} on Triton at {', '.join(loaded)}")
    else:
        when = f"it will serve version {change.version} when it starts"
        console.item("serving", f"Triton isn't running at {settings.triton_url}; {when}")


def random_images() -> Tensor:
    """Return images to ask about where there is no data set at hand: (8, 1, 28, 28) uint8 noise, always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (PROBE_IMAGES, 1, IMAGE_PX, IMAGE_PX), dtype=torch.uint8, generator=generator)


def target_of(settings: Settings) -> serving.Target:
    """Return where a version is to be served.

    Raises:
        ServingError: The admin key's file can't be read.
    """
    try:
        key = settings.admin_key()
    except OSError as exc:
        raise ServingError(f"TRITON_ADMIN_KEY_FILE: {exc.filename} can't be read ({exc.strerror})") from exc
    tls = None
    if settings.triton_tls_ca_file is not None:
        tls = serving.Tls(settings.triton_tls_ca_file, settings.triton_tls_cert_file, settings.triton_tls_key_file)
    return serving.Target(settings.triton_url, key, settings.load_timeout_s, settings.model_name, tls)


def _go_back(repository: Repository, settings: Settings, former: int | None, console: Console) -> None:
    """Name the former version again, and give it back to the Tritons that had taken the new one already."""
    if former is None:
        publish.withdraw(repository)
        console.warning(
            "nothing was served before, so nothing is published now; the version's folder stays to be looked at"
        )
        return
    try:
        publish.point_at(repository, former)
    except RepositoryError as exc:
        console.warning(f"version {former} can't be named again: {exc}")
        return
    console.warning(f"version {former} is named again")
    # Best effort: whoever refuses this too is told of by the error that is already on its way.
    with contextlib.suppress(ServingError):
        serving.load(target_of(settings), former, None)

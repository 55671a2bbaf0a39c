"""The model repository that every fault gets a copy of."""

import shutil
from pathlib import Path

from chaos import processes
from chaos.errors import ChaosError
from chaos.repository import ModelRepository
from chaos.stack import MODEL
from chaos.training import quick_training, trainer_argv


async def prepare(source: Path | None, target: Path) -> None:
    """Make a repository with one version.

    Args:
        source: Repository whose served version is copied; None trains a model, in seconds.
        target: The new repository.

    Raises:
        ChaosError: ``source`` serves no version, or the training fails.
    """
    target.mkdir(parents=True)
    if source is None:
        print("Training a model (seconds)", flush=True)
        env = quick_training() | {"TRAINER_MODEL_REPOSITORY": str(target)}
        status, output = await processes.run(trainer_argv("train", "--no-load"), env)
        if status:
            raise ChaosError(f"the training failed with status {status}: {output[-500:]}")
        return
    served = ModelRepository(source, MODEL).served_version()
    (target / MODEL).mkdir()
    shutil.copy2(source / MODEL / "config.pbtxt", target / MODEL)
    shutil.copytree(source / MODEL / str(served), target / MODEL / str(served))

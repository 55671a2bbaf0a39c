"""The model repository of a run: a copy of a given one, or trained for it."""

import shutil
from pathlib import Path

from chaos import processes
from chaos.errors import ChaosError
from chaos.scene import quick_training, trainer_argv
from chaos.stack import MODEL
from modelrepo.repository import Repository


async def prepare(source: Path | None, folder: Path) -> Path:
    """Return a repository that the run may break.

    Args:
        source: One to copy the served version from; None trains a model, quickly.
        folder: Where it is made.

    Raises:
        ChaosError: Nothing is published in ``source``, or the training fails.
    """
    target = folder / "model_repository"
    target.mkdir()
    if source is None:
        print("Training a model (seconds)", flush=True)
        env = quick_training() | {"TRAINER_MODEL_REPOSITORY": str(target)}
        status, printed = await processes.run(trainer_argv("train", "--no-load"), env)
        if status:
            raise ChaosError(f"the training failed: {printed[-500:]}")
        return target
    served = Repository(source, MODEL).served()
    if served is None:
        raise ChaosError(f"nothing is published in {source}")
    (target / MODEL).mkdir()
    shutil.copy2(source / MODEL / "config.pbtxt", target / MODEL)
    shutil.copytree(source / MODEL / str(served), target / MODEL / str(served))
    return target

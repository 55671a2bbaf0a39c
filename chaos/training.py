"""The real trainer's command and settings, for trainings of seconds."""

import os

from bench.contenders.catalogue import own_programs
from bench.process import clean_env

# A training that takes a second, for faults in which the accuracy does not matter.
TINY_TRAINING = {"TRAINER_TRAIN_LIMIT": "500", "TRAINER_MIN_ACCURACY": "0"}


def python() -> str:
    """Return the path of the stack's Python."""
    return str(own_programs() / "python")


def trainer_argv(*args: str) -> list[str]:
    """Return the trainer's command line."""
    return [python(), "-m", "trainer", *args]


def quick_training() -> dict[str, str]:
    """Return the environment of a training of seconds, accurate enough to tell correct answers from wrong ones."""
    quick = {
        "TRAINER_EPOCHS": "1",
        "TRAINER_TRAIN_LIMIT": "8000",
        "TRAINER_MIN_ACCURACY": "0.5",
        "TRAINER_MAX_ACCURACY_DROP": "1",
        "PYTHONUNBUFFERED": "1",
    }
    data = {name: os.environ[name] for name in ("TRAINER_DATA_DIR", "TRAINER_DATASET") if name in os.environ}
    return clean_env(own_programs(), **quick, **data)

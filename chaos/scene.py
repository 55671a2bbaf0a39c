"""What every fault works with: the stack, its repository, the questions that clients ask, and the real trainer."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from bench.contenders.catalogue import own_programs
from bench.process import clean_env
from chaos import processes, versions
from chaos.bounds import Bounds
from chaos.connection import connect
from chaos.errors import ChaosError
from chaos.load import Load, Question, question
from chaos.probe import Probe
from chaos.row import Row
from chaos.stack import ADMIN_KEY, MODEL, Api, Triton
from loadgen.samples import load_samples
from modelrepo.repository import Repository

_LEAST_QUESTIONS = 16
_CLIENTS = 16
# A trainer and a Triton that loads want both cores of a small machine for themselves.
GENTLE_S = 0.1
# A training that takes a second, where what it learns doesn't matter.
TINY_TRAINING = {"TRAINER_TRAIN_LIMIT": "500", "TRAINER_MIN_ACCURACY": "0"}


@dataclass
class Scene:
    """Everything that runs.

    Attributes:
        folder: For logs and whatever else; goes with the run.
        repository: The model repository, this run's own.
        tritons: Two; the faults that need one alone break the first, which ``api`` asks.
        api: Asks the first Triton.
        bounds: What is asked of times and rates.
        is_short: Whether the time is short.
        questions: What clients ask; filled once the stack serves.
    """

    folder: Path
    repository: Path
    tritons: list[Triton]
    api: Api
    bounds: Bounds
    is_short: bool
    questions: list[Question] = field(default_factory=list)

    @property
    def triton(self) -> Triton:
        """The Triton that the api asks."""
        return self.tritons[0]

    def model(self) -> Repository:
        """Return the repository as the trainer sees it."""
        return Repository(self.repository, MODEL)

    async def renew(self) -> None:
        """Start everything again, with the first version: the next fault isn't to suffer from the last."""
        parts = (*self.tritons, self.api)
        await asyncio.gather(*(part.stop() for part in parts))
        versions.name(self.model(), self.model().versions()[0])
        await asyncio.gather(*(triton.start_serving() for triton in self.tritons))
        await self.api.start_serving()

    async def ask_around(self) -> None:
        """Find the digits that the model reads right, so that whatever else comes back later is a wrong answer.

        Raises:
            ChaosError: It reads too few.
        """
        connection = await connect(self.api.port)
        for sample in load_samples()[::3]:
            asked = question(sample.json_body, sample.label)
            response = await connection.ask(asked.head + b"first" + asked.rest, 30)
            if response.status == 200 and orjson.loads(response.body)["prediction"] == sample.label:
                self.questions.append(asked)
        connection.close()
        if len(self.questions) < _LEAST_QUESTIONS:
            raise ChaosError(f"the model reads only {len(self.questions)} of 67 digits right; train a better one")

    @contextlib.asynccontextmanager
    async def under_load(
        self, row: Row, api: Api | None = None, *, pause_s: float = 0.02
    ) -> AsyncIterator[tuple[Load, Probe]]:
        """Run a block under constant load with a probe beside it; afterwards tell lost requests from dropped ones.

        Args:
            row: Gets the load and its tally.
            api: Who is asked; the one that runs all the time if not given.
            pause_s: Between a client's requests; more where somebody else needs the machine too.
        """
        api = api or self.api
        start = api.log.stat().st_size
        load = Load(api.port, self.questions, _CLIENTS, pause_s=pause_s)
        row.load, row.tally = str(load), load.tally
        async with Probe(api.port) as probe, load:
            await load.answered(50)
            yield load, probe
        for name in await asyncio.to_thread(_logged, api.log, start, load.tally.lost.keys()):
            # The api had it in its hands, so it wasn't the instant of closing.
            load.tally.failed.append(load.tally.lost.pop(name))

    async def serve(self, version: int) -> str:
        """Serve a version; return what went wrong, if anything did. By the real trainer, which takes its time."""
        if self.is_short:
            versions.name(self.model(), version)
            return await self.triton.load() or ""
        status, printed = await self.trainer("rollback", "--to", str(version))
        return printed if status else ""

    async def trainer(self, *args: str, **settings: str) -> tuple[int, str]:
        """Run ``python -m trainer``; return its exit status and what it printed.

        Raises:
            ChaosError: It doesn't end.
        """
        return await processes.run(trainer_argv(*args), self.trainer_env(**settings))

    async def start_trainer(self, *args: str) -> asyncio.subprocess.Process:
        """Start ``python -m trainer`` in the background; what it prints comes through a pipe."""
        return await processes.start(trainer_argv(*args), self.trainer_env())

    def trainer_env(self, **settings: str) -> dict[str, str]:
        """Return a trainer's environment: quick to train, and its versions come into the first Triton."""
        return quick_training() | {
            "TRAINER_MODEL_REPOSITORY": str(self.repository),
            "TRAINER_TRITON_URL": self.triton.address,
            "TRAINER_TRITON_ADMIN_KEY": ADMIN_KEY,
        } | settings  # fmt: skip


def trainer_argv(*args: str) -> list[str]:
    """Return the command of a trainer."""
    return [str(own_programs() / "python"), "-m", "trainer", *args]


def quick_training() -> dict[str, str]:
    """Return the environment of a training that takes seconds: enough to serve, and to be told right from wrong."""
    quick = {
        "TRAINER_EPOCHS": "1",
        "TRAINER_TRAIN_LIMIT": "8000",
        "TRAINER_MIN_ACCURACY": "0.5",
        "TRAINER_MAX_ACCURACY_DROP": "1",
        "PYTHONUNBUFFERED": "1",
    }
    data = {name: os.environ[name] for name in ("TRAINER_DATA_DIR", "TRAINER_DATASET") if name in os.environ}
    return clean_env(own_programs(), **quick, **data)


def _logged(log: Path, start: int, names: Iterable[str]) -> list[str]:
    """Return those of these requests that the api has written a line about."""
    wanted = set(names)
    found = []
    if wanted:
        with log.open("rb") as file:
            file.seek(start)
            for line in file:
                with contextlib.suppress(json.JSONDecodeError, AttributeError):
                    name = json.loads(line).get("request_id")
                    if name in wanted:
                        found.append(name)
    return list(dict.fromkeys(found))

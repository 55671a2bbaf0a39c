"""What a fault works with: a stack and a model repository of its own, the load on it, and the real trainer."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import orjson

from chaos import processes
from chaos.bounds import Bounds
from chaos.connection import connect
from chaos.delay import Delay
from chaos.errors import ChaosError
from chaos.load import Load, PredictRequest, predict_request
from chaos.probe import Probe
from chaos.repository import ModelRepository
from chaos.result import Result
from chaos.stack import ADMIN_KEY, MODEL, Api, Triton, running
from chaos.training import quick_training, trainer_argv
from loadgen.samples import load_samples

_MIN_REQUESTS = 16
_CLIENTS = 16
# Mean pause of a client while a trainer runs or Triton loads a model: both need the cores of a small machine.
LIGHT_PAUSE_S = 0.1


class Scenario:
    """The stack of one fault.

    Args:
        folder: Folder of this fault's files; made here.
        template: Model repository to copy.
        tritons: Number of Tritons that the API calls.
        bounds: Limits for times and rates.
        is_short: Whether the fault takes the shorter of its forms.
        is_relayed: Whether the API reaches the Tritons through relays that can delay their answers.
    """

    def __init__(  # noqa: PLR0913
        self, folder: Path, template: Path, tritons: int, bounds: Bounds, *, is_short: bool, is_relayed: bool = False
    ) -> None:
        self.folder, self.bounds, self.is_short = folder, bounds, is_short
        root = folder / "model_repository"
        shutil.copytree(template, root)
        self.repository = ModelRepository(root, MODEL)
        self.tritons = [Triton(f"triton-{number}", root, folder) for number in range(1, tritons + 1)]
        self.relays = [Delay(triton.address) for triton in self.tritons] if is_relayed else []
        self.api = Api("api", [each.address for each in self.relays or self.tritons], folder)
        self.requests: list[PredictRequest] = []

    @property
    def triton(self) -> Triton:
        """The first Triton."""
        return self.tritons[0]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the stack during a block.

        Raises:
            ChaosError: A service does not start, or the model is not accurate enough.
        """
        async with contextlib.AsyncExitStack() as stack:
            for relay in self.relays:
                await stack.enter_async_context(relay)
            await stack.enter_async_context(running(self.tritons, self.api))
            await self._select_requests()
            yield

    async def _select_requests(self) -> None:
        """Select the digits that the model reads correctly, so that every other answer to them is wrong."""
        connection = await connect(self.api.port)
        samples = load_samples()[::3]
        for sample in samples:
            request = predict_request(sample.json_body, sample.label)
            response = await connection.send(request.encode("select"), 30)
            if response.status == 200 and orjson.loads(response.body)["prediction"] == sample.label:
                self.requests.append(request)
        connection.close()
        if len(self.requests) < _MIN_REQUESTS:
            raise ChaosError(
                f"the model reads only {len(self.requests)} of {len(samples)} digits correctly, "
                f"{_MIN_REQUESTS} are needed; publish a better one or leave out --repository"
            )

    @contextlib.asynccontextmanager
    async def under_load(self, result: Result, *, pause_s: float = 0.02) -> AsyncIterator[tuple[Load, Probe]]:
        """Run a block under constant load and a readiness probe.

        Args:
            result: Gets the load and the outcome of its requests.
            pause_s: Mean pause between a client's requests.
        """
        start = self.api.log.stat().st_size
        load = Load(self.api.port, self.requests, _CLIENTS, pause_s=pause_s)
        result.load, result.counts = str(load), load.counts
        async with Probe(self.api.port) as probe, load:
            await load.wait_answered(50)
            yield load, probe
        for name in await asyncio.to_thread(_find_logged, self.api.log, start, load.counts.resent.keys()):
            # The API had received the first attempt, so the request failed inside it.
            load.counts.failed.append(load.counts.resent.pop(name))

    async def serve(self, version: int) -> str:
        """Select and load a version; return the error, or an empty string. The long form uses the real trainer."""
        if self.is_short:
            self.repository.select(version)
            return await self.triton.load() or ""
        status, output = await self.trainer("rollback", "--to", str(version))
        return output if status else ""

    async def trainer(self, *args: str, **settings: str) -> tuple[int, str]:
        """Run ``python -m trainer``; return its exit status and output.

        Raises:
            ChaosError: It does not end.
        """
        return await processes.run(trainer_argv(*args), self.trainer_env(**settings))

    async def start_trainer(self, *args: str) -> asyncio.subprocess.Process:
        """Start ``python -m trainer`` in the background; a pipe carries its output."""
        return await processes.start(trainer_argv(*args), self.trainer_env())

    def trainer_env(self, **settings: str) -> dict[str, str]:
        """Return the environment of a trainer that publishes to this repository and the first Triton."""
        return quick_training() | {
            "TRAINER_MODEL_REPOSITORY": str(self.repository.root),
            "TRAINER_TRITON_URL": self.triton.address,
            "TRAINER_TRITON_ADMIN_KEY": ADMIN_KEY,
        } | settings  # fmt: skip


def _find_logged(log: Path, start: int, names: Iterable[str]) -> list[str]:
    """Return the request ids that occur in the API's log after an offset in bytes."""
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

"""Runs faults one after another, each on a stack and a model repository of its own."""

import asyncio
import shutil
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.bounds import LENIENT, STRICT, Bounds
from chaos.catalogue import Fault
from chaos.errors import Skipped
from chaos.result import Result
from chaos.scenario import Scenario

# The longest fault runs a training for every step of a publish.
_TIMEOUT_S = 900


@dataclass(frozen=True)
class Runner:
    """Runs faults.

    Attributes:
        template: Model repository that every fault gets a copy of.
        folder: Folder of the run; each fault gets a folder in it.
        is_short: Whether faults take the shorter of their forms, with lenient bounds.
        keep: Whether the folders of the faults stay.
    """

    template: Path
    folder: Path
    is_short: bool = False
    keep: bool = False

    @property
    def bounds(self) -> Bounds:
        """Limits for times and rates."""
        return LENIENT if self.is_short else STRICT

    async def run_all(self, faults: Sequence[Fault], results: list[Result]) -> None:
        """Run faults; print the result of each in a line and append it, so that an interrupted run has results."""
        for fault in faults:
            started = time.monotonic()
            results.append(await self.run(fault))
            seconds, result = time.monotonic() - started, results[-1]
            print(f"  {fault.name:22} {seconds:6.1f} s  held: {result.verdict:7} {result.reason}", flush=True)

    async def run(self, fault: Fault) -> Result:
        """Run a fault; an exception becomes a violation, so that the next fault runs all the same."""
        result = Result(fault.title)
        folder = self.folder / fault.name
        try:
            scenario = Scenario(
                folder,
                self.template,
                fault.tritons,
                self.bounds,
                is_short=self.is_short,
                is_relayed=fault.is_relayed,
            )
            async with scenario.running(), asyncio.timeout(_TIMEOUT_S):
                await fault.inject(scenario, result)
        except Skipped as exc:
            result.skipped = str(exc)
        except Exception as exc:  # noqa: BLE001 - any exception of a fault is its result
            traceback.print_exc()
            result.violations.append(f"{type(exc).__name__}: {str(exc) or f'not done within {_TIMEOUT_S} s'}")
        if not self.keep:
            shutil.rmtree(folder, ignore_errors=True)
        return result

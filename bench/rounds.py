"""The run itself: A B C …, A B C …, so that drift of the machine affects all contenders alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench import measure
from bench.contenders.catalogue import CONTENDERS, OURS, TRITON
from bench.correctness import check
from bench.errors import BenchError, StartFailed, WrongAnswer
from bench.measure import Figures, Kit
from bench.model import Model
from bench.stage import Running, running

Save = Callable[[dict[str, Any]], None]


class Rounds:
    """Measures contenders in turn, and keeps failures beside figures.

    Args:
        kit: What measuring takes.
        model: What is served.
        names: The contenders, by their keys.
        settings: Variables for our own api and Triton.
    """

    def __init__(self, kit: Kit, model: Model, names: Sequence[str], settings: Mapping[str, str]) -> None:
        self._kit, self._model, self._names, self._settings = kit, model, names, settings
        self._excluded: set[str] = set()
        self.rounds: list[dict[str, Any]] = []
        self.failures: dict[str, list[str]] = {}
        self.memory: Figures = {}

    def run(self, save: Callable[[], None]) -> None:
        """Measure everything; ``save`` is called whenever there is more to keep."""
        for number in range(1, self._kit.plan.repeats + 1):
            print(f"Round {number} of {self._kit.plan.repeats}", flush=True)
            figures: dict[str, Figures] = {}
            self.rounds.append({"started": time.time(), "contenders": figures})
            for name in self._names:
                self._measure_one(name, figures)
                save()
        if self._kit.plan.memory_first and OURS in self._names:
            print(f"Memory over {self._kit.plan.memory_last} requests", flush=True)
            self._measure_memory()
            save()

    def _measure_one(self, name: str, figures: dict[str, Figures]) -> None:
        if name in self._excluded:
            self._fail(name, self.failures[name][-1])
            return
        start = time.monotonic()
        try:
            with running(name, CONTENDERS[name], self._model, self._settings) as scene:
                ready_s = time.monotonic() - start
                check(scene, self._model)
                figures[name] = {"ready_s": ready_s, **self._measure(name, scene, figures)}
        except (BenchError, OSError) as exc:
            # A contender that can't start or answers wrongly isn't tried again: every try takes minutes.
            if isinstance(exc, (StartFailed, WrongAnswer)):
                self._excluded.add(name)
            self._fail(name, str(exc) or type(exc).__name__)
        else:
            print(f"  {name:20} {_summary(figures[name])}", flush=True)

    def _measure(self, name: str, scene: Running, figures: dict[str, Figures]) -> Figures:
        if name == OURS:
            return measure.ours(self._kit, scene)
        if name == TRITON:
            return measure.triton(self._kit, scene, figures.get(OURS, {}).get("paced_at"))
        return measure.app(self._kit, scene)

    def _measure_memory(self) -> None:
        try:
            with running(OURS, CONTENDERS[OURS], self._model, self._settings) as scene:
                self.memory = measure.memory(self._kit, scene)
        except (BenchError, OSError) as exc:
            self._fail(OURS, f"memory: {exc}")

    def _fail(self, name: str, why: str) -> None:
        self.failures.setdefault(name, []).append(why)
        print(f"  {name:20} FAILED: {why}", flush=True)


def _summary(figures: Figures) -> str:
    closed = [figures[key] for key in ("closed", "closed_grpc", "closed_http") if "rate" in figures.get(key, {})]
    return "   ".join(f"{each['rate']:8,.0f}/s  p99 {each['p99_ms']:6.1f} ms" for each in closed) or "no figures"

"""``python -m bench.loadtest steps|rate|soak``: Locust against the stack, distributed over all cores, headless."""

import argparse
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from bench import machine, model, stage, versions
from bench.contenders.catalogue import CONTENDERS, OURS
from bench.errors import BenchError, LoadFailed
from bench.loadtest import knee, report, step, target
from bench.loadtest.step import Level, Step
from bench.paths import RESULTS, ROOT

_UNITS = {"steps": "users", "rate": "arrivals/s", "soak": "users"}
_TITLES = {
    "steps": "Users that each send a request a second",
    "rate": "Arrivals at a fixed rate, however many wait (open loop)",
    "soak": "The same users for long",
}
_REFINEMENTS = 3
_MAX_GROWTH = 1.05


def main() -> int:
    """Load and report; 2 if it couldn't be measured.

    1 if an answer was wrong or missing; in a soak also if a request was refused or memory grew.
    """
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    folder = options.results / f"loadtest-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    steps: list[Step] = []
    about = _about(options)
    try:
        with _target(options) as loaded:
            folder.mkdir(parents=True)
            _climb(options, loaded, folder, steps)
    except KeyboardInterrupt:
        print("Stopped; what was measured so far is kept.", flush=True)
    except BenchError as exc:
        print(f"loadtest: {exc}", file=sys.stderr)
    if not steps:
        return 2
    if options.kind != "soak":
        steps.sort(key=lambda one: one.level)
    print(f"\n{report.write(folder, about, steps)}\n\n{folder}/report.html, .json, .png, steps.csv", flush=True)
    failed = any(one.failures if options.kind == "soak" else one.faults for one in steps)
    return 1 if failed or _has_grown(options.kind, steps) else 0


def _climb(options: argparse.Namespace, loaded: target.Target, folder: Path, steps: list[Step]) -> None:
    """Play one level after another, and put what came of it into ``steps``."""
    for count, level in enumerate(_levels(options, steps), 1):
        title = f"  {level.value:8,.0f} {_UNITS[options.kind]}:"
        try:
            steps.append(step.run(loaded, level, options.seconds, folder / f"locust-{count:02d}"))
        except LoadFailed as exc:
            if not steps:
                raise
            print(f"{title} no figures: {exc}", flush=True)
        else:
            print(f"{title} {_summary(steps[-1])}", flush=True)


def _levels(options: argparse.Namespace, steps: list[Step]) -> Iterator[Level]:
    """Yield one level after another; ``steps`` holds what came of those before."""
    is_open = options.kind == "rate"
    if options.kind == "soak":
        for _ in range(max(1, round(options.minutes * 60 / options.seconds))):
            yield Level(options.start)
        return
    if options.levels:
        yield from (Level(value, is_open) for value in options.levels)
        return
    value = options.start
    while value <= options.most:
        yield Level(value, is_open)
        beyond = knee.find(steps).first_beyond
        if beyond is not None and beyond.level < value:
            break  # two levels in a row: one could be the machine's bad moment
        value *= 2
    found = knee.find(steps)
    if found.last is None or found.first_beyond is None:
        return
    low, high = found.last.level, found.first_beyond.level
    for part in range(1, _REFINEMENTS + 1):
        yield Level(round(low + (high - low) * part / (_REFINEMENTS + 1)), is_open)


@contextmanager
def _target(options: argparse.Namespace) -> Iterator[target.Target]:
    asked = {"LOADGEN_MODEL": options.model} if options.model else {}
    asked["LOADGEN_CHECK_LABELS"] = str(not options.any_digit)
    name = options.model or model.NAME
    if options.url:
        yield target.Target(options.url, name, options.triton_metrics, asked)
        return
    print("Starting the stack", flush=True)
    if options.model:
        running = stage.serving_any(options.repository, name, {})
    else:
        running = stage.running(OURS, CONTENDERS[OURS], model.load(options.repository), {})
    with running as scene:
        url = scene.url.removesuffix("/predict")
        yield target.Target(url, name, f"{scene.triton_metrics}/metrics", asked, scene.api)


def _about(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "kind": options.kind,
        "unit": _UNITS[options.kind],
        "title": _TITLES[options.kind] + (f", random tensors to {options.model}" if options.model else ""),
        "model": options.model or model.NAME,
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": versions.commit(),
        "command": shlex.join(["python", "-m", "bench.loadtest", *sys.argv[1:]]),
        "machine": machine.fingerprint(),
        "packages": versions.packages(),
        "seconds": options.seconds,
    }


def _summary(one: Step) -> str:
    limited = ", the generator at its limit" if one.is_generator_limited else ""
    return f"{one.rate:8,.0f}/s  p50 {one.p50_ms:.0f}  p95 {one.p95_ms:.0f} ms  {one.failures} failed{limited}"


def _has_grown(kind: str, steps: list[Step]) -> bool:
    first, last = steps[0].api_memory_mib, steps[-1].api_memory_mib
    if kind != "soak" or first is None or last is None or last <= _MAX_GROWTH * first:
        return False
    print(f"loadtest: the api's memory grew from {first:.0f} to {last:.0f} MiB", file=sys.stderr)
    return True


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.loadtest", description=__doc__)
    parser.add_argument(
        "kind", choices=list(_UNITS), help="users in steps; a fixed rate of arrivals in steps; for long"
    )
    parser.add_argument("--start", type=int, default=100, help="the first level, or the soak's (100)")
    parser.add_argument("--most", type=int, default=20_000, help="no level above this (20,000)")
    parser.add_argument("--levels", type=int, nargs="+", help="these levels and no others")
    parser.add_argument("--seconds", type=float, default=12, help="of each step, after its ramp (12)")
    parser.add_argument("--minutes", type=float, default=30, help="of a soak (30)")
    parser.add_argument("--repository", type=Path, default=ROOT / "model_repository", help="the model repository")
    parser.add_argument("--model", help="send random tensors to this model, instead of digits")
    parser.add_argument("--url", help="an api that runs already, instead of a stack of its own")
    parser.add_argument("--triton-metrics", default="", help="URL of its Triton's metrics")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the report's folder (results/)")
    parser.add_argument("--any-digit", action="store_true", help="don't count a wrong digit as a failure")
    return parser


if __name__ == "__main__":
    sys.exit(main())

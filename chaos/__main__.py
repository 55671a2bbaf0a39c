"""``python -m chaos``: injects faults into the real stack and writes a table to ``results/``.

Exit status: 0 if all guarantees held, 1 if one was violated, 2 if the run could not start, 130 if it was interrupted.
"""

import argparse
import asyncio
import json
import shlex
import shutil
import signal
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from bench import machine, versions
from chaos import report, template
from chaos.catalogue import FAULTS, Fault
from chaos.errors import ChaosError
from chaos.paths import RESULTS, RUN
from chaos.result import Result
from chaos.runner import Runner

INTERRUPTED = 130
_PACKAGES = ("fastapi", "grpcio", "gunicorn", "nvidia-pytriton", "onnxruntime", "torch", "tritonclient", "uvicorn")


def main() -> int:
    """Run the selected faults and write the report."""
    options = _parser().parse_args()
    RUN.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=RUN))
    try:
        return _main(options, folder)
    finally:
        if options.keep:
            print(f"Logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _main(options: argparse.Namespace, folder: Path) -> int:
    runner = Runner(folder / "template", folder, is_short=options.short, keep=options.keep)
    conditions = _conditions(runner)
    started = time.monotonic()
    results: list[Result] = []
    try:
        asyncio.run(_run(runner, _select(options), results, options.repository))
        status = 1 if any(result.violations for result in results) else 0
    except ChaosError as exc:
        print(f"chaos: {exc}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("chaos: interrupted", file=sys.stderr)
        status = INTERRUPTED
    if results:
        text = report.markdown(results, conditions | {"minutes": (time.monotonic() - started) / 60})
        _write(text, conditions, results, options.results)
        if options.page and status != INTERRUPTED:
            report.insert(text, options.page)
    return status


async def _run(runner: Runner, faults: list[Fault], results: list[Result], source: Path | None) -> None:
    task = asyncio.current_task()
    assert task is not None
    # Like asyncio's handling of Ctrl-C: the cancelled task stops the processes that it started.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await template.prepare(source, runner.template)
    await runner.run_all(faults, results)


def _select(options: argparse.Namespace) -> list[Fault]:
    if options.only:
        return [fault for fault in FAULTS if fault.name in options.only]
    return [fault for fault in FAULTS if fault.is_short or not options.short]


def _conditions(runner: Runner) -> dict[str, Any]:
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": versions.commit(),
        "command": shlex.join(["python", "-m", "chaos", *sys.argv[1:]]),
        "bounds": runner.bounds._asdict(),
        "machine": machine.fingerprint(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
    }


def _write(text: str, conditions: dict[str, Any], results: list[Result], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"chaos-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    stem.with_suffix(".md").write_text(text)
    data = conditions | {"results": [result.as_dict() for result in results]}
    stem.with_suffix(".json").write_text(json.dumps(data, indent=1))
    print(f"\n{text}\n{stem}.json, .md", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="eight faults with lenient bounds, in two minutes")
    names = [fault.name for fault in FAULTS]
    parser.add_argument(
        "--only", nargs="+", choices=names, metavar="NAME", help=f"run only these faults: {', '.join(names)}"
    )
    parser.add_argument(
        "--repository", type=Path, help="copy the served version of this model repository instead of training one"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the report (results/)")
    parser.add_argument("--page", type=Path, help="also put the report into this page, e.g. docs/reliability.md")
    parser.add_argument("--keep", action="store_true", help="keep the run's folder with all logs")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""``python -m chaos``: breaks the real stack, counts, and writes a table to ``results/``; 1 if a promise is broken."""

import argparse
import asyncio
import json
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import machine, versions
from chaos import repository
from chaos.bounds import LENIENT, STRICT
from chaos.catalogue import FAULTS, Fault, play
from chaos.errors import ChaosError, Skipped
from chaos.paths import RESULTS, RUN
from chaos.report import markdown
from chaos.row import Row
from chaos.scene import Scene
from chaos.stack import Api, Triton, running

# Enough for the longest, which trains once for every step of a publish.
_FAULT_PATIENCE_S = 900
INTERRUPTED = 130


def main() -> int:
    """Run; 1 if a promise was broken, 2 if the stack didn't come up, 130 if it was interrupted."""
    options = _parser().parse_args()
    faults = [fault for fault in FAULTS if fault.name in options.only] if options.only else list(FAULTS)
    if options.short and not options.only:
        faults = [fault for fault in FAULTS if fault.is_short]
    RUN.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=RUN))
    rows: list[Row] = []
    try:
        asyncio.run(_run(faults, rows, folder, options))
    except ChaosError as exc:
        print(f"chaos: {exc}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    finally:
        if rows:
            _report(rows, options.results)
        if options.keep:
            print(f"Logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if any(row.broken for row in rows) else 0


async def _run(faults: Sequence[Fault], rows: list[Row], folder: Path, options: argparse.Namespace) -> None:
    me = asyncio.current_task()
    assert me is not None
    # As asyncio does at Ctrl-C: everything that was started is ended on the way out.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
    model_repository = await repository.prepare(options.repository, folder)
    count = max(fault.tritons for fault in faults)
    tritons = [Triton(f"triton-{number}", model_repository, folder) for number in range(1, count + 1)]
    bounds = LENIENT if options.short else STRICT
    scene = Scene(folder, model_repository, tritons, Api("api", tritons[:1], folder), bounds, is_short=options.short)
    print("Starting the stack", flush=True)
    async with running(*tritons, scene.api):
        await scene.ask_around()
        for fault in faults:
            started = time.monotonic()
            rows.append(await _try(fault, scene))
            verdict = "skipped" if rows[-1].skipped else "BROKEN" if rows[-1].broken else "kept"
            print(f"  {fault.name:18} {time.monotonic() - started:6.1f} s  {verdict}", flush=True)
            for what in (*rows[-1].broken, *([rows[-1].skipped] if rows[-1].skipped else [])):
                print(f"      {what}", flush=True)
            if rows[-1].broken:
                await scene.renew()


async def _try(fault: Fault, scene: Scene) -> Row:
    """Play a fault; one that can't be played is a broken promise too."""
    try:
        async with asyncio.timeout(_FAULT_PATIENCE_S):
            return await play(fault, scene)
    except Skipped as exc:
        return Row(fault.name, skipped=str(exc))
    except (ChaosError, OSError, TimeoutError) as exc:
        return Row(fault.name, broken=[f"{type(exc).__name__}: {exc}"])


def _report(rows: list[Row], folder: Path) -> None:
    about = {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": versions.commit(),
        "command": shlex.join(["python", "-m", "chaos", *sys.argv[1:]]),
        "machine": machine.fingerprint(),
        "packages": versions.packages(),
    }
    text = markdown(rows, about)
    folder.mkdir(exist_ok=True)
    stem = folder / f"chaos-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    stem.with_suffix(".md").write_text(text)
    stem.with_suffix(".json").write_text(json.dumps(about | {"rows": [row.as_dict() for row in rows]}, indent=1))
    print(f"\n{text}\n{stem}.json, .md", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the most important faults only, in about a minute")
    parser.add_argument("--only", nargs="+", choices=[fault.name for fault in FAULTS], help="these faults alone")
    parser.add_argument(
        "--repository", type=Path, help="a model repository whose served version is copied; else one is trained"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the report (results/)")
    parser.add_argument("--keep", action="store_true", help="keep the run's folder with all logs")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""``python -m bench``: the stack beside the alternatives; writes a JSON file and a Markdown table to ``results/``."""

import argparse
import json
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from bench import machine, measure, model, tools, versions
from bench.contenders.catalogue import CONTENDERS, OURS
from bench.errors import BenchError, ToolMissing
from bench.paths import RESULTS, ROOT
from bench.plan import Plan
from bench.report import markdown
from bench.rounds import Rounds


def main() -> int:
    """Prepare, measure, report; 1 if our own stack couldn't be measured, 2 if nothing could."""
    args = _parser().parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    plan = Plan(args.repeats, args.seconds, args.warm_up)
    if args.no_memory:
        plan = Plan(args.repeats, args.seconds, args.warm_up, memory_first=0)
    names = [name for name in args.only or CONTENDERS if not (args.no_peers and CONTENDERS[name].is_peer)]
    settings = dict(pair.split("=", 1) for pair in args.set)
    print("Preparing", flush=True)
    try:
        served = model.load(args.repository)
        kit = measure.pack(plan, served, tools.wrk(), _perf_analyzer())
    except BenchError as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 2
    rounds = Rounds(kit, served, names, settings)
    results: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": versions.commit(),
        "command": shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        "machine": machine.fingerprint(),
        "packages": versions.packages(),
        "model": {"version": served.version, "format": served.format, "sha256": served.sha256},
        "plan": plan.as_dict(),
        "settings": settings,
        "contenders": names,
        "rounds": rounds.rounds,
    }
    if machine.is_busy():
        results["warning"] = "Other processes were using this machine: don't rely on these figures."
        print(f"Warning: {results['warning']}", flush=True)
    stem = RESULTS / f"bench-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"

    def save() -> None:
        results["failures"], results["memory"] = rounds.failures, rounds.memory
        RESULTS.mkdir(exist_ok=True)
        stem.with_suffix(".json").write_text(json.dumps(results, indent=1))
        stem.with_suffix(".md").write_text(markdown(results))

    try:
        rounds.run(save)
    except KeyboardInterrupt:
        print("Stopped; what was measured so far is kept.", flush=True)
    if stem.with_suffix(".md").is_file():
        print(f"\n{stem.with_suffix('.md').read_text()}\n{stem}.json, .md", flush=True)
    return 1 if OURS in rounds.failures else 0


def _perf_analyzer() -> tools.Tool | None:
    try:
        return tools.perf_analyzer()
    except ToolMissing as exc:
        print(f"  Triton's gRPC is left out: {exc}", flush=True)
        return None


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _setting(text: str) -> str:
    if not text.startswith(("API_", "TRITON_")) or "=" not in text:
        raise argparse.ArgumentTypeError("NAME=VALUE of an API_ or TRITON_ setting")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="rounds (5)")
    parser.add_argument("--seconds", type=float, default=10, help="of one measurement (10)")
    parser.add_argument("--warm-up", type=float, default=3, help="seconds of load before each contender is timed (3)")
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS), help="these contenders alone")
    parser.add_argument("--no-peers", action="store_true", help="leave the other serving frameworks out")
    parser.add_argument("--no-memory", action="store_true", help="leave the 200,000 requests out")
    parser.add_argument("--repository", type=Path, default=ROOT / "model_repository", help="the model repository")
    parser.add_argument(
        "--set", action="append", default=[], type=_setting, metavar="NAME=VALUE", help="a setting to try in our stack"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

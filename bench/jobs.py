"""``python -m bench.jobs``: what jobs reach beside the interactive routes, and what they cost those.

Each round measures the batch route, a job, and the interactive route at a fixed rate without and with a job, one after
the other in the same processes, so that a machine whose speed changes blurs no ratio. Then jobs of one item.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import jobs_report, jobs_round_trip, machine, model, tools, wrk
from bench.errors import BenchError, LoadFailed
from bench.jobs_stack import Stack, ended, lines_of, remove, serving, state_of, submit
from bench.paths import RESULTS, ROOT, RUN
from loadgen.samples import load_samples

_BATCH_IMAGES, _BATCH_CONNECTIONS, _PACED_CONNECTIONS = 64, 8, 64
_WARM_UP_S = 2
_USERS = (1, 10, 30)
# Fails before it comes to Triton: what is left is the way through the queue.
_NO_IMAGE = b'{"image": "bm8gaW1hZ2U="}'
Figures = dict[str, Any]


def seconds_of(job: Figures) -> float:
    """Return the seconds from a job's creation, when its upload is stored, to its end."""
    created, finished = (datetime.fromisoformat(job[name]) for name in ("created_at", "finished_at"))
    return (finished - created).total_seconds()


def throughput(stack: Stack, tool: tools.Tool, batches: Path, lines: bytes, seconds: float) -> Figures:
    """Return images/s of the batch route, and items/s of a job."""
    target = wrk.Target(f"{stack.url}/predict/batch", batches)
    wrk.run(tool, target, _WARM_UP_S, connections=_BATCH_CONNECTIONS)
    before = _cpu_s(stack)
    batch = wrk.run(tool, target, seconds, connections=_BATCH_CONNECTIONS)
    batch_cpu_s = _cpu_s(stack) - before
    start = time.perf_counter()
    job = submit(stack.client, lines)
    upload_s, before = time.perf_counter() - start, _cpu_s(stack)
    job = ended(stack.client, job)
    job_cpu_s = _cpu_s(stack) - before
    remove(stack.client, job)
    return {
        "batch_per_s": batch.rate * _BATCH_IMAGES,
        "job_per_s": job["total"] / seconds_of(job),
        "upload_s": upload_s,
        "batch_cpu_us": batch_cpu_s * 1e6 / (batch.requests * _BATCH_IMAGES),
        "job_cpu_us": job_cpu_s * 1e6 / job["total"],
    }


def _cpu_s(stack: Stack) -> float:
    """Return the seconds of processor that the stack's processes have used: unlike rates, others' load changes little.

    Polls of the job are in it; the load generator isn't.
    """
    times = [process.cpu_times() for server in stack.running.servers for process in server.family()]
    return sum(each.user + each.system for each in times)


def interference(stack: Stack, tool: tools.Tool, singles: Path, lines: bytes, args: argparse.Namespace) -> Figures:
    """Return what requests at a fixed rate see without and with a job, and the job's items/s beside them."""
    target = wrk.Target(f"{stack.url}/predict", singles)

    def paced() -> wrk.Load:
        return wrk.run(tool, target, args.seconds, connections=_PACED_CONNECTIONS, rate=args.rate)

    wrk.run(tool, target, 1, connections=_PACED_CONNECTIONS, rate=args.rate)
    alone = paced()
    job = submit(stack.client, lines)
    before, start = state_of(stack.client, job), time.perf_counter()
    beside = paced()
    took_s, after = time.perf_counter() - start, state_of(stack.client, job)
    remove(stack.client, job)
    if after["state"] != "running":
        raise LoadFailed(f"a job of {job['total']} items ended within {args.seconds:g} s: raise --items")
    return {
        "alone": alone._asdict(),
        "beside": beside._asdict(),
        "job_per_s_beside": (after["done"] - before["done"]) / took_s,
    }


def round_trips(stack: Stack, seconds: float) -> Figures:
    """Return round trips of jobs of one item, by the number of users."""
    image = load_samples()[0].json_body
    found: Figures = {}
    for name, line in (("with_triton", image), ("without_triton", _NO_IMAGE)):
        jobs_round_trip.measure(stack.url, line, 1, 2)
        found[name] = {
            str(users): jobs_round_trip.measure(stack.url, line, users, seconds)._asdict() for users in _USERS
        }
    return found


def run(args: argparse.Namespace) -> Figures:
    """Measure everything, and return it."""
    model.ensure(args.repository)
    tool, bodies = tools.wrk(), [sample.json_body for sample in load_samples()]
    images = [json.loads(body)["image"] for body in bodies]
    calls = [json.dumps({"images": images[at : at + _BATCH_IMAGES]}).encode() for at in range(0, 128, 8)]
    singles, batches = wrk.write_bodies(RUN / "bodies/single", bodies), wrk.write_bodies(RUN / "bodies/batch", calls)
    lines = lines_of(bodies, args.items)
    results: Figures = {"machine": machine.fingerprint(), "busy_before": machine.is_busy(), "items": args.items}
    results |= {"rate": args.rate, "settings": dict(args.set), "rounds": []}
    with serving(args.repository, dict(args.set)) as stack:
        for number in range(args.rounds):
            figures = throughput(stack, tool, batches, lines, args.seconds)
            figures |= interference(stack, tool, singles, lines, args)
            results["rounds"].append(figures)
            print(number + 1, jobs_report.line_of(figures), flush=True)
        if not args.no_round_trips:
            results["round_trips"] = round_trips(stack, args.seconds)
    return results


def _end(*_: object) -> None:
    """End by way of every `finally`, which a second signal must not interrupt."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and write; 2 where something couldn't be measured."""
    args = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _end)
    try:
        results = run(args)
    except BenchError as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 2
    text = jobs_report.markdown(results)
    folder = args.results / f"jobs-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    (folder / "report.md").write_text(text, encoding="utf-8")
    print(f"\n{text}\nWritten to {folder}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.jobs", description=__doc__)
    parser.add_argument("--items", type=int, default=100_000, help="images of a job (100000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (3)")
    parser.add_argument("--seconds", type=float, default=6, help="of each load (6)")
    parser.add_argument("--rate", type=float, default=150, help="interactive requests a second (150)")
    parser.add_argument("--no-round-trips", action="store_true", help="leave out the jobs of one item")
    parser.add_argument("--repository", type=Path, default=ROOT / "model_repository", help="the model repository")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the report goes")
    parser.add_argument(
        "--set", action="append", default=[], type=lambda text: text.split("=", 1), help="NAME=VALUE for all processes"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

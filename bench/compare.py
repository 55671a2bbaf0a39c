"""``python -m bench.compare --against REF``: the api of this working tree (A) beside that of another (B).

Both run on this environment's packages, in front of the same Triton. Each round starts, loads and stops both once, in
the order A B, B A, A B, …, so that drift of the machine affects both alike; a ratio is formed within a round.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench import model, processes, tools, wrk
from bench.contenders.catalogue import WORKERS, own_programs
from bench.errors import BenchError, StartFailed
from bench.paths import LOGS, ROOT, RUN
from bench.process import Server, clean_env, free_port
from bench.stage import PATIENCE_S, Running, ask, start_triton
from bench.statistics import ratios, spread

_WARM_UP_S = 3
_CONNECTIONS = 64
Figures = dict[str, float]


@contextmanager
def checkout(reference: str) -> Iterator[Path]:
    """Yield a folder as it is, or the tree of a commit in a temporary git worktree.

    Raises:
        StartFailed: There is neither such a folder nor such a commit.
    """
    if Path(reference).is_dir():
        yield Path(reference).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="bench-compare-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", str(tree), reference)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"git {' '.join(arguments)}: {done.stderr.strip()[-300:]}")


@contextmanager
def serving(name: str, tree: Path, settings: Mapping[str, str], body: bytes) -> Iterator[tuple[Server, str]]:
    """Serve a tree's api; yield its processes and the URL of ``POST /predict``."""
    source, port = tree / "services/api/src", free_port()
    # Commits up to cd635b0 have a flat package.
    package = "api.server" if (source / "api/server").is_dir() else "api"
    argv = [str(own_programs() / "gunicorn"), "--config", f"python:{package}.gunicorn_conf", "api.asgi:app"]
    env = clean_env(own_programs(), PYTHONPATH=str(source), API_PORT=str(port), API_WORKERS=WORKERS, API_UNREADY_S="0")
    env |= {"API_METRICS_DIR": str(RUN / f"compare-{name}-metrics"), **settings}
    api = Server(argv, LOGS / f"compare-{name}.log", env, tree)
    url = f"http://127.0.0.1:{port}/predict"
    try:
        api.wait_until(lambda: ask(url, body) is not None, PATIENCE_S)
        yield api, url
    finally:
        api.stop()


def measure(api: Server, target: wrk.Target, seconds: float) -> Figures:
    """Return requests/s and p99 of 64 connections, a single client's p50, and a worker's memory after that."""
    tool = tools.wrk()
    wrk.run(tool, target, _WARM_UP_S, connections=_CONNECTIONS)
    closed = wrk.run(tool, target, seconds, connections=_CONNECTIONS)
    lone = wrk.run(tool, target, max(2, seconds / 2), connections=1)
    memory = {f"{kind}_mb": size / 2**20 for kind, size in processes.worker_memory_bytes(api).items()}
    return {"requests_per_s": closed.rate, "p99_ms": closed.p99_ms, "lone_p50_ms": lone.p50_ms, **memory}


def report(rounds: list[dict[str, Figures]]) -> str:
    """Return medians (smallest to largest) of each figure, and of its ratio A / B within a round."""
    lines = [f"{'':16}{'A':>27}{'B':>27}{'A / B':>27}"]
    for figure in rounds[0]["A"]:
        a, b = ([each[name][figure] for each in rounds] for name in ("A", "B"))
        found = [spread(values) for values in (a, b, ratios(a, b))]
        cells = [f"{f.median:,.3f} ({f.low:,.3f}–{f.high:,.3f})" for f in found if f is not None]
        lines.append(f"{figure:16}" + "".join(f" {cell:>26}" for cell in cells))
    return "\n".join(lines)


def run(args: argparse.Namespace, other: Path) -> list[dict[str, Figures]]:
    """Measure both trees in every round."""
    served = model.load(args.repository)
    bodies = wrk.write_bodies(RUN / "bodies/single", [sample.json_body for sample in served.samples])
    variants = [("A", ROOT, dict(args.set)), ("B", other, dict(args.set_against))]
    rounds: list[dict[str, Figures]] = []
    stage = Running("compare")
    try:
        start_triton(stage, served.repository, model.NAME, {})
        for number in range(args.rounds):
            rounds.append({})
            for name, tree, settings in variants[:: -1 if number % 2 else 1]:
                settings["API_TRITON_URL"] = stage.triton_grpc
                with serving(name, tree, settings, served.samples[0].json_body) as (api, url):
                    figures = rounds[-1][name] = measure(api, wrk.Target(url, bodies), args.seconds)
                print(number + 1, name, *(f"{figure}={value:.2f}" for figure, value in figures.items()), flush=True)
    finally:
        for server in stage.servers:
            server.stop()
    return rounds


def main() -> int:
    """Measure and print; 2 where something couldn't be measured."""
    args = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of every `finally`
    try:
        with checkout(args.against) as other:
            print(report(run(args, other)))
    except BenchError as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("--against", required=True, help="a commit, or a folder with another working tree")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (5)")
    parser.add_argument("--seconds", type=float, default=6, help="of load with 64 connections in a measurement (6)")
    parser.add_argument("--repository", type=Path, default=ROOT / "model_repository", help="the model repository")
    for flag, name in (("--set", "A"), ("--set-against", "B")):
        parser.add_argument(
            flag, action="append", default=[], type=lambda text: text.split("=", 1), help=f"NAME=VALUE for {name}"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())

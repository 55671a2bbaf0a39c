"""What a server's processes use: processor time by role, memory, and each worker's share of the requests.

All of it is read from outside, from ``/proc`` and from the counters that the api keeps in files anyway: nothing is
added to the way of a request.
"""

import json
import resource
import statistics
from collections import Counter
from pathlib import Path

import psutil
from prometheus_client.mmap_dict import MmapedDict

from bench.process import Server
from bench.stage import Running

_ROUTE = "/predict"


def processor_seconds(scene: Running) -> dict[str, float]:
    """Return seconds of processor time by role, so far; the generator's are those of its runs that have ended."""
    used: Counter[str] = Counter()
    for server in scene.servers:
        for process in server.family():
            try:
                times = process.cpu_times()
                used[_role_of(scene, server, process)] += times.user + times.system
            except psutil.NoSuchProcess:
                continue
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    used["generator"] = children.ru_utime + children.ru_stime
    return dict(used)


def _role_of(scene: Running, server: Server, process: psutil.Process) -> str:
    if server is scene.api:
        return "api master" if process.pid == server.process.pid else "api workers"
    return "tritonserver" if process.pid == server.process.pid else "backend stubs"


def memory_bytes(server: Server) -> dict[str, int]:
    """Return what the server's processes hold together: PSS counts what they share once, RSS once each."""
    full = [process.memory_full_info() for process in server.family()]
    return {"pss": sum(info.pss for info in full), "rss": sum(info.rss for info in full)}


def worker_memory_bytes(server: Server) -> dict[str, int]:
    """Return the median PSS and RSS of a server's workers, the children of its first process."""
    full = [process.memory_full_info() for process in server.family()[1:]]
    return {kind: round(statistics.median([getattr(info, kind) for info in full])) for kind in ("pss", "rss")}


def requests_by_worker(metrics_dir: Path) -> dict[str, float]:
    """Return the finished requests of each worker process, by its id, out of its Prometheus file."""
    counts = {}
    for file in sorted(metrics_dir.glob("counter_*.db")):
        counts[file.stem.removeprefix("counter_")] = sum(
            value for key, value, *_ in MmapedDict.read_all_values_from_file(str(file)) if _is_request(key)
        )
    return counts


def busiest_share(before: dict[str, float], after: dict[str, float]) -> float | None:
    """Return the largest worker's share of the requests between two looks (0–1), or None if there were none."""
    done = [count - before.get(worker, 0) for worker, count in after.items()]
    return max(done) / sum(done) if sum(done) > 0 else None


def _is_request(key: str) -> bool:
    _, name, labels, *_ = json.loads(key)
    return bool(name == "api_requests_total" and labels.get("route") == _ROUTE)

"""Whatever comes in, the real api answers soundly, keeps its workers and gives back its memory; `make fuzz` for more.

Everything is seeded and the same each time, unless ``FUZZ_FACTOR`` asks for more of it, with other seeds.
"""

import random
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from tests.fuzz.assault import IMAGE, PNG, Assault
from tests.fuzz.ledger import Ledger
from tests.fuzz.workers import Workers
from tests.support.api_server import ApiServer
from tests.support.bad_images import MARATHONS
from tests.support.fuzzing import FACTOR

pytestmark = pytest.mark.timeout(300 * FACTOR)
SEED = 1 if FACTOR == 1 else random.SystemRandom().randrange(2**31)
# Of a worker, between the first round of everything and the last: what one of the largest bodies takes.
MAX_GROWTH_MIB = 24
# Beyond what it has when nothing happens: the costliest image, one at a time.
MAX_PEAK_MIB = 450


@pytest.fixture(scope="module")
def target(tmp_path_factory, triton, trainer, request):
    """An api with little patience for its clients, and time enough for what is merely large."""
    folder = tmp_path_factory.mktemp("bad-input")
    patience = {"API_CLIENT_TIMEOUT_S": "1", "API_DEADLINE_S": "30", "API_LOG_FORMAT": "json"}
    with ApiServer(folder / "api", triton.grpc_url, **patience) as api:
        api.wait_ready()
        ledger, workers = Ledger(), Workers(api.pid)
        target = SimpleNamespace(
            api=api, ledger=ledger, workers=workers, folder=folder, by_schema=0, memory=[], pids=workers.pids(),
            assault=Assault(api.port, ledger),
        )  # fmt: skip
        assert target.assault.post(PNG, "good", **IMAGE) == 200
        yield target
        _report(target, request.config)


def _report(target, config) -> None:
    by_class = Counter(f"{status // 100}xx" for status in target.ledger.statuses.elements())
    lines = [
        f"bad input, seed {SEED}: {target.by_schema} requests by schemathesis, all sound; "
        f"{target.ledger.statuses.total()} others answered with {dict(sorted(target.ledger.statuses.items()))}, "
        f"by class {dict(sorted(by_class.items()))}; {target.ledger.unanswered} that waited for more unanswered",
        *(f"  {what}: {_rounded(figures)}" for what, figures in target.memory),
        f"  workers before {target.pids}, after {target.workers.pids()}",
    ]
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        config.get_terminal_writer().line("\n" + "\n".join(lines))


def _rounded(figures: dict[int, float]) -> str:
    return ", ".join(f"worker {pid} {figure:.0f} MiB" for pid, figure in figures.items())


def test_every_route_keeps_to_its_schema(target):
    target.by_schema = target.assault.by_schema(target.folder, 10 * FACTOR, SEED)
    assert target.by_schema > 200


def test_what_is_no_http_is_answered_like_any_error(target):
    target.assault.wire()


def test_slow_clients_are_told_so_and_let_go_while_others_are_served(target):
    target.assault.slow(copies=4 * FACTOR if FACTOR < 5 else 20, seconds=30)


def test_bodies_without_end_are_refused_at_the_ceiling(target):
    target.assault.endless()


def test_half_closed_connections_break_nothing(target):
    target.assault.half_closed()


def test_damaged_requests_are_answered_soundly(target):
    target.assault.damaged(60 * FACTOR, SEED)


def test_a_file_that_takes_long_doesn_t_hold_up_others(target):
    done, waits = threading.Event(), []

    def ask() -> None:
        with httpx.Client(base_url=target.api.url, timeout=30) as client:
            while not done.is_set():
                start = time.monotonic()
                assert client.get("/health/live").status_code == 200
                waits.append(time.monotonic() - start)
                time.sleep(0.02)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    senders = [
        threading.Thread(target=target.assault.post, args=(MARATHONS[name](2**21), name), kwargs=IMAGE)
        for name in ("jpeg, fill bytes", "jpeg, markers", "png, empty chunks", "jpeg, restarts")
    ]
    for thread in askers + senders:
        thread.start()
    for thread in senders:
        thread.join()
    done.set()
    for thread in askers:
        thread.join()
    assert len(waits) > 20
    # Read in the event loop, each of these took a worker over a second, one after the other.
    assert sorted(waits)[int(len(waits) * 0.95)] < 0.5


def test_rounds_of_everything_lose_no_worker_and_no_memory(target):
    def round_of(number: int) -> None:
        target.assault.images(2**21 if FACTOR > 1 else 2**18)
        target.assault.bodies()
        if FACTOR > 1:  # else the tests before were enough of that
            target.assault.wire()
            target.assault.damaged(60, SEED + number)

    round_of(0)  # what is imported, cached and pooled along the way comes with the first
    before = target.workers.pss_mib()
    target.workers.forget_peaks()
    for number in range(1, 1 + FACTOR):
        round_of(number)
    target.assault.bombs_at_once(6)
    peaks = target.workers.peaks_mib()
    time.sleep(1)
    after = target.workers.pss_mib()
    target.memory += [("after the first round", before), ("after the last", after), ("at most between", peaks)]
    assert target.workers.pids() == target.pids, "a worker was lost"
    for pid, mib in after.items():
        assert mib - before[pid] < MAX_GROWTH_MIB, f"worker {pid} has grown from {before[pid]:.0f} to {mib:.0f} MiB"
        assert peaks[pid] - before[pid] < MAX_PEAK_MIB, f"worker {pid} needed {peaks[pid]:.0f} MiB"


def test_nothing_of_all_this_was_a_bug_to_the_api(target):
    log = Path(target.api.log).read_text(errors="replace")
    assert '"level":"error"' not in log, [line for line in log.splitlines() if '"level":"error"' in line][:3]
    assert "Traceback" not in log
    assert target.assault.post(PNG, "good", **IMAGE) == 200

"""All faults, in the order of a run."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from chaos.faults import overload, publishing, releases, replicas, triton, workers
from chaos.repository import MODEL_FILES
from chaos.result import Result
from chaos.scenario import Scenario


class Fault(NamedTuple):
    """A fault.

    Attributes:
        name: On the command line.
        title: In the table.
        inject: Injects the fault, repairs it, and adds figures and violations to the result.
        is_short: Whether the short form has it; faults of other end-to-end tests are left to those.
        tritons: Number of Tritons that the API calls.
        is_relayed: Whether it reaches them through relays that can delay their answers.
    """

    name: str
    title: str
    inject: Callable[[Scenario, Result], Awaitable[None]]
    is_short: bool = False
    tritons: int = 1
    is_relayed: bool = False


FAULTS = (
    Fault("triton-hung", "Triton suspended (SIGSTOP), continued (SIGCONT)", triton.hung, is_short=True),
    Fault("triton-killed", "Triton killed (SIGKILL), started again", triton.killed),
    Fault("backend-hung", "Triton's backend processes suspended, Triton restarted", triton.backend_hung),
    Fault("backend-killed", "Triton's backend processes killed, Triton restarted", triton.backend_killed),
    Fault("triton-wrong", "a version with wrong answers served, then rolled back", triton.wrong, is_short=True),
    Fault("workers-replaced", "HUP: all workers replaced", workers.replaced, is_short=True),
    Fault("workers-changed", "TTOU, TTIN: one worker fewer, one more", workers.fewer_and_more),
    Fault("worker-killed", "a worker killed (SIGKILL)", workers.killed, is_short=True),
    Fault("reloaded", "a new version loaded, then rolled back", releases.reloaded),
    Fault("tampered", "a copy of the served model with one bit changed, loaded", releases.tampered, is_short=True),
    *(
        Fault(f"truncated-{kind}", f"{file} cut in half, loaded", partial(releases.truncated, kind=kind))
        for kind, file in MODEL_FILES.items()
    ),
    *(
        Fault(f"tampered-{kind}", f"{file} with one bit changed, loaded", partial(releases.tampered, kind=kind))
        for kind, file in MODEL_FILES.items()
    ),
    Fault("publish-killed", "the trainer killed (SIGKILL) before each step of a publish", publishing.killed),
    Fault("disk-full", "the disk filled before each step of a publish (tmpfs)", publishing.disk_full),
    Fault("read-only", "publish and rollback on a read-only file system", publishing.read_only),
    Fault("two-trainers", "two trainers at the same time", publishing.two_at_once),
    Fault("overload", "overload: 4 × the connections of saturation", overload.saturated, is_short=True),
    Fault("overflow", "overload: 2 × the workers' concurrency limit", overload.overflowing),
    Fault("api-stopped", "TERM: the API stopped", workers.stopped, is_short=True),
    Fault("replica-stopped", "one of two Tritons restarted (SIGTERM)", replicas.stopped, is_short=True, tritons=2),
    Fault("replica-killed", "one of two Tritons killed (SIGKILL), restarted", replicas.killed, tritons=2),
    Fault(
        "replica-hung",
        "one of two Tritons suspended (SIGSTOP) with its backend processes, continued (SIGCONT)",
        replicas.hung,
        is_short=True,
        tritons=2,
    ),
    Fault(
        "replica-backend-hung",
        "backend processes of one of two Tritons suspended, continued",
        replicas.backend_hung,
        tritons=2,
    ),
    Fault(
        "replica-slow",
        f"answers of one of two Tritons delayed by {replicas.DELAY_S:g} s",
        replicas.slow,
        tritons=2,
        is_relayed=True,
    ),
)

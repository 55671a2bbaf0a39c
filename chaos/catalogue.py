"""Every fault, in the order in which they are tried: those with one Triton first, then those with two."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from chaos.faults import overload, publishing, releases, replicas, triton, workers
from chaos.row import Row
from chaos.scene import Scene
from chaos.stack import Api
from modelrepo.formats import FORMATS


class Fault(NamedTuple):
    """One thing that is broken.

    Attributes:
        name: On the command line.
        play: Breaks it, mends it, and says what came of it.
        is_short: Whether the short form has it; what another end-to-end test breaks as well is left to that.
        settings: What the api is started with for it; None plays on the api that runs all the time.
        tritons: How many Tritons that api asks.
    """

    name: str
    play: Callable[..., Awaitable[Row]]
    is_short: bool = False
    settings: dict[str, str] | None = None
    tritons: int = 1


FAULTS = (
    Fault("triton-hung", triton.hung, is_short=True),
    Fault("triton-dead", triton.dead),
    Fault("backend-hung", triton.backend_hung),
    Fault("backend-killed", triton.backend_killed),
    Fault("triton-wrong", triton.wrong, is_short=True),
    Fault("hup", workers.replaced, is_short=True),
    Fault("ttou", workers.fewer_and_more),
    Fault("worker-killed", workers.killed, is_short=True),
    Fault("reload", releases.reloaded),
    Fault("tampered", releases.tampered, is_short=True),
    *(Fault(f"truncated-{kind}", partial(releases.truncated, kind=kind)) for kind in FORMATS),
    *(Fault(f"tampered-{kind}", partial(releases.tampered, kind=kind)) for kind in FORMATS),
    Fault("publish-killed", publishing.killed),
    Fault("disk-full", publishing.disk_full),
    Fault("read-only", publishing.read_only),
    Fault("two-trainers", publishing.two_at_once),
    Fault("overload", overload.saturated, is_short=True, settings={}),
    Fault("overflow", overload.overflowing, settings={}),
    Fault("term", workers.stopped, is_short=True, settings={}),
    Fault("replica-restarted", replicas.restarted, is_short=True, settings={}, tritons=2),
    Fault("replica-killed", replicas.killed, settings={}, tritons=2),
)


async def play(fault: Fault, scene: Scene) -> Row:
    """Play a fault, on an api of its own where it wants one."""
    if fault.settings is None:
        return await fault.play(scene)
    api = Api(f"api-{fault.name}", scene.tritons[: fault.tritons], scene.folder, **fault.settings)
    try:
        await api.start_serving()
        return await fault.play(scene, api)
    finally:
        await api.stop()

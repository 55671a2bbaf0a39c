"""One of two Tritons behind one address is restarted."""

import signal
import time

from chaos.row import Row
from chaos.scene import Scene
from chaos.stack import Api


async def restarted(scene: Scene, api: Api) -> Row:
    """Tell one of two Tritons to stop, and start it again."""
    return await _restart(scene, api, signal.SIGTERM)


async def killed(scene: Scene, api: Api) -> Row:
    """Kill one of two Tritons with -9, and start it again."""
    return await _restart(scene, api, signal.SIGKILL)


async def _restart(scene: Scene, api: Api, number: signal.Signals) -> Row:
    row = Row(f"one of two Tritons restarted ({number.name.removeprefix('SIG')})")
    victim = scene.tritons[1]
    async with scene.under_load(row, api) as (load, probe):
        since = time.monotonic()
        victim.send(number)
        await victim.end()
        if left := await victim.bury():
            row.notes.append(f"{left} backend processes had to be ended by hand")
        await load.answered(200)
        await victim.start_serving()
        row.recovered_s = time.monotonic() - since
        await load.answered(200)
    row.none_failed(load.tally)
    row.stayed_ready(probe.said())
    row.notes.append(f"slowest answer {load.tally.slowest_s():.1f} s")
    return row

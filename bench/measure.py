"""The measurements of one contender in one round, each a dict that goes into the JSON report as it is."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bench import perf_analyzer, processes, wrk
from bench.correctness import binary_request, infer_url
from bench.errors import BenchError
from bench.model import NAME, Model
from bench.paths import RUN
from bench.plan import Plan
from bench.stage import Running
from bench.tools import Tool
from bench.wrk import Load, Target

Figures = dict[str, Any]


class Kit(NamedTuple):
    """What measuring takes."""

    plan: Plan
    wrk: Tool
    perf_analyzer: Tool | None  # None where it can't be had: Triton is then asked over HTTP alone
    single: Path  # bodies of POST /predict
    batch: Path  # bodies of POST /predict/batch
    rows: Path  # bodies of Triton's own HTTP call
    row_headers: dict[str, str]


def pack(plan: Plan, model: Model, wrk_tool: Tool, perf_analyzer_tool: Tool | None) -> Kit:
    """Write the request bodies and return everything that measuring takes."""
    images = [json.loads(sample.json_body)["image"] for sample in model.samples]
    rows = [binary_request(image[None], binary_answer=True) for image in model.images_u8]
    calls = [(images[i:] + images[:i]) * math.ceil(plan.batch_images / len(images)) for i in range(0, len(images), 4)]
    return Kit(
        plan=plan,
        wrk=wrk_tool,
        perf_analyzer=perf_analyzer_tool,
        single=wrk.write_bodies(RUN / "bodies/single", [sample.json_body for sample in model.samples]),
        batch=wrk.write_bodies(
            RUN / "bodies/batch", [json.dumps({"images": call[: plan.batch_images]}).encode() for call in calls]
        ),
        rows=wrk.write_bodies(RUN / "bodies/rows", [body for body, _ in rows]),
        row_headers=rows[0][1],
    )


def figures_of(load: Load) -> Figures:
    """Return a load as a dict, its rate included."""
    return {**load._asdict(), "rate": load.rate}


def app(kit: Kit, scene: Running) -> Figures:
    """Measure an HTTP contender: the closed loop, and a single client."""
    target = Target(scene.url, kit.single)
    wrk.run(kit.wrk, target, kit.plan.warm_up_s, connections=kit.plan.connections)
    closed = wrk.run(kit.wrk, target, kit.plan.seconds, connections=kit.plan.connections)
    lone = _lone(kit, target)
    return {"closed": figures_of(closed), "lone": figures_of(lone)}


def ours(kit: Kit, scene: Running) -> Figures:
    """Measure the stack as any other contender, and the further figures that its goals need."""
    plan, target = kit.plan, Target(scene.url, kit.single)
    wrk.run(kit.wrk, target, plan.warm_up_s, connections=plan.connections)
    spent, counted = processes.processor_seconds(scene), processes.requests_by_worker(scene.metrics_dir)
    psutil.cpu_times_percent()  # the next call speaks of the time since this one
    closed = wrk.run(kit.wrk, target, plan.seconds, connections=plan.connections)
    idle = psutil.cpu_times_percent().idle
    after = processes.processor_seconds(scene)
    share = processes.busiest_share(counted, processes.requests_by_worker(scene.metrics_dir))
    lone = _lone(kit, target)
    rate = closed.rate / 2
    return {
        "closed": figures_of(closed),
        "busiest_share": share,
        "idle_percent": idle,
        "processor_us_a_request": {
            role: (after[role] - spent.get(role, 0)) * 1e6 / closed.requests for role in sorted(after)
        },
        "lone": figures_of(lone),
        "paced_at": rate,
        "paced": _try(lambda: wrk.run(kit.wrk, target, plan.seconds, connections=plan.paced_connections, rate=rate)),
        "batch": _batch(kit, scene),
    }


def triton(kit: Kit, scene: Running, paced_at: float | None) -> Figures:
    """Measure Triton alone through gRPC and HTTP.

    Args:
        kit: What measuring takes.
        scene: Triton.
        paced_at: Rows a second of the paced measurement, which are the stack's; None leaves it out.
    """
    plan = kit.plan
    target = Target(infer_url(scene.triton_http), kit.rows, kit.row_headers)
    wrk.run(kit.wrk, target, plan.warm_up_s, connections=plan.connections)
    figures = {
        "closed_http": _try(lambda: wrk.run(kit.wrk, target, plan.seconds, connections=plan.connections)),
        "lone_http": _try(lambda: _lone(kit, target)),
    }
    if paced_at is not None:
        figures["paced_http"] = _try(
            lambda: wrk.run(kit.wrk, target, plan.seconds, connections=plan.paced_connections, rate=paced_at)
        )
    if kit.perf_analyzer is not None:
        figures |= _triton_grpc(kit, kit.perf_analyzer, scene.triton_grpc, paced_at)
    return figures


def memory(kit: Kit, scene: Running) -> Figures:
    """Load the stack until it has answered many requests, and look at the api's memory twice."""
    assert scene.api is not None
    looks: Figures = {}
    done = 0
    for goal in (kit.plan.memory_first, kit.plan.memory_last):
        while done < goal:
            done += wrk.run(kit.wrk, Target(scene.url, kit.single), 5, connections=kit.plan.connections).requests
        time.sleep(1)  # what is in flight ends
        looks[f"after_{goal}"] = {"requests": done, **processes.memory_bytes(scene.api)}
    first, last = looks[f"after_{kit.plan.memory_first}"], looks[f"after_{kit.plan.memory_last}"]
    return {**looks, "growth": last["pss"] / first["pss"]}


def _lone(kit: Kit, target: Target) -> Load:
    """Measure a single client, once the connections of the load before have closed."""
    wrk.run(kit.wrk, target, 1, connections=1)
    return wrk.run(kit.wrk, target, kit.plan.seconds / 2, connections=1)


def _batch(kit: Kit, scene: Running) -> Figures:
    plan, target = kit.plan, Target(f"{scene.url}/batch", kit.batch)
    figures = _try(lambda: wrk.run(kit.wrk, target, plan.seconds, connections=plan.batch_connections))
    if "rate" in figures:
        figures["images_rate"] = figures["rate"] * plan.batch_images
    return figures


def _triton_grpc(kit: Kit, tool: Tool, url: str, paced_at: float | None) -> Figures:
    plan = kit.plan
    figures = {
        "closed_grpc": _try(lambda: perf_analyzer.run(tool, url, NAME, plan.seconds, concurrency=plan.connections)),
        "lone_grpc": _try(lambda: perf_analyzer.run(tool, url, NAME, plan.seconds / 2, concurrency=1)),
    }
    if paced_at is not None:
        figures["paced_grpc"] = _try(lambda: perf_analyzer.run(tool, url, NAME, plan.seconds, rate=paced_at))
    return figures


def _try(load: Callable[[], Load]) -> Figures:
    """Return a load's figures, or why there are none: one that fails mustn't cost the others."""
    try:
        return figures_of(load())
    except BenchError as exc:
        return {"error": str(exc)}

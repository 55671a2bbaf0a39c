"""Measures the Compose stack's images: size, user, and seconds from a container's start to healthy, or to its end.

    docker compose build && python scripts/measure_images.py

Prints the Markdown table of docs/operations.md. Needs a Docker engine and a published model, so that no training runs
in between. Starts the stack three times under a project name and on ports of its own, and removes it afterwards.
"""

import os
import statistics
import subprocess
import time
from collections import defaultdict
from pathlib import Path

import docker
from docker.client import DockerClient

ROOT = Path(__file__).resolve().parents[1]
PROJECT = f"measure-images-{os.getpid()}"
PORTS = ("API_PORT", "LOADGEN_WEB_PORT", "TRITON_METRICS_PORTS")
ROUNDS = 3
ENDS = ("health_status: healthy", "die")


def main() -> None:
    """Start the stack ROUNDS times, and print the table."""
    client = docker.from_env()
    images: dict[str, str] = {}
    times_s: dict[str, list[float]] = defaultdict(list)
    ups_s: list[float] = []
    for _ in range(ROUNDS):
        began = time.time()
        try:
            compose("up", "--detach")
            ups_s.append(time.time() - began)
            for service, seconds in durations(client, began).items():
                times_s[service].append(seconds)
            for container in client.containers.list(all=True, filters={"label": label()}):
                images[container.labels["com.docker.compose.service"]] = container.image.id
        finally:
            compose("down", "--volumes", "--timeout", "20")
    print("| service | image | user | start to healthy, median of 3 |")
    print("|---|---:|---|---:|")
    for service, image_id in sorted(images.items()):
        image = client.images.get(image_id)
        user = image.attrs["Config"]["User"] or "0:0"
        seconds = f"{statistics.median(times_s[service]):.1f} s" if service in times_s else "–"
        print(f"| {service} | {image.attrs['Size'] / 1e6:,.0f} MB | {user} | {seconds} |")
    print(f"\n`up` with images and a model, until the last container has started: {statistics.median(ups_s):.1f} s")


def compose(*arguments: str) -> None:
    """Run Compose in the checkout, v2 if it is installed."""
    has_v2 = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode == 0
    command = ["docker", "compose"] if has_v2 else ["docker-compose"]
    env = os.environ | dict.fromkeys(PORTS, "0") | {"COMPOSE_PROJECT_NAME": PROJECT}
    subprocess.run([*command, *arguments], cwd=ROOT, env=env, check=True, capture_output=True)


def label() -> str:
    """Return the label that Compose puts on this project's containers."""
    return f"com.docker.compose.project={PROJECT}"


def durations(client: DockerClient, since_s: float) -> dict[str, float]:
    """Return the seconds from each service's start to its first healthy check, or to its end."""
    started: dict[str, int] = {}
    took_s: dict[str, float] = {}
    filters = {"label": label(), "event": ["start", "die", "health_status"]}
    for event in client.events(since=int(since_s), until=int(time.time()) + 1, filters=filters, decode=True):
        service = event["Actor"]["Attributes"]["com.docker.compose.service"]
        if event["Action"] == "start":
            started.setdefault(service, event["timeNano"])
        elif event["Action"] in ENDS and service in started:
            took_s.setdefault(service, (event["timeNano"] - started[service]) / 1e9)
    return took_s


if __name__ == "__main__":
    main()

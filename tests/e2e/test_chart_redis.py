"""The chart's own Redis, started by the command that helm draws, with other folders and another port."""

import shutil
from pathlib import Path

import pytest
from redis import AuthenticationError, Redis, RedisError

from tests.support.helm import CHARTS, drawn, one
from tests.support.process import Process, clean_env, free_port, wait_until
from tests.support.redis_server import RedisServer

PASSWORD = "of-the-tests"


def process(folder: Path, port: int) -> Process:
    """Return the chart's container as a process."""
    deployment = one(drawn("stack", CHARTS / "stack/values-jobs.yaml"), "Deployment", "stack-redis")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    [script] = container["args"]
    script = script.replace("/tmp/", f"{folder}/").replace("/data", f"{folder}/data")
    script = script.replace("--port 6379", f"--port {port} --bind 127.0.0.1")
    path = f"{Path(shutil.which('redis-server') or '').parent}:/usr/bin:/bin"
    env = clean_env() | {"REDISCLI_AUTH": PASSWORD, "PATH": path}
    return Process([*container["command"], script], folder / "redis.log", env, folder)


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def test_it_asks_for_the_password_evicts_nothing_and_keeps_data_over_a_restart(tmp_path: Path):
    RedisServer(tmp_path / "unused")  # skips without a redis-server
    (tmp_path / "data").mkdir()
    port = free_port()
    with Redis(port=port, password=PASSWORD, decode_responses=True) as client:
        for start in (1, 2):
            with process(tmp_path, port) as redis:
                wait_until(lambda: answers(client), 10, "redis-server")
                assert PASSWORD not in Path(f"/proc/{redis.pid}/cmdline").read_text()
                assert client.incr("starts") == start
                assert client.config_get("maxmemory")["maxmemory"] == str(1 << 30)
                assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
                with pytest.raises(AuthenticationError), Redis(port=port, password="wrong") as stranger:
                    stranger.ping()

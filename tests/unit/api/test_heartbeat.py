import os
import subprocess
import sys
import time

from api.jobs.heartbeat import fault_of, note


def test_a_worker_that_swept_just_now_works(tmp_path):
    file = tmp_path / "heartbeat"
    note(file, working=True)
    assert fault_of(file) is None
    assert fault_of(file, live=True) is None


def test_a_worker_that_waits_for_redis_lives_and_does_not_work(tmp_path):
    file = tmp_path / "heartbeat"
    note(file, working=False)
    assert fault_of(file) == "waiting for Redis"
    assert fault_of(file, live=True) is None


def test_a_worker_that_has_not_begun_or_has_stopped_sweeping_does_neither(tmp_path):
    file = tmp_path / "heartbeat"
    assert "can't be read" in (fault_of(file) or "")
    note(file, working=True)
    before = time.time() - 20
    os.utime(file, (before, before))
    for live in (False, True):
        assert "last sweep" in (fault_of(file, live=live) or "")


def test_the_command_tells_by_its_exit_code(tmp_path):
    file = tmp_path / "heartbeat"

    def ask(*args: str) -> int:
        command = [sys.executable, "-m", "api.jobs.heartbeat", *args]
        return subprocess.run(command, env=os.environ | {"API_JOBS_HEARTBEAT_FILE": str(file)}, check=False).returncode

    assert ask() == 1
    note(file, working=False)
    assert (ask(), ask("live")) == (1, 0)
    note(file, working=True)
    assert ask() == 0

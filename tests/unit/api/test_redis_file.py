"""gunicorn's master is told to replace its workers once Redis' address is there, and nothing else happens to it."""

import subprocess
import sys

PROGRAM = """
import signal, sys, time
from pathlib import Path
from api.server import redis_file

redis_file._PERIOD_S = 0.05
file = Path(sys.argv[1])
signal.signal(signal.SIGHUP, lambda *_: print("HUP", flush=True))
redis_file.reload_once_there(file)


class SlowEnd:
    def __del__(self, sleep=time.sleep):
        sleep(0.5)


kept = SlowEnd()
time.sleep(0.3)
if len(sys.argv) > 2:
    file.touch()
    time.sleep(0.3)
"""


def run(*args: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", PROGRAM, *args], capture_output=True, text=True, timeout=30)


def test_one_hup_once_the_file_is_there(tmp_path):
    ended = run(str(tmp_path / "url"), "add it")
    assert (ended.returncode, ended.stdout) == (0, "HUP\n"), ended.stderr


def test_a_master_that_takes_its_time_to_exit_isnt_killed_by_the_timer(tmp_path):
    ended = run(str(tmp_path / "url"))
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr

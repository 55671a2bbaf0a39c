"""A backend process whose server was killed ends, although its main thread waits for a lock that is never released."""

import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

BACKENDS = Path(__file__).parents[3] / "services/triton/backends"
# Like Triton's stub: shares memory with its server, and waits for a lock without the GIL.
STUB = """
import mmap, sys, threading
sys.path.insert(0, sys.argv[1])
from python_backend import orphan
orphan._PAUSE_S = orphan._GRACE_S = 0.05
orphan.end_with_server()
file = open(sys.argv[2], "w+b")
file.truncate(4096)
memory = mmap.mmap(file.fileno(), 4096)
print("waits", flush=True)
lock = threading.Lock()
lock.acquire()
lock.acquire()
"""
SERVER = """
import subprocess, sys, time
stub = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], stdout=subprocess.PIPE, text=True)
print(stub.stdout.readline().strip(), stub.pid, flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_ends_and_removes_the_shared_memory_only_after_its_server_was_killed():
    region = Path(f"/dev/shm/triton_orphan_test_{uuid.uuid4().hex}")
    argv = [sys.executable, "-c", SERVER, STUB, str(BACKENDS), str(region)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            word, pid = server.stdout.readline().split()
            assert word == "waits"
            time.sleep(0.5)
            assert is_running(int(pid))
            assert region.exists()
            server.send_signal(signal.SIGKILL)
            server.wait(10)
            end = time.monotonic() + 20
            while is_running(int(pid)) and time.monotonic() < end:
                time.sleep(0.02)
            assert not is_running(int(pid))
            assert not region.exists()
        finally:
            server.kill()
            region.unlink(missing_ok=True)

"""Waits until the api is ready, prints the stack's addresses, and then sleeps until it is stopped."""

import os
import signal
import ssl
import sys
import time
import urllib.error
import urllib.request

TIMEOUT_S = 180
WORKERS = int(os.environ.get("API_WORKERS") or len(os.sched_getaffinity(0)))
# Each new connection is accepted by one worker. If all accept equally often, five connections for each worker miss a
# worker that isn't ready yet with a probability below 1 %.
ANSWERS = 5 * WORKERS
SCHEME = "https" if os.environ.get("API_TLS_CERT_FILE") else "http"
API = f"{SCHEME}://127.0.0.1:{os.environ.get('API_PORT', '8888')}"
KEY = " -H 'x-api-key: …'" if os.environ.get("API_KEYS") or os.environ.get("API_KEYS_FILE") else ""
# The connection stays on loopback, and the certificate may name another host.
UNVERIFIED = ssl._create_unverified_context()  # noqa: SLF001 - the only short name for it

ADDRESSES = f"""
  Ready.
    draw a digit     {API}/
    models           {API}/models
    API              {API}/docs
    load test        http://127.0.0.1:{os.environ.get("LOADGEN_WEB_PORT", "8089")}/
    Triton's metrics http://127.0.0.1:{os.environ.get("TRITON_METRICS_PORT", "8002")}/metrics
    try              curl --data-binary @docs/digit.png -H 'content-type: image/png'{KEY} {API}/predict
  Ctrl-C stops all processes.
"""


def is_ready() -> bool:
    """Say whether every worker of the api, as far as the answers show, serves the model."""
    return all(answers_ready() for _ in range(ANSWERS))


def answers_ready() -> bool:
    """Say whether one worker of the api serves the model."""
    try:
        with urllib.request.urlopen(f"{API}/health/ready", timeout=5, context=UNVERIFIED):
            return True
    except (urllib.error.URLError, OSError):
        return False


def main() -> None:
    """Wait, print once, sleep: the process manager stops every process when the first one ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    deadline = time.monotonic() + TIMEOUT_S
    while not is_ready():
        if time.monotonic() > deadline:
            print(f"Not ready after {TIMEOUT_S} s: see the answer of {API}/health/ready and the log lines above.")
            break
        time.sleep(0.5)
    else:
        print(ADDRESSES, flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()

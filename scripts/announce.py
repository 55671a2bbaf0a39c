"""Waits until the stack answers, says where to look, and then stays quiet until it is stopped."""

import os
import signal
import ssl
import sys
import time
import urllib.error
import urllib.request

PATIENCE_S = 180
SCHEME = "https" if os.environ.get("API_TLS_CERT_FILE") else "http"
API = f"{SCHEME}://127.0.0.1:{os.environ.get('API_PORT', '8888')}"
KEY = " -H 'x-api-key: …'" if os.environ.get("API_KEYS") or os.environ.get("API_KEYS_FILE") else ""
# Whose certificate it is needn't be asked on the way to oneself.
UNVERIFIED = ssl._create_unverified_context()  # noqa: SLF001 - the only short name for it

WHERE = f"""
  Ready.
    draw a digit     {API}/
    API              {API}/docs
    load test        http://127.0.0.1:{os.environ.get("LOADGEN_WEB_PORT", "8089")}/
    Triton's metrics http://127.0.0.1:{os.environ.get("TRITON_METRICS_PORT", "8002")}/metrics
    try              curl --data-binary @docs/digit.png -H 'content-type: image/png'{KEY} {API}/predict
  Ctrl-C stops all of it.
"""


def is_ready() -> bool:
    """Say whether the api serves the model."""
    try:
        with urllib.request.urlopen(f"{API}/health/ready", timeout=5, context=UNVERIFIED):
            return True
    except (urllib.error.URLError, OSError):
        return False


def main() -> None:
    """Wait, speak once, sleep."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    deadline = time.monotonic() + PATIENCE_S
    while not is_ready():
        if time.monotonic() > deadline:
            print(f"Not ready after {PATIENCE_S} s; what {API}/health/ready answers and the lines above say why.")
            break
        time.sleep(0.5)
    else:
        print(WHERE, flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()

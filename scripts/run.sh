#!/usr/bin/env bash
# Runs the whole stack on this machine, without Docker, until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."

python scripts/preflight.py ports \
    TRITON_HTTP_PORT=8000 TRITON_GRPC_PORT=8001 TRITON_METRICS_PORT=8002 API_PORT=8888 LOADGEN_WEB_PORT=8089
python -m trainer ensure
exec honcho --env /dev/null start

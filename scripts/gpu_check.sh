#!/usr/bin/env bash
# Checks the stack on an NVIDIA GPU without Docker: trains, serves through Triton, compares devices, measures.
#
#   make gpu-check               or: scripts/with_env.sh scripts/gpu_check.sh
#   scripts/gpu_check.sh --cpu   a rehearsal of the same steps on the CPU
#
# Works on a model repository of its own in .run/gpu-check/, with the ports of .env. Exit codes: 0 every step passed,
# 1 a step failed, 2 there is no CUDA device.
set -Eeuo pipefail
cd "$(dirname "$0")/.."

device=cuda
[[ ${1:-} != --cpu ]] || device=cpu
work=$PWD/.run/gpu-check
api=http://127.0.0.1:${API_PORT:-8888}
ready_timeout_s=120

say() { step=$*; printf '\n== %s\n' "$*"; }
trap 'echo "gpu_check: failed while $step" >&2; exit 1' ERR
fail() { echo "gpu_check: $*" >&2; exit 1; }

require_device() {
    [[ $device == cpu ]] && return
    python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' && return
    echo "gpu_check: PyTorch finds no CUDA device on this machine (try nvidia-smi); --cpu rehearses the steps without one" >&2
    exit 2
}

# TorchScript on both devices: the file format that a training on CUDA publishes.
train() {
    say "training on $device"
    python -m trainer train --device "$device" --format torchscript --no-load
}

start_stack() {
    say "starting Triton and the api (log: $work/stack.log)"
    python scripts/preflight.py ports TRITON_HTTP_PORT=8000 TRITON_GRPC_PORT=8001 TRITON_METRICS_PORT=8002 API_PORT=8888
    honcho --env /dev/null start triton api >"$work/stack.log" 2>&1 &
    stack=$!
    trap stop_stack EXIT
    local deadline=$((SECONDS + ready_timeout_s))
    until python -c "from urllib.request import urlopen; urlopen('$api/health/ready', timeout=5)" 2>/dev/null; do
        kill -0 "$stack" 2>/dev/null || { tail -n 20 "$work/stack.log" >&2; fail "the stack ended before it was ready"; }
        ((SECONDS < deadline)) || { tail -n 20 "$work/stack.log" >&2; fail "not ready after $ready_timeout_s s"; }
        sleep 0.5
    done
    grep -F TRITONBACKEND_ModelInstanceInitialize "$work/stack.log" || true
    [[ $device == cpu ]] || grep -qF '(GPU device' "$work/stack.log" || fail "Triton runs the model on the CPU"
}

stop_stack() {
    kill "$stack" 2>/dev/null || true
    wait "$stack" 2>/dev/null || true
}

compare() {
    say "comparing the digits of CPU, $device and stack"
    python scripts/compare_devices.py --device "$device" --api "$api"
    [[ $device == cpu ]] || nvidia-smi --query-compute-apps=process_name,used_memory --format=csv
}

measure() {
    say "measuring with Locust until latency leaves its floor"
    python -m bench.loadtest steps --url "$api" --triton-metrics "http://127.0.0.1:${TRITON_METRICS_PORT:-8002}/metrics" \
        --start "${GPU_CHECK_USERS:-500}" --seconds 10 --results "$work"
}

require_device
mkdir -p "$work/model_repository"
export TRAINER_MODEL_REPOSITORY=$work/model_repository TRITON_MODEL_REPOSITORY=$work/model_repository
# At the default of 256 the api refuses requests before a GPU is busy (docs/gpu.md).
export API_MAX_IN_FLIGHT=${API_MAX_IN_FLIGHT:-1024}
train
start_stack
compare
measure
say "passed on $device"

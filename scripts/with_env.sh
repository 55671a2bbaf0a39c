#!/usr/bin/env bash
# Runs a command with .venv, with the variables of .env (variables of the shell override them), and with derived ones.
set -euo pipefail
cd "$(dirname "$0")/.."

export PATH="$PWD/.venv/bin:$PATH"
if [[ -f .env && -z ${STACK_ENV_READ:-} ]]; then
    export STACK_ENV_READ=1
    exec dotenv --file .env run --no-override -- scripts/with_env.sh "$@"
fi

# Derived from the ports, so that a port has to be set only once.
export TRITON_SERVER_URL="${TRITON_SERVER_URL:-127.0.0.1:${TRITON_GRPC_PORT:-8001}}"
export LOADGEN_TARGET="${LOADGEN_TARGET:-http${API_TLS_CERT_FILE:+s}://127.0.0.1:${API_PORT:-8888}}"
# The load test uses the api's first key.
if [[ -z ${LOADGEN_API_KEY:-}${LOADGEN_API_KEY_FILE:-} ]]; then
    keys=${API_KEYS:-}
    export LOADGEN_API_KEY="${keys%%,*}" LOADGEN_API_KEY_FILE="${API_KEYS_FILE:-}"
fi
# The file that `make monitoring` exports.
export TRAINER_METRICS_FILE="${TRAINER_METRICS_FILE:-$PWD/.run/trainer-metrics/trainer.prom}"
if [[ -z ${TRITON_ADMIN_KEY:-} && -z ${TRITON_ADMIN_KEY_FILE:-} ]]; then
    TRITON_ADMIN_KEY_FILE=$(scripts/admin_key.sh)
    export TRITON_ADMIN_KEY_FILE
fi
exec "$@"

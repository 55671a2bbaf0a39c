#!/usr/bin/env bash
# Runs the whole stack with jobs on this machine, without Docker, until Ctrl-C: Redis, a worker and Flower beside it.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "run-jobs: $*" >&2; exit 1; }

redis=$(command -v redis-server) || fail "redis-server is missing; on Debian 12 and Ubuntu 24.04: apt install redis-server" \
    "(and stop the service that it starts: systemctl disable --now redis-server), or set API_REDIS_URL to a Redis elsewhere"
version=$("$redis" --version | sed -n 's/.* v=\([0-9]*\).*/\1/p')
((version >= 7)) || fail "$redis is version $version; jobs need Redis 7 or newer"

folder="$PWD/.run/jobs"
mkdir -p "$folder"
chmod 700 "$folder"
# A password each for Redis and Flower, made once: other users of this machine reach its loopback ports, too.
for name in redis flower; do
    [[ -s $folder/$name-password ]] || (umask 077; head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"$folder/$name-password")
done
port=${REDIS_PORT:-6379}
# In a file: the arguments of a process are there for all to read.
(umask 077; cat >"$folder/redis.conf") <<EOF
bind 127.0.0.1
port $port
dir $folder
appendonly yes
save ""
maxmemory ${REDIS_MAX_MEMORY:-1gb}
maxmemory-policy noeviction
requirepass $(<"$folder/redis-password")
EOF

python scripts/preflight.py ports \
    TRITON_HTTP_PORT=8000 TRITON_GRPC_PORT=8001 TRITON_METRICS_PORT=8002 API_PORT=8888 LOADGEN_WEB_PORT=8089 \
    REDIS_PORT=6379 FLOWER_PORT=5555
python -m trainer ensure
export REDIS_CONF="$folder/redis.conf"
API_REDIS_URL="redis://:$(<"$folder/redis-password")@127.0.0.1:$port/0"
FLOWER_BASIC_AUTH="flower:$(<"$folder/flower-password")"
export API_REDIS_URL FLOWER_BASIC_AUTH
echo "run-jobs: Flower at http://127.0.0.1:${FLOWER_PORT:-5555}, user flower, password in .run/jobs/flower-password"
exec honcho --env /dev/null start --procfile Procfile.jobs

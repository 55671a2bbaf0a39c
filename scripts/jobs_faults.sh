#!/usr/bin/env bash
# Kills or restarts each process of the stack with jobs in the middle of a job, with the usual limits and with Triton away
# for 20 s, and writes what became of the items to results/jobs-faults.md. Needs redis-server.
set -euo pipefail
cd "$(dirname "$0")/.."

export JOBS_FAULTS_ITEMS=${JOBS_FAULTS_ITEMS:-10000} JOBS_FAULTS_AWAY_S=${JOBS_FAULTS_AWAY_S:-20}
export JOBS_FAULTS_CHUNK_LIMIT_S=${JOBS_FAULTS_CHUNK_LIMIT_S:-60} JOBS_FAULTS_TABLE=${JOBS_FAULTS_TABLE:-results/jobs-faults.md}
python -m pytest -q tests/e2e/test_jobs_faults.py -k middle_of_a_job "$@"
cat "$JOBS_FAULTS_TABLE"

#!/usr/bin/env bash
# Writes constraints.txt: every direct and transitive pin, resolved from the pyproject files in an empty environment.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3.11}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --upgrade pip
"$work/venv/bin/python" -m pip install --quiet --group dev \
    ./services/api ./services/trainer ./services/triton ./services/loadgen

{
    echo "# Every pin of the stack, direct and transitive. Written by scripts/lock.sh (make lock); don't edit by hand."
    echo "# PyTorch's CUDA libraries aren't listed: torch itself pins those, and its CPU build has none."
    "$work/venv/bin/python" -m pip freeze --exclude-editable |
        grep -vE '^(stack-|nvidia-|cuda-|triton==)| @ ' |
        sed -E 's/^(torch==[0-9.]+)\+.*/\1/'
} >"$work/constraints.txt"
mv "$work/constraints.txt" constraints.txt
echo "constraints.txt: $(grep -c == constraints.txt) pins"

#!/usr/bin/env bash
# Writes constraints.txt: every direct and transitive pin, resolved from the pyproject files in empty environments.
#
#   PYTHONS="python3.11 /opt/python3.12 …" lock.sh     one of each supported version
#
# One environment for each supported Python, each held to the pins of those before: one file has to fit all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/pins"
for python in ${PYTHONS:-python3.11 python3.12 python3.13}; do
    "$python" -m venv --clear "$work/venv"
    pip=("$work/venv/bin/python" -m pip --disable-pip-version-check)
    "${pip[@]}" install --quiet --upgrade pip
    "${pip[@]}" install --quiet --constraint "$work/pins" --group dev \
        ./services/api ./services/trainer ./services/triton ./services/loadgen
    "${pip[@]}" freeze --exclude-editable |
        grep -vE '^(stack-|nvidia-|cuda-|triton==)| @ ' |
        sed -E 's/^(torch==[0-9.]+)\+.*/\1/' >"$work/frozen"
    LC_ALL=C sort --field-separator== --key=1,1 --ignore-case --unique -o "$work/pins" "$work/pins" "$work/frozen"
    echo "lock: $("$python" --version): $(wc -l <"$work/frozen") packages"
done

{
    echo "# Every pin of the stack, direct and transitive. Written by scripts/lock.sh (make lock); don't edit by hand."
    echo "# PyTorch's CUDA libraries aren't listed: torch itself pins those, and its CPU build has none."
    cat "$work/pins"
} >"$work/constraints.txt"
mv "$work/constraints.txt" constraints.txt
echo "constraints.txt: $(grep -c == constraints.txt) pins"

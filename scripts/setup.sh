#!/usr/bin/env bash
# Makes the virtual environment that everything else uses; does nothing when it is up to date.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "setup: $*" >&2; exit 1; }

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 python3 python; do
        [[ -n $candidate ]] && command -v "$candidate" >/dev/null || continue
        "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || continue
        echo "$candidate"
        return
    done
    fail "Python 3.11 wasn't found. Install it (python3.11 and python3.11-venv), or name it: make setup PYTHON=/path/to/python3.11"
}

stamp=.venv/.up-to-date
wanted=$(cat constraints.txt pyproject.toml services/*/pyproject.toml scripts/setup.sh | sha256sum)
if [[ -f $stamp && $(<"$stamp") == "$wanted" && -x .venv/bin/python ]]; then
    exit 0
fi

python=$(find_python)
"$python" scripts/preflight.py machine
echo "setup: making .venv with $("$python" --version) (several minutes the first time: PyTorch is large)"
if [[ ! -x .venv/bin/python ]]; then
    "$python" -m venv .venv || fail "the venv module is missing or broken; on Debian and Ubuntu: apt install python3.11-venv"
fi
pip() { .venv/bin/python -m pip --disable-pip-version-check --quiet "$@"; }
pip install 'pip==26.3'
pip install --constraint constraints.txt --group dev \
    --editable services/api --editable services/trainer --editable services/triton --editable services/loadgen
# Without its dependencies: only its binaries are used, and its Python layer asks for numpy < 2.
pip install --no-deps 'nvidia-pytriton==0.7.0'

echo "$wanted" >"$stamp"
echo "setup: done"

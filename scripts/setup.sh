#!/usr/bin/env bash
# Creates the virtual environment .venv that everything else uses; does nothing if it is up to date.
#
#   PYTHON=python3.13 setup.sh     with this Python, also where .venv has another one
set -euo pipefail
cd "$(dirname "$0")/.."

supported="3.11 3.12 3.13"

fail() { echo "setup: $*" >&2; exit 1; }

# Prints the version of a Python as 3.N; fails where the program is missing, broken or a wrapper without a Python.
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

is_supported() { [[ " $supported " == *" $1 "* ]]; }

# Prints PYTHON where it is set; else the environment's own, the machine's python3, or the newest that is supported.
find_python() {
    local candidate version
    if [[ -n ${PYTHON:-} ]]; then
        version=$(version_of "$PYTHON") || fail "PYTHON=$PYTHON doesn't run: name a Python of ${supported// /, }"
        is_supported "$version" || fail "PYTHON=$PYTHON is Python $version: name a Python of ${supported// /, }"
        echo "$PYTHON"
        return
    fi
    for candidate in .venv/bin/python python3 python3.13 python3.12 python3.11; do
        version=$(version_of "$candidate") && is_supported "$version" || continue
        echo "$candidate"
        return
    done
    fail "no Python of ${supported// /, } was found. Install one (Debian, Ubuntu: python3 and python3-venv), or name it:" \
        "make setup PYTHON=/path/to/python3.13"
}

stamp=.venv/.up-to-date
wanted=$(cat constraints.txt pyproject.toml services/*/pyproject.toml scripts/setup.sh | sha256sum)
python=$(find_python)
version=$(version_of "$python")
present=$(version_of .venv/bin/python) || present=none
if [[ $present == "$version" && -f $stamp && $(<"$stamp") == "$wanted" ]]; then
    exit 0
fi

"$python" scripts/preflight.py machine
echo "setup: creating .venv with Python $version (several minutes the first time: PyTorch is large)"
if [[ $present != "$version" ]]; then
    "$python" -m venv --clear .venv || {
        rm -rf .venv
        fail "the venv module is missing or broken; on Debian and Ubuntu: apt install python$version-venv"
    }
fi
pip() { .venv/bin/python -m pip --disable-pip-version-check --quiet "$@"; }
pip install 'pip==26.3'
pip install --constraint constraints.txt --group dev \
    --editable services/api --editable services/trainer --editable services/triton --editable services/loadgen
# Without its dependencies: only its binaries are used, and its Python layer requires numpy < 2.
pip install --no-deps 'nvidia-pytriton==0.7.0'

echo "$wanted" >"$stamp"
echo "setup: done"

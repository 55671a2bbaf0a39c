#!/usr/bin/env bash
# Runs tests in two steps: beside one another those that bear it, then one at a time those marked `alone`.
#
#   scripts/test.sh MARKS FOLDER…      MARKS as pytest -m takes them, or ""; both steps run, whatever fails
set -euo pipefail
cd "$(dirname "$0")/.."

marks=${1:+($1) and }
shift
# End to end each has a Triton, a network and often a browser of its own: 2 GB. One for a core would measure nothing but
# the others on large machines.
lanes=$(($(nproc) < 4 ? $(nproc) : 4))

status=5 # no test has these marks
run() {
    local code=0
    python -m pytest "$@" || code=$?
    [[ $code != 2 ]] || exit 2 # interrupted
    [[ $code == 5 || ($code == 0 && $status != 5) ]] || status=$code
}
# In the order of the folders, and not by the number of tests: some files have few that take long.
run -n "$lanes" --dist loadfile --no-loadscope-reorder -m "${marks}not alone" "$@"
run -m "${marks}alone" "$@"
exit "$status"

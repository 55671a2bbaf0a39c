#!/usr/bin/env bash
# Static checks: format, lint, types, imports.
set -euo pipefail
cd "$(dirname "$0")/.."

ruff format --check --quiet . || { echo "lint: run 'ruff format .'" >&2; exit 1; }
ruff check --quiet .
mypy
lint-imports --no-logo

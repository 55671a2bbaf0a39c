#!/usr/bin/env bash
# Prints the file with the key to Triton's repository API, which the launcher and the trainer share; makes it if missing.
set -euo pipefail
cd "$(dirname "$0")/.."

file=.run/triton_admin_key
if [[ ! -s $file ]]; then
    mkdir -p .run
    (umask 077 && .venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(32))' >"$file.new" && mv "$file.new" "$file")
fi
echo "$PWD/$file"

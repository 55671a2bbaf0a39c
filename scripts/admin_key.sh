#!/usr/bin/env bash
# Prints the path of the key to Triton's repository API, which launcher and trainer share; generates a missing key.
set -euo pipefail
cd "$(dirname "$0")/.."

file=.run/triton_admin_key
if [[ ! -s $file ]]; then
    mkdir -p .run
    (umask 077 && .venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(32))' >"$file.new" && mv "$file.new" "$file")
fi
echo "$PWD/$file"

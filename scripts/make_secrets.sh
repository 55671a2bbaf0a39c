#!/usr/bin/env bash
# Generates an API key and the certificates of a private CA, for docker-compose.secure.yml or .env; keeps existing files.
#
#   make_secrets.sh [FOLDER]       secrets/ by default
#
# Only the folder's owner can enter it. The files in it are readable by all users, because a container that mounts one
# runs as another user.
set -euo pipefail
umask 022
cd "$(dirname "$0")/.."
folder=${1:-secrets}
days=825

command -v openssl >/dev/null || { echo "secrets: install openssl (3.0 or newer) first" >&2; exit 1; }
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"

# sign NAME SUBJECT-ALTERNATIVE-NAMES
sign() {
    [[ -s $1.crt && -s $1.key ]] && return
    openssl req -x509 -CA ca.crt -CAkey ca.key -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$days" \
        -subj "/CN=$1" -addext "subjectAltName=$2" -addext basicConstraints=critical,CA:FALSE \
        -addext extendedKeyUsage=serverAuth,clientAuth -keyout "$1.key" -out "$1.crt" 2>/dev/null
    chmod 644 "$1.key"
}

if [[ ! -s api-keys ]]; then
    openssl rand -base64 33 | tr '+/' '-_' >api-keys
fi
if [[ ! -s ca.crt || ! -s ca.key ]]; then
    rm -f -- *.crt *.key # signed by a CA that is gone
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=private CA of the stack" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout ca.key -out ca.crt 2>/dev/null
fi
sign api DNS:localhost,DNS:api,IP:127.0.0.1,IP:::1
sign triton DNS:localhost,DNS:triton,IP:127.0.0.1,IP:::1
# The client certificate of the api and the trainer for Triton.
sign client DNS:client
echo "secrets: $PWD contains $(ls | tr '\n' ' ')"

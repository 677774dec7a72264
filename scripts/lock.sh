#!/usr/bin/env bash
# Recompiles the pins: requirements/NAME.in → NAME.txt, with the hashes of every file. Run by
# `make lock`. With arguments, passes them on: scripts/lock.sh --upgrade-package openai
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
compile() {
    echo "requirements/$1.txt"
    "$uv" pip compile --quiet --universal --generate-hashes --python-version 3.11 \
        --no-emit-index-url --custom-compile-command "make lock" \
        "requirements/$1.in" -o "requirements/$1.txt" "${@:2}"
}
compile uv "$@"
compile compiler "$@"
# tokenizers names the hub's client, which only its downloads import, and we download nothing.
compile light --excludes requirements/light-excludes.txt "$@"
compile dev --excludes requirements/light-excludes.txt "$@"
compile model --no-deps "$@"
compile ml-cuda "$@"
echo "benchmarks/rivals.txt"
"$uv" pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
    --custom-compile-command "make lock" benchmarks/rivals.in -o benchmarks/rivals.txt "$@"
# The CPU build of torch is found where scripts/setup.py finds it.
eval "$(python3 scripts/setup.py --print-torch-source)"
compile ml-cpu --excludes requirements/ml-excludes.txt --no-emit-package torch "$@"
compile compress --no-emit-package torch "$@"

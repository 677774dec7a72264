#!/usr/bin/env bash
# Generates the Python code of the contracts in proto/idl into proto/src. Run by `make protos`.
# With --check, generates aside and fails if the committed code differs.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
out=proto/src
if [ "${1:-}" = "--check" ]; then
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
fi
files=$(cd proto/idl && find argosy -name '*.proto' | sort)
# shellcheck disable=SC2086 # one argument a file
PATH="$(dirname "$python"):$PATH" "$python" -m grpc_tools.protoc -I proto/idl \
    --python_out="$out" --grpc_python_out="$out" --mypy_out="$out" \
    --mypy_grpc_out="$out" $files
find "$out" -name 'common_pb2_grpc.py*' -delete
find "$out" -name 'events_pb2_grpc.py*' -delete
if [ "$out" != proto/src ]; then
    diff -r -x '*.pyc' -x __pycache__ -x ids.py -x subjects.py -x records.py -x '*.egg-info' -x __init__.py "$out/argosy" proto/src/argosy \
        || { echo "generated code is stale: run 'make protos'" >&2; exit 1; }
fi

#!/usr/bin/env bash
# The quick checks, each with its time; all run, then the status says whether one failed.
# Run by `make check`. A name as argument runs that one alone: scripts/check.sh types
set -uo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
failed=()
check() {
    local name=$1
    shift
    [ -z "$only" ] || [ "$only" = "$name" ] || return 0
    local began=$SECONDS log
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then
        printf 'ok      %-10s %3d s\n' "$name" $((SECONDS - began))
        if [ "$name" = unit ]; then tail -n 1 "$log"; fi
    else
        failed+=("$name")
        cat "$log"
        printf 'FAILED  %-10s %3d s\n' "$name" $((SECONDS - began))
    fi
    rm -f "$log"
}
only=${1:-}
# On the second processor meanwhile. Part by part: `-p argosy` alone would see only the first folder
# of the namespace.
typing() {
    mypy -p argosy.api -p argosy.kit -p argosy.registry -p argosy.trainer -p argosy.embedder \
        -p argosy.engine -p argosy.gateway -p argosy.cli -p tests.harness -p benchmarks -p dashboards
}
types_log=$(mktemp)
typed=
if [ -z "$only" ] || [ "$only" = types ]; then
    typing >"$types_log" 2>&1 &
    typed=$!
fi
check lint ruff check .
check format ruff format --check .
check imports lint-imports
check contracts buf lint proto/idl
check breaking buf breaking proto/idl --against proto/published.binpb
check dashboards python -m dashboards --check
check rules promtool check rules deploy/k8s/prometheus/rules/*.yaml
check alerts promtool test rules deploy/k8s/prometheus/tests/*.yaml
check generated scripts/generate_protos.sh --check
check unit python -m pytest -q -m "not ml" tests/unit
# The units of the gateway once more as sources, where the run above took what is compiled.
if python scripts/compile_lane.py --check 2>/dev/null; then
    check sources env ARGOSY_COMPILED=0 python -m pytest -q tests/unit/gateway
fi
report_types() {
    wait "$typed" && return
    local status=$?
    cat "$types_log"
    return "$status"
}
check types report_types
rm -f "$types_log"
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }

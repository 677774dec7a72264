#!/usr/bin/env bash
# The tests with real processes, and then a whole run on the real engine and the real trainer.
# Run by `make test` after the checks. Arguments go to pytest: scripts/test.sh -k FA12
set -euo pipefail
cd "$(dirname "$0")/.."
# What is shipped is what is tested: sources that do not compile any more must not go unseen.
.venv/bin/python scripts/compile_lane.py --strict
# Of the unit tests, those that need the ML environment are left over from the checks.
exec .venv/bin/python -m pytest --durations=10 \
    tests/unit/worker tests/docs tests/contract tests/process tests/abuse tests/faults \
    tests/whole "$@"

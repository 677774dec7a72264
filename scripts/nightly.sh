#!/usr/bin/env bash
# The tests whose short forms run in `make test`, in their long forms, and what has none. Run by
# `make nightly`, once a night: about two and a half hours. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
export ARGOSY_SOAK_SECONDS=600 ARGOSY_FUZZ_SECONDS=600 ARGOSY_FA11_SECONDS=60
export ARGOSY_EXACTNESS_REQUESTS=10000 ARGOSY_IMPORT_ROWS=1000000
.venv/bin/python -m pytest --timeout 5400 --durations=10 \
    tests/faults/test_fa11_registry_down.py tests/faults/test_fa31_soak.py \
    tests/faults/test_usage_is_exact.py tests/abuse/test_ab18_fuzz.py \
    tests/process/test_dataset_children.py::test_c04_a_large_import_in_bounded_memory_with_progress \
    tests/nightly \
    "$@"
.venv/bin/python -m benchmarks.training.speed
.venv/bin/python -m benchmarks.training.scales
exec .venv/bin/python -m benchmarks.soak

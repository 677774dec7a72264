#!/usr/bin/env bash
# Writes proto/published.binpb: the contracts that `make check` holds the next change against. Run
# it when a change of the contracts was decided on, never to silence the check.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/buf build proto/idl --exclude-source-info -o proto/published.binpb

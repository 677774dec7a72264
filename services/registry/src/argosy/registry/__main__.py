"""`python -m argosy.registry`: one registry process, told everything by `ARGOSY_*`."""

from __future__ import annotations

import os
import sys

# gRPC reads this when it is imported. Its handlers for forks crash some children between fork and
# exec while calls are busy; a child that only execs needs none of them.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from argosy.kit import lifecycle
from argosy.registry.app import build
from argosy.registry.settings import RegistrySettings

if __name__ == "__main__":
    sys.exit(lifecycle.run("registry", RegistrySettings(), build))

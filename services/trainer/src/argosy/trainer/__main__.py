"""`python -m argosy.trainer`: the trainer's supervisor, told what to do by `ARGOSY_*`."""

from __future__ import annotations

import os
import sys

# gRPC reads this when it is imported. Its handlers for forks crash about one child in 25 between
# fork and exec while calls are busy (measured); a child that only execs needs none of them.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from argosy.kit.lifecycle import run
from argosy.trainer.app import main
from argosy.trainer.settings import TrainerSettings

if __name__ == "__main__":
    sys.exit(run("trainer", TrainerSettings(), main))

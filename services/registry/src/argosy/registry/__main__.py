"""`python -m argosy.registry`: one registry process, told everything by `ARGOSY_*`."""

from __future__ import annotations

import sys

from argosy.kit import lifecycle
from argosy.registry.app import build
from argosy.registry.settings import RegistrySettings

if __name__ == "__main__":
    sys.exit(lifecycle.run("registry", RegistrySettings(), build))

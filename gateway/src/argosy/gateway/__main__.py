"""`python -m argosy.gateway`: the public face of the fleet."""

from __future__ import annotations

import sys

from argosy.gateway.app import compose
from argosy.gateway.settings import GatewaySettings
from argosy.kit import lifecycle

if __name__ == "__main__":
    sys.exit(lifecycle.run("gateway", GatewaySettings(), compose))

"""Start the embedder: `python -m argosy.embedder`, configured by `ARGOSY_*` alone."""

import sys

from argosy.embedder.app import main
from argosy.embedder.settings import EmbedderSettings
from argosy.kit.lifecycle import run

if __name__ == "__main__":
    sys.exit(run("embedder", EmbedderSettings(), main))

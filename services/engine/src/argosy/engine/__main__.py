"""`python -m argosy.engine`."""

from __future__ import annotations

import os
import sys

from argosy.engine.app import run
from argosy.engine.settings import SettingsError, read_settings

if __name__ == "__main__":
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        sys.exit(f"argosy.engine: {error}")
    run(settings)

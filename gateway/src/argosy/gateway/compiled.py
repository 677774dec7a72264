"""The lane's modules as machine code, where they were compiled from just these sources.

`scripts/compile_lane.py` makes them, and a manifest that says from which files. Of those not one
byte may differ, else the sources run: nobody runs another program than the one that he reads.
ARGOSY_COMPILED=0 runs the sources anyhow. Knows the manifest; does not know how one compiles.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

FOLDER: Final = Path(__file__).with_name("_compiled")
MANIFEST: Final = "manifest.json"
# Compiled modules are right for one version of Python on one kind of machine.
SUFFIX: Final = EXTENSION_SUFFIXES[0]
_SWITCH: Final = "ARGOSY_COMPILED"


class _Finder:
    """Finds the modules of a manifest before their sources are.

    Without the base class for such things, which brings modules for a megabyte along.
    """

    def __init__(self, modules: Mapping[str, Path]) -> None:
        self.modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self.modules.get(fullname)
        if file is None:
            return None
        loader = ExtensionFileLoader(fullname, str(file))
        return spec_from_file_location(fullname, file, loader=loader)


def use(folder: Path = FOLDER) -> bool:
    """Let the compiled modules be imported, if they are those of the present sources."""
    if os.environ.get(_SWITCH) == "0":
        return False
    modules = current(folder)
    if modules:
        sys.meta_path.insert(0, _Finder(modules))
    return bool(modules)


def in_use() -> bool:
    """Tell whether this process runs compiled modules."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def current(folder: Path = FOLDER) -> dict[str, Path]:
    """Return the compiled modules by name; none if a source is not what it was."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        if manifest["suffix"] != SUFFIX or manifest["sources"] != digest(
            folder.parent, manifest["files"]
        ):
            return {}
        return {name: folder / file for name, file in manifest["modules"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def digest(root: Path, files: Sequence[str]) -> str:
    """Return what tells these files from all others; paths are relative to `root`."""
    found = hashlib.sha256()
    for file in files:
        data = (root / file).read_bytes()
        found.update(b"%b %d\0%b" % (file.encode(), len(data), data))
    return found.hexdigest()

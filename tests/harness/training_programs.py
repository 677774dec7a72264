"""The programs that a fleet's trainer offers: that of the guide, and one that dies once.

Written from `docs/training-programs.md`, so that what runs is what the guide says.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Final

from tests.docs.sources import DOCS

GUIDE: Final = DOCS / "training-programs.md"
NAME: Final = "own-loop"
DIES_ONCE: Final = "dies-once"

# Runs the program, and is killed right after its first checkpoint, but not when it goes on.
_DYING: Final = """
import builtins, json, os, runpy, signal, sys
from pathlib import Path

program, run = sys.argv[1:]
told = print

def dying(line, **more):
    told(line, **more)
    if json.loads(line)["event"] == "checkpoint":
        os.kill(os.getpid(), signal.SIGKILL)

if json.loads(Path(run, "spec.json").read_text())["resume_from"] is None:
    builtins.print = dying
sys.argv = [program, run]
runpy.run_path(program, run_name="__main__")
"""


def blocks() -> list[str]:
    """Return the guide's Python: the program first, then how it is used."""
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)


def write(folder: Path) -> Path:
    """Write both programs and the operator's file; return that file."""
    folder.mkdir()
    program, dying = folder / "train.py", folder / "dying.py"
    program.write_text(blocks()[0])
    dying.write_text(_DYING)
    offered = {NAME: [program], DIES_ONCE: [dying, program]}
    lines = [
        f"[program.{name}]\ncommand = {json.dumps([sys.executable, *map(str, rest)])}\n"
        f'text = "{name}"\n'
        for name, rest in offered.items()
    ]
    listed = folder / "programs.toml"
    listed.write_text("\n".join(lines))
    return listed

"""Writes every dashboard to `deploy/k8s/grafana`, or tells with `--check` which are out of date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from dashboards import boards

FOLDER: Final = Path(__file__).resolve().parents[1] / "deploy" / "k8s" / "grafana"


def outdated(folder: Path = FOLDER) -> list[str]:
    """Return the names of files that are not what the code makes, with those that it does not."""
    made = boards.files()
    there = {path.name for path in folder.glob("*.json")}
    wrong = [name for name, text in made.items() if _read(folder / name) != text]
    return sorted([*wrong, *(there - made.keys())])


def write(folder: Path = FOLDER) -> None:
    """Make the folder's dashboards those of the code, and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    made = boards.files()
    for path in folder.glob("*.json"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, "utf-8")


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if outdated")
    if not parser.parse_args().check:
        write()
        return 0
    if names := outdated():
        print(f"out of date, run `make dashboards`: {', '.join(names)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

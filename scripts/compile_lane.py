#!/usr/bin/env python3
"""Compiles the gateway's lane to machine code with mypyc, where a C compiler is there.

    scripts/compile_lane.py           compile, unless what is there is of the present sources
    scripts/compile_lane.py --check   exit 1 if that has not been done
    scripts/compile_lane.py --strict  exit 1 if there is a C compiler and it fails

Run by scripts/setup.py. Without it everything runs all the same, from the sources: the gateway
takes what is compiled only as long as the sources are those it was compiled from
(gateway/src/argosy/gateway/compiled.py, docs/decisions/0016). The compiler has an environment of
its own, build/compiler, by the pins of requirements/compiler.txt.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "gateway/src"
GATEWAY = SOURCES / "argosy/gateway"
COMPILER = ROOT / "build/compiler"
PINS = ROOT / "requirements/compiler.txt"
# What a request of the lane passes through. Left out: what msgspec decodes into (the compiler takes
# from a class the annotations that say the form), and what is weakly referenced.
MODULES = (
    "admission/fair_queue", "admission/permits",
    "access/caller", "access/cells", "access/estimate", "access/keys", "access/limits",
    "access/local_cells", "access/prices", "access/priority", "access/refusals",
    "access/subjects", "access/windows",
    "catalog", "familiar", "histogram", "steps",
    "engines/call", "engines/client", "engines/connection", "engines/connections",
    "engines/ejection", "engines/framing",
    "lane/answer/answer", "lane/answer/likeness", "lane/answer/names", "lane/answer/relay",
    "lane/answer/sse",
    "lane/connection/head", "lane/connection/heads", "lane/connection/inbound",
    "lane/connection/patience", "lane/connection/protocol", "lane/connection/worker",
    "lane/dispatch/attempts", "lane/dispatch/budget", "lane/dispatch/dispatcher",
    "lane/dispatch/errand", "lane/dispatch/pool_way", "lane/dispatch/salt",
    "lane/drain", "lane/exchange", "lane/metrics", "lane/record", "lane/rooms", "lane/sampling",
    "lane/turn",
    "lane/request/completion", "lane/request/fit",
    "routing/not_busy", "routing/not_ejected", "routing/not_tried", "routing/policy",
    "routing/ready", "routing/router", "routing/serves_model", "routing/two_choices",
    "served_model", "standalone/models", "standalone/usage_log",
)  # fmt: skip
CONFIGURATION = """
[mypy]
namespace_packages = True
explicit_package_bases = True
mypy_path = {paths}
follow_imports = silent
ignore_missing_imports = True
disable_error_code = import-untyped
"""
BUILD = """
import json, sys
from mypyc.build import mypycify
from setuptools import setup

sys.argv[1:] = ["build_ext", "--build-lib", "out", "--build-temp", "temporary"]
told = json.load(open("told.json"))
setup(
    name="argosy-lane",
    packages=[],
    ext_modules=mypycify(
        ["--config-file", "mypy.ini", "--python-executable", told["python"], *told["files"]],
        opt_level=told["level"],
        debug_level="0",
        group_name="argosy_lane",
    ),
)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="do nothing, tell by the exit status")
    parser.add_argument("--strict", action="store_true", help="a failure is one")
    parser.add_argument("--level", default="1", help="how much the C compiler optimises")
    arguments = parser.parse_args()
    compiled = _compiled()
    if compiled.current():
        return 0
    if arguments.check:
        print("the lane is not compiled from the present sources", file=sys.stderr)
        return 1
    if not (os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")):
        print("  no C compiler here: the lane runs from its sources, slower")
        return 0
    started = time.monotonic()
    print("• compiling the lane", flush=True)
    with tempfile.TemporaryDirectory(dir=_folder(ROOT / "build"), prefix="lane-") as work:
        try:
            compile_in(Path(work), compiled, arguments.level)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"  {error}", file=sys.stderr)
    if not compiled.current():
        print("  the lane could not be compiled: it runs from its sources, slower")
        return int(arguments.strict)
    print(f"  done in {time.monotonic() - started:.1f} s")
    return 0


def compile_in(work: Path, compiled: ModuleType, level: str) -> None:
    """Compile in the folder `work` and put the result where the gateway looks.

    Raises CalledProcessError or OSError.
    """
    python = ROOT / ".venv/bin/python"
    files = [str(GATEWAY / f"{name}.py") for name in MODULES]
    paths = ":".join(str(ROOT / part) for part in ("proto/src", "services/kit/src", "gateway/src"))
    (work / "mypy.ini").write_text(CONFIGURATION.format(paths=paths), "utf-8")
    (work / "build.py").write_text(BUILD, "utf-8")
    told = {"python": str(python), "files": files, "level": level}
    (work / "told.json").write_text(json.dumps(told), "utf-8")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    sources = _inputs()
    before = compiled.digest(GATEWAY, sources)
    with (work / "log").open("wb") as log:
        done = subprocess.run(
            [str(_compiler(python)), "build.py"], cwd=work, env=environment, check=False,
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    if done.returncode != 0:
        sys.stderr.write((work / "log").read_text("utf-8", "replace")[-4000:])
        done.check_returncode()
    made = {
        str(file.relative_to(work / "out"))[: -len(compiled.SUFFIX)].replace("/", "."): file
        for file in sorted((work / "out").rglob(f"*{compiled.SUFFIX}"))
    }
    manifest = {
        "suffix": compiled.SUFFIX,
        "files": sources,
        "sources": before,
        "modules": {name: str(file.relative_to(work / "out")) for name, file in made.items()},
    }
    (work / "out" / compiled.MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    shutil.rmtree(compiled.FOLDER, ignore_errors=True)
    shutil.move(work / "out", compiled.FOLDER)


def _inputs() -> list[str]:
    """Return the compiled files and those of ours that they import, relative to the gateway."""
    found: set[Path] = set()
    for name in MODULES:
        file = GATEWAY / f"{name}.py"
        found.add(file)
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "argosy.gateway"
            ):
                below = SOURCES.joinpath(*node.module.split("."))
                names = [below / f"{alias.name}.py" for alias in node.names]
                found |= {f for f in (below.with_suffix(".py"), *names) if f.exists()}
    return sorted(str(file.relative_to(GATEWAY)) for file in found)


def _compiler(python: Path) -> Path:
    """Return the Python that has the compiler, after making its environment where it is missing."""
    stamp, pins = COMPILER / "pins.txt", PINS.read_text("utf-8")
    own = COMPILER / "bin/python"
    if not (own.exists() and stamp.exists() and stamp.read_text("utf-8") == pins):
        shutil.rmtree(COMPILER, ignore_errors=True)
        uv = python.with_name("uv")
        for command in (
            [python, "-m", "venv", "--without-pip", COMPILER],
            [uv, "pip", "install", "--quiet", "--python", own, "--no-deps", "--require-hashes",
             "-r", PINS],
        ):  # fmt: skip
            subprocess.run([str(word) for word in command], check=True)
        stamp.write_text(pins, "utf-8")
    return own


def _compiled() -> ModuleType:
    """Return the gateway's module that reads the result, without importing the gateway."""
    spec = importlib.util.spec_from_file_location("compiled", GATEWAY / "compiled.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


if __name__ == "__main__":
    sys.exit(main())

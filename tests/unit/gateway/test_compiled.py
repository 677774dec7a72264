"""Which modules are compiled, when they are taken, and what the compiler would do wrong in them."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path
from typing import Any, Final

import pytest
from argosy.gateway import compiled

ROOT: Final = Path(__file__).resolve().parents[3]
PACKAGE: Final = ROOT / "gateway/src/argosy/gateway"


def script() -> Any:
    spec = importlib.util.spec_from_file_location("compile_lane", ROOT / "scripts/compile_lane.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODULES: Final = script().MODULES


def made(folder: Path) -> Path:
    """A package of one source, and what was compiled from it."""
    (folder / "lane").mkdir()
    (folder / "lane/turn.py").write_text("ONE = 1\n", "utf-8")
    result = folder / "_compiled"
    result.mkdir()
    files = ["lane/turn.py"]
    manifest = {
        "suffix": compiled.SUFFIX,
        "files": files,
        "sources": compiled.digest(folder, files),
        "modules": {"argosy.gateway.lane.turn": "turn.so"},
    }
    (result / compiled.MANIFEST).write_text(json.dumps(manifest), "utf-8")
    return result


def test_what_was_compiled_from_the_present_sources_is_taken(tmp_path: Path) -> None:
    folder = made(tmp_path)
    assert compiled.current(folder) == {"argosy.gateway.lane.turn": folder / "turn.so"}


def test_a_source_that_changed_runs_instead(tmp_path: Path) -> None:
    folder = made(tmp_path)
    (tmp_path / "lane/turn.py").write_text("ONE = 2\n", "utf-8")
    assert compiled.current(folder) == {}


@pytest.mark.parametrize("manifest", ["", "{}", '{"suffix": 1, "files": 1}', "[]"])
def test_a_manifest_that_cannot_be_read_is_none(tmp_path: Path, manifest: str) -> None:
    folder = made(tmp_path)
    (folder / compiled.MANIFEST).write_text(manifest, "utf-8")
    assert compiled.current(folder) == {}


def test_the_sources_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGOSY_COMPILED", "0")
    assert not compiled.use(made(tmp_path))


@pytest.mark.parametrize("name", MODULES)
def test_nothing_waits_while_an_exception_is_handled(name: str) -> None:
    # A compiled coroutine that waits there leaves its exception behind, as the context of others'.
    tree = ast.parse((PACKAGE / f"{name}.py").read_bytes())
    waits = (ast.Await, ast.AsyncWith, ast.AsyncFor, ast.Yield, ast.YieldFrom)
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            handled = [*(s for h in node.handlers for s in h.body), *node.finalbody]
            assert not [w for s in handled for w in ast.walk(s) if isinstance(w, waits)], (
                node.lineno
            )


@pytest.mark.parametrize("name", MODULES)
def test_what_msgspec_decodes_into_is_not_compiled(name: str) -> None:
    # The compiler keeps only what is simple of a class's annotations, which say the form.
    text = (PACKAGE / f"{name}.py").read_text("utf-8")
    for line in text.splitlines():
        if "Decoder(" in line:
            kind = line.partition("Decoder(")[2].partition(")")[0]
            assert f"class {kind}(" not in text, line


def test_no_class_that_is_not_compiled_inherits_from_one_that_is() -> None:
    inside = {f"argosy.gateway.{name.replace('/', '.')}" for name in MODULES}
    outside = set(PACKAGE.rglob("*.py")) - {PACKAGE / f"{name}.py" for name in MODULES}
    for file in outside:
        tree = ast.parse(file.read_bytes())
        theirs = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module in inside
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
                assert not bases & theirs, f"{node.name} in {file}"

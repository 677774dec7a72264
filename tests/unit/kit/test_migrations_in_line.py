"""Every service's migrations follow one another: two with one number would stop it at its start."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
VERSIONS = sorted(ROOT.glob("services/*/src/argosy/*/store/migrations/versions"))


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.parts[-4])
def test_each_follows_the_one_before(folder: Path) -> None:
    before = None
    for number, path in enumerate(sorted(folder.glob("[0-9]*.py")), start=1):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert (module.revision, module.down_revision) == (f"{number:04d}", before), path.name
        assert path.stem.startswith(module.revision)
        before = module.revision


def test_there_are_migrations_to_look_at() -> None:
    assert len(VERSIONS) >= 2

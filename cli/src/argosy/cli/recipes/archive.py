"""A recipe in one file, for another install: what it is, its data, and how it is evaluated.

    recipe.toml      the recipe as it is
    schema.json      the kind of its records and the form of one
    training.jsonl   the records to train on
    exam.jsonl       the questions of the exam with their references

A ZIP archive, the same bytes for the same recipe. It holds no code: what is imported is data.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

from argosy.cli.recipes import data
from argosy.cli.recipes.recipe import BadRecipe, Recipe, parse
from argosy.cli.recipes.scoring import SCORERS
from argosy.cli.recipes.shelf import EXAM, RECIPE, TRAINING, Shelved

SCHEMA: Final = "schema.json"
_NAMES: Final = (RECIPE, SCHEMA, TRAINING, EXAM)
# Unpacked, of all four together.
MOST_BYTES: Final = 64 << 20
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def packed(shelved: Shelved) -> bytes:
    """Return a recipe's archive."""
    recipe = shelved.recipe
    made = shelved.data(recipe.training, recipe.exam, recipe.seed)
    parts = {
        RECIPE: shelved.text.encode(),
        SCHEMA: json.dumps(_schema(recipe, made), indent=1, ensure_ascii=False).encode(),
        TRAINING: data.jsonl(made.training),
        EXAM: data.jsonl(data.exam_rows(made.exam)),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in _NAMES:
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), parts[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def unpack(content: bytes, folder: Path) -> Recipe:
    """Put an archive's recipe into `folder`/<its name>, whole or not at all; return it.

    Raises BadRecipe for anything that is not an archive of a recipe.
    """
    parts = _parts(content)
    recipe = parse(parts[RECIPE].decode())
    _check(recipe, parts)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as staged:
        for name in _NAMES:
            (Path(staged) / name).write_bytes(parts[name])
        target = folder / recipe.name
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(staged, target)
    return recipe


def _schema(recipe: Recipe, made: data.Data) -> dict[str, Any]:
    return {
        "kind": recipe.kind,
        "records": len(made.training),
        "questions": len(made.exam),
        "record": made.training[0],
    }


def _parts(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            if set(entries) != set(_NAMES) or len(archive.infolist()) != len(_NAMES):
                raise BadRecipe(f"the archive must hold exactly {', '.join(_NAMES)}")
            if sum(entry.file_size for entry in entries.values()) > MOST_BYTES:
                raise BadRecipe(f"the archive unpacks to more than {MOST_BYTES >> 20} MiB")
            return {name: _read(archive, entries[name]) for name in _NAMES}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadRecipe(f"this is no archive of a recipe: {error}") from None


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    # What an entry says of its size need not be true.
    with archive.open(entry) as stream:
        content = stream.read(entry.file_size + 1)
    if len(content) > entry.file_size:
        raise BadRecipe(f"{entry.filename} is longer than it says")
    return content


def _check(recipe: Recipe, parts: dict[str, bytes]) -> None:
    """Read everything once, so that what is broken is refused now and not when it runs."""
    try:
        rows = [json.loads(line) for line in parts[TRAINING].splitlines()]
        exam = [data.question(json.loads(line)) for line in parts[EXAM].splitlines()]
        if not rows or not exam or not all(isinstance(row, dict) for row in rows):
            raise BadRecipe("the archive has no records, or no exam")
        SCORERS[recipe.scorer]([""] * len(exam), [q.reference for q in exam], recipe.evaluation)
    except (ValueError, KeyError, TypeError) as error:
        raise BadRecipe(f"the archive's data cannot be read: {error!r}") from None

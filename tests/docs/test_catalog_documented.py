"""`docs/catalog.md` against the file's form: every field is there, and its example can be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from argosy.registry.intake import catalog_file
from argosy.registry.intake.limit_entries import LimitFields, RouteEntry, TargetEntry

from tests.docs.sources import DOCS

TEXT = (DOCS / "catalog.md").read_text("utf-8")
TABLES = {
    "[organization]": catalog_file.OrganizationEntry,
    "[[project]]": catalog_file.ProjectEntry,
    "[[key]]": catalog_file.KeyEntry,
    "[[pool]]": catalog_file.PoolEntry,
    "[[model]]": catalog_file.ModelEntry,
    "[[route]]": RouteEntry,
}


def section(table: str) -> str:
    return TEXT.split(f"## {table}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("table", TABLES)
def test_every_field_is_documented(table: str) -> None:
    text = section(table)
    named = set(re.findall(r"`(\w+)`", text))
    if "| limits |" in text:
        named |= set(LimitFields.model_fields)
    assert set(TABLES[table].model_fields) - named == set()


def test_every_table_and_what_they_share_is_documented() -> None:
    documented = set(re.findall(r"^## \[+(\w+)\]+$", TEXT, re.M))
    assert set(catalog_file.CatalogFile.model_fields) == documented
    assert set(LimitFields.model_fields) <= set(re.findall(r"`(\w+)`", section("[[project]]")))
    assert set(TargetEntry.model_fields) <= set(re.findall(r"`(\w+)`", section("[[route]]")))


def test_the_example_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(TEXT.split("```toml\n")[1].split("```")[0])
    read = catalog_file.read_catalog_file(path)
    assert [project.share for project in read.project] == [1, 2]

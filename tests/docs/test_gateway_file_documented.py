"""`docs/gateway.md` against the file's form: every field is there, and its example can be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from argosy.gateway.standalone import config

from tests.docs.sources import DOCS

TEXT = (DOCS / "gateway.md").read_text("utf-8")
TABLES = {
    "[gateway]": config.GatewayTable,
    "[[pool]]": config.PoolTable,
    "[[adapter]]": config.AdapterTable,
    "[[route]]": config.RouteTable,
    "[[key]]": config.KeyTable,
    "[[project]]": config.ProjectTable,
}


@pytest.mark.parametrize("table", TABLES)
def test_every_field_is_documented(table: str) -> None:
    section = TEXT.split(f"## {table}\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", section))
    if table == "[[project]]":
        named |= set(config.LimitFields.model_fields)  # "the same limits"
    assert set(TABLES[table].model_fields) - named == set()


def test_every_table_is_documented() -> None:
    names = {name.strip("[]") for name in TABLES}
    assert set(config.Config.model_fields) == names


def test_the_example_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_KEY", "sk-of-the-example-0123")
    example = TEXT.split("```toml\n")[1].split("```")[0]
    path = tmp_path / "gateway.toml"
    path.write_text(example)
    read = config.read_config(path)
    assert [adapter.base for adapter in read.adapter] == ["qwen3-8b"]

"""docs/settings.md says of every setting what the code says, and of nothing else."""

from __future__ import annotations

import importlib
import inspect

import pytest
from argosy.kit.settings import ServiceSettings
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from tests.docs import sources

MODULES = ("kit", "registry", "trainer", "embedder", "gateway")


def rows(part: str) -> list[str]:
    """Return the table rows of the settings that a part's own classes add."""
    module = importlib.import_module(f"argosy.{part}.settings")
    return [
        sources.row(f"`ARGOSY_{name.upper()}`", default(cls.model_fields[name]), says(cls, name))
        for cls in vars(module).values()
        if inspect.isclass(cls)
        and issubclass(cls, ServiceSettings)
        and cls.__module__ == module.__name__
        for name in inspect.get_annotations(cls)
        if name in cls.model_fields
    ]


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return "–" if value is None or value == "" else f"`{value}`"


def says(cls: type[ServiceSettings], name: str) -> str:
    text = cls.model_fields[name].description
    assert text, f"{cls.__name__}.{name} has no description"
    return text.replace("|", "\\|")


@pytest.mark.parametrize("part", MODULES)
def test_every_setting_is_documented_as_it_is(part: str) -> None:
    missing = [row for row in rows(part) if row not in sources.table_rows("settings.md")]
    assert not missing, "add to docs/settings.md:\n" + "\n".join(missing)


def test_every_variable_that_the_code_names_is_documented() -> None:
    assert sources.environment_names() <= sources.first_cells("settings.md")


def test_no_documented_setting_is_gone() -> None:
    real = {row.split("`")[1] for part in MODULES for row in rows(part)}
    assert sources.first_cells("settings.md") <= real | sources.environment_names()

"""docs/errors.md names every error class with its status, and every code that a client may see."""

from __future__ import annotations

from argosy.gateway import errors as gateway
from argosy.kit.errors import ApiError

from tests.docs import sources


def descendants(cls: type[ApiError]) -> set[type[ApiError]]:
    return {cls}.union(*(descendants(child) for child in cls.__subclasses__()))


def row(cls: type[ApiError]) -> str:
    line = next(gateway.TABLE[base] for base in cls.__mro__ if base in gateway.TABLE)
    return sources.row(
        f"`{cls.__name__}`",
        str(cls.http_status),
        f"`{cls.openai_type}`",
        f"`{line.code}`" if line.code else "–",
        f"`{line.outcome}`",
    )


def public() -> list[type[ApiError]]:
    return sorted(
        (c for c in descendants(ApiError) if c is not ApiError and c.__module__ in MODULES),
        key=lambda c: (c.http_status, c.__name__),
    )


MODULES = {"argosy.kit.errors", "argosy.gateway.errors"}


def test_every_class_is_documented_as_it_is() -> None:
    documented = sources.table_rows("errors.md")
    missing = [row(cls) for cls in public() if row(cls) not in documented]
    assert not missing, "add to docs/errors.md:\n" + "\n".join(missing)


def test_every_code_is_documented() -> None:
    of_classes = {line.code for line in gateway.TABLE.values() if line.code}
    missing = (sources.error_codes() | of_classes) - sources.first_cells("errors.md")
    assert not missing, f"explain in docs/errors.md: {sorted(missing)}"


def test_every_outcome_is_documented() -> None:
    assert {str(o) for o in gateway.Outcome} <= sources.first_cells("errors.md")

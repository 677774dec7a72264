"""docs/operators.md says of every operator of cleaning what the catalogue says."""

from __future__ import annotations

from argosy.registry.datasets.operators.catalogue import CATALOGUE
from argosy.registry.datasets.operators.policy import Parameter

from tests.docs import sources


def test_every_operator_is_documented_as_it_is() -> None:
    text = (sources.DOCS / "operators.md").read_text("utf-8")
    found = [line for line in text.splitlines() if line.startswith("| ") and "`" in line]
    assert found == [
        sources.row(each.stage, f"`{each.name}`", each.text, parameters(each.parameters))
        for each in CATALOGUE.values()
    ]


def parameters(of: tuple[Parameter, ...]) -> str:
    return "; ".join(f"`{each.name}` ({told(each)})" for each in of) or "–"


def told(parameter: Parameter) -> str:
    match parameter.default:
        case None:
            default = "the packaged list"
        case tuple():
            default = ", ".join(parameter.default)
        case number:
            default = f"{number:g}"
    if parameter.low is None or parameter.high is None:
        return default
    return f"{default}, {parameter.low:g} to {parameter.high:g}"

"""Prints `docs/tuning-parameters.md` from the trainer's table.

`python -m tests.docs.tuning_parameters > docs/tuning-parameters.md` after a change of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

from argosy.api.records import LEARNING
from argosy.trainer.domain.methods import METHODS, SCALES
from argosy.trainer.domain.parameters.parameter import Parameter, Range, Value
from argosy.trainer.domain.parameters.table import TABLE, public_name

T = TypeVar("T")

HEAD: Final = """# Parameters of tuning

Printed from the table that validates requests (`trainer/domain/parameters/`), which
`GET /v1/fine_tuning/methods` returns as JSON, too. How to choose a method: [tuning.md](tuning.md).

`n_epochs`, `batch_size` and `learning_rate_multiplier` go where OpenAI has them, under
`method.<type>.hyperparameters` (there `beta` of DPO, `compute_multiplier` and `eval_interval` of
reinforcement, too); all others, and those of methods that OpenAI lacks, lie flat under `argosy`.
What is left out, or is `"auto"`, Argosy chooses. A value outside its range is refused with the
range; one outside the advised range is allowed, and the preview says what speaks against it.
"""


def page() -> str:
    """Return the page's text."""
    return "\n".join(
        [HEAD, *_methods(), *_scales(), *(line for p in TABLE for line in _parameter(p))]
    )


def _methods() -> Iterator[str]:
    yield "## Methods\n"
    yield "| `argosy.method` | OpenAI's `method.type` | learns from | scales | what it is for |"
    yield "| --- | --- | --- | --- | --- |"
    for method in METHODS.values():
        openai = f"`{method.openai_type}`" if method.openai_type else "–"
        yield (
            f"| `{method.name}` | {openai} | {_codes(method.learns_from)} "
            f"| {_codes(method.scales)} | {method.title}. {method.text} |"
        )
    yield ""


def _scales() -> Iterator[str]:
    yield "## Scales\n"
    yield "| `argosy.scale` | what changes |"
    yield "| --- | --- |"
    for scale in SCALES.values():
        yield f"| `{scale.name}` | {scale.title}. {scale.text} |"
    yield ""


def _parameter(parameter: Parameter) -> Iterator[str]:
    words = parameter.help
    yield f"## {parameter.name}\n"
    yield f"{words.meaning} As `{public_name(parameter.name)}`, {_type(parameter)}.\n"
    yield "| | |"
    yield "| --- | --- |"
    if parameter.methods == LEARNING:
        yield "| methods | all but `compression` |"
    elif parameter.methods != tuple(METHODS):
        yield f"| methods | {_codes(parameter.methods)} |"
    if parameter.scales != tuple(SCALES):
        yield f"| scales | {_codes(parameter.scales)} |"
    if parameter.ranges:
        yield f"| range | {_by_place(parameter.ranges, _range)} |"
        if any(each.advised for each in parameter.ranges.values()):
            yield f"| advised | {_by_place(parameter.ranges, _advised)} |"
    if parameter.choices:
        yield f"| choices | {_codes(parameter.choices)} |"
    if parameter.synonyms:
        pairs = (f"`{older}` is `{name}`" for older, name in parameter.synonyms.items())
        yield f"| older words | {', '.join(pairs)} |"
    if parameter.defaults:
        yield f"| default | {_by_place(parameter.defaults, _value)} |"
    if parameter.rule:
        yield f"| chosen by | {parameter.rule} |"
    yield f"| too large | {words.too_large or '–'} |"
    yield f"| too small | {words.too_small or '–'} |"
    yield f"| advice | {words.advice or '–'} |"
    yield f"| source | {words.source} |"
    if parameter.aliases:
        yield f"| understood, too | {_codes(parameter.aliases)} |"
    yield ""


def _type(parameter: Parameter) -> str:
    return {
        "integer": "an integer",
        "number": "a number",
        "boolean": "true or false",
        "choice": "one of the choices",
        "texts": "one of the choices, or a list of names",
    }[parameter.type]


def _by_place(values: Mapping[str, T], show: Callable[[T], str]) -> str:
    parts = []
    for place, value in values.items():
        method, _, scale = place.partition("/")
        where = " ".join(f"`{word}`" for word in (method, scale) if word != "*")
        parts.append(f"{where}: {show(value)}" if where else show(value))
    return "; ".join(parts)


def _range(bounds: Range) -> str:
    return f"{bounds.low:,g} to {bounds.high:,g}"


def _advised(bounds: Range) -> str:
    return f"{bounds.advised[0]:g} to {bounds.advised[1]:g}" if bounds.advised else "–"


def _value(value: Value) -> str:
    return f"`{str(value).lower()}`" if isinstance(value, bool | str) else f"{value:g}"


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print(page(), end="")

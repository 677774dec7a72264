"""The operators of cleaning by name, with their parameters, defaults and ranges.

The names are those that other platforms' clients send. One table drives the building of a pipeline,
its checks and what a form shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from argosy.registry.datasets.operators.clean.emoji import RemoveEmoji
from argosy.registry.datasets.operators.clean.invisible import RemoveInvisibleCharacter
from argosy.registry.datasets.operators.clean.non_meaning import RemoveNonMeaningCharacters
from argosy.registry.datasets.operators.clean.traditional import (
    ReplaceTraditionalChineseToSimplified,
)
from argosy.registry.datasets.operators.clean.web_identifiers import RemoveWebIdentifiers
from argosy.registry.datasets.operators.clean.whitespace import ReplaceUniformWhitespace
from argosy.registry.datasets.operators.deduplication.simhash import DeduplicationSimhash
from argosy.registry.datasets.operators.desensitization.emails import ReplaceEmails
from argosy.registry.datasets.operators.desensitization.identifiers import ReplaceIdentifier
from argosy.registry.datasets.operators.desensitization.ip_addresses import ReplaceIp
from argosy.registry.datasets.operators.filters.character_repetition import (
    FilterCheckCharacterRepetitionRemoval,
)
from argosy.registry.datasets.operators.filters.flagged_words import FilterCheckFlaggedWords
from argosy.registry.datasets.operators.filters.language import FilterCheckLangId
from argosy.registry.datasets.operators.filters.number_words import FilterCheckNumberWords
from argosy.registry.datasets.operators.filters.perplexity import FilterCheckPerplexity
from argosy.registry.datasets.operators.filters.special_characters import (
    FilterCheckSpecialCharacters,
)
from argosy.registry.datasets.operators.filters.word_repetition import (
    FilterCheckWordRepetitionRemoval,
)
from argosy.registry.datasets.operators.policy import STAGES, Description, Operator, Parameter
from argosy.registry.domain.rules import RuleBroken


def _described(build: type[Any], text: str, *parameters: Parameter) -> Description:
    return Description(build.NAME, build.STAGE, text, parameters, build)


_ALL: Final = (
    _described(RemoveEmoji, "Removes emoji."),
    _described(RemoveInvisibleCharacter, "Removes controls, zero-width marks, soft hyphens."),
    _described(ReplaceUniformWhitespace, "Makes all kinds of spaces and line breaks plain ones."),
    _described(
        RemoveNonMeaningCharacters, "Removes what a wrong decoding left, private characters, rules."
    ),
    _described(ReplaceTraditionalChineseToSimplified, "Traditional to simplified Chinese."),
    _described(RemoveWebIdentifiers, "Removes HTML tags, scripts, references and URLs."),
    _described(
        FilterCheckNumberWords,
        "Keeps records of so many words; in Chinese and Japanese a character is a word.",
        Parameter("number_words_min_cutoff", 1, 0, 10_000_000, "Fewest words."),
        Parameter("number_words_max_cutoff", 10_000, 1, 10_000_000, "Most words."),
    ),
    _described(
        FilterCheckWordRepetitionRemoval,
        "Drops records that repeat runs of five words.",
        Parameter("word_repetition_max_cutoff", 0.96, 0, 1, "Largest share of repeated runs."),
    ),
    _described(
        FilterCheckCharacterRepetitionRemoval,
        "Drops records that repeat runs of ten characters.",
        Parameter("character_repetition_max_cutoff", 0.2, 0, 1, "Largest share of repeated runs."),
    ),
    _described(
        FilterCheckSpecialCharacters,
        "Drops records of mostly punctuation and symbols.",
        Parameter("special_characters_max_cutoff", 0.3, 0, 1, "Largest share of them."),
    ),
    _described(
        FilterCheckFlaggedWords,
        "Drops records with coarse or illegal words.",
        Parameter("flagged_words_max_cutoff", 0.3, 0, 1, "Largest share of such words."),
        Parameter("flagged_words", None, None, None, "A list in the place of the packaged one."),
    ),
    _described(
        FilterCheckLangId,
        "Keeps records in the wanted languages.",
        Parameter("lang_id_min_cutoff", 0.5, 0, 1, "Least probability of these languages."),
        Parameter("languages", ("zh", "en"), None, None, "ISO 639-1 codes."),
    ),
    _described(
        FilterCheckPerplexity,
        "Drops records that do not look like prose to a small character model.",
        Parameter("perplexity_max_cutoff", 100.0, 1, 1e9, "Largest perplexity per byte."),
    ),
    _described(
        DeduplicationSimhash,
        "Keeps the first of records that are nearly the same.",
        Parameter("distance", 4, 0, 10, "Most bits of 64 in which such records differ."),
    ),
    _described(ReplaceEmails, "Puts <EMAIL> in the place of addresses."),
    _described(ReplaceIp, "Puts <IP> in the place of IP addresses."),
    _described(ReplaceIdentifier, "Marks identity, card, phone and passport numbers."),
)

CATALOGUE: Final[Mapping[str, Description]] = {each.name: each for each in _ALL}


def pipeline(steps: Mapping[str, Any]) -> list[Operator]:
    """Return the operators of `{"clean": [{"name", "args"?}, …], "filter": […], …}`, in order.

    The stages run in the order of `STAGES`, the operators of one stage in that of its list. Raises
    RuleBroken for an unknown stage, name or argument and for a value out of range.
    """
    for stage in steps:
        if stage not in STAGES:
            raise RuleBroken(
                f"'{stage}' is no stage of cleaning; these are: {', '.join(STAGES)}.",
                param="operations",
            )
    found = [
        _operator(stage, index, step)
        for stage in STAGES
        for index, step in enumerate(_list(steps.get(stage, ()), stage))
    ]
    if not found:
        raise RuleBroken("operations names no operator.", param="operations")
    return found


def _operator(stage: str, index: int, step: Any) -> Operator:
    place = f"operations.{stage}[{index}]"
    if not isinstance(step, Mapping) or not isinstance(step.get("name"), str):
        raise RuleBroken(f"{place} must be an object with a name.", param=place)
    description = CATALOGUE.get(step["name"])
    if description is None or description.stage != stage:
        names = ", ".join(each.name for each in _ALL if each.stage == stage)
        raise RuleBroken(
            f"'{step['name'][:64]}' is no operator of {stage}; these are: {names}.",
            param=f"{place}.name",
        )
    arguments = step.get("args") or {}
    known = {parameter.name for parameter in description.parameters}
    if not isinstance(arguments, Mapping) or not set(arguments) <= known:
        allowed = ", ".join(sorted(known)) or "none"
        raise RuleBroken(
            f"The arguments of {description.name} are: {allowed}.", param=f"{place}.args"
        )
    try:
        return description.make(arguments)
    except RuleBroken as broken:
        raise RuleBroken(broken.message, param=f"{place}.args.{broken.param}") from None


def _list(value: Any, stage: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise RuleBroken(f"operations.{stage} must be a list.", param=f"operations.{stage}")
    return list(value)

"""OpenAI's JSON of a grader, made into one. Raises GraderFailed, which names the field."""

from typing import Any

from argosy.trainer.worker.failures import GraderFailed
from argosy.trainer.worker.graders.gateway import Gateway
from argosy.trainer.worker.graders.grader import Grader
from argosy.trainer.worker.graders.multi import BadFormula, MultiGrader, parse_formula
from argosy.trainer.worker.graders.python_code import PythonGrader
from argosy.trainer.worker.graders.score_model import ScoreModelGrader
from argosy.trainer.worker.graders.similarity import METRICS
from argosy.trainer.worker.graders.text import CHECKS, string_check, text_similarity

KINDS = ("string_check", "text_similarity", "python", "score_model", "multi")


def build_grader(raw: dict[str, Any], gateway: Gateway | None) -> Grader:
    """`gateway` is None where there is none to ask."""
    match raw.get("type"):
        case "string_check":
            operation = _one_of(raw, "operation", tuple(CHECKS))
            return string_check(_string(raw, "input"), _string(raw, "reference"), operation)
        case "text_similarity":
            metric = _one_of(raw, "evaluation_metric", tuple(METRICS))
            return text_similarity(_string(raw, "input"), _string(raw, "reference"), metric)
        case "python":
            return PythonGrader(_string(raw, "source"))
        case "score_model":
            return _score_model(raw, gateway)
        case "multi":
            return _multi(raw, gateway)
        case other:
            raise GraderFailed(f"grader.type is {other!r}, not one of {', '.join(KINDS)}")


def _score_model(raw: dict[str, Any], gateway: Gateway | None) -> Grader:
    if gateway is None:
        raise GraderFailed("a score_model grader needs a gateway to ask, and there is none")
    low, high = raw.get("range") or (0.0, 1.0)
    return ScoreModelGrader(
        gateway,
        _string(raw, "model"),
        [
            {"role": str(message["role"]), "content": _content(message["content"])}
            for message in raw.get("input") or []
        ],
        float(low),
        float(high),
        {
            name: value
            for name, value in (raw.get("sampling_params") or {}).items()
            if value is not None
        },
    )


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "".join(part if isinstance(part, str) else str(part.get("text", "")) for part in parts)


def _multi(raw: dict[str, Any], gateway: Gateway | None) -> Grader:
    graders = raw.get("graders")
    if isinstance(graders, list):
        graders = {each.get("name"): each for each in graders}
    if not isinstance(graders, dict) or not graders:
        raise GraderFailed("grader.graders must name at least one grader")
    built = {str(name): build_grader(each, gateway) for name, each in graders.items()}
    try:
        return MultiGrader(built, parse_formula(_string(raw, "calculate_output"), built))
    except BadFormula as error:
        raise GraderFailed(f"grader.{error}") from error


def _string(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value:
        raise GraderFailed(f"grader.{name} must be a string that is not empty")
    return value


def _one_of(raw: dict[str, Any], name: str, known: tuple[str, ...]) -> str:
    if raw.get(name) not in known:
        raise GraderFailed(f"grader.{name} is {raw.get(name)!r}, not one of {', '.join(known)}")
    return str(raw[name])

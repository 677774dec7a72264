"""Methods, parameters, advice and a preview, as messages. Translates; decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from argosy.api.records import CUSTOM
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.kit.errors import InvalidRequest
from argosy.trainer.domain import choice
from argosy.trainer.domain.job import MetricsRow, Observation
from argosy.trainer.domain.lengths import Lengths
from argosy.trainer.domain.methods import METHODS, SCALES, Method
from argosy.trainer.domain.parameters import table
from argosy.trainer.domain.parameters.parameter import Parameter
from argosy.trainer.domain.parameters.table import Bounds
from argosy.trainer.domain.programs import Program
from argosy.trainer.rpc_messages import cost_message, planned_message, time_message, value_message
from argosy.trainer.usecases.preview import Preview

Said = TypeVar("Said")
Meant = TypeVar("Meant")


def methods_message(bounds: Bounds, offered: Mapping[str, Program]) -> pb.ListMethodsResponse:
    """Return every method; `bounds` are those of the largest model."""
    answer = pb.ListMethodsResponse(methods=[_method(each, bounds) for each in METHODS.values()])
    for method in answer.methods:
        if method.name == CUSTOM:
            for name, program in offered.items():
                method.programs.add(name=name, text=program.text)
    return answer


def advice_message(request: pb.AdviseMethodRequest) -> pb.AdviseMethodResponse:
    """Return which method fits what somebody says. Raises InvalidRequest."""
    needs = choice.Needs(
        goals=_known("goals", choice.goals, request.goals),
        has=_known("has", choice.source, request.has),
        records=request.records,
        facts_change_often=request.facts_change_often,
        keep_general_ability=not request.general_ability_may_go,
    )
    chosen = choice.choose(needs)
    return pb.AdviseMethodResponse(
        way=chosen.way,
        method=chosen.method,
        scale=chosen.scale,
        prepare=chosen.prepare,
        reasons=chosen.reasons,
        goals=[pb.NamedText(name=name, text=text) for name, text in choice.GOALS.items()],
        has=[pb.NamedText(name=name, text=text) for name, text in choice.SOURCES.items()],
    )


def _known(param: str, read: Callable[[Said], Meant], said: Said) -> Meant:
    try:
        return read(said)
    except ValueError as unknown:
        raise InvalidRequest(str(unknown), param=param, code="invalid_value") from None


def preview_message(preview: Preview) -> pb.PreviewJobResponse:
    planned, cost = preview.planned, preview.cost
    plan, lengths = planned.plan, planned.facts.lengths
    return pb.PreviewJobResponse(
        planned=planned_message(planned.asked, plan),
        base=planned.start.base.id,
        records=plan.records,
        total_steps=plan.max_steps,
        advice=[
            pb.Advice(code=each.code, param=each.param, message=each.message)
            for each in preview.advice
        ],
        suggestions=[
            pb.Suggestion(
                parameter=each.parameter,
                value=value_message(each.value),
                source=each.source,
                why=each.why,
            )
            for each in preview.suggestions
        ],
        estimate=cost_message(cost),
        lengths=None
        if lengths is None
        else _lengths(lengths, lengths.longer_than(plan.whole("max_seq_length"))),
    )


def step_message(row: MetricsRow) -> pb.StepMetrics:
    return pb.StepMetrics(
        step=row.step,
        train_loss=row.train_loss,
        train_mean_token_accuracy=row.train_mean_token_accuracy,
        learning_rate=row.learning_rate,
        grad_norm=row.grad_norm,
        tokens=row.tokens,
        tokens_per_second=row.tokens_per_second,
        valid_loss=row.valid_loss,
        valid_mean_token_accuracy=row.valid_mean_token_accuracy,
        values=row.values or {},
        records=row.records or [],
    )


def add_observation(answer: pb.GetSeriesResponse, seen: Observation) -> None:
    """Put what was seen into its list; a kind that the contract lacks is left out."""
    match seen.kind:
        case "interruption":
            answer.interruptions.add(at=time_message(seen.created_at), **seen.data)
        case "dropped":
            answer.dropped.add(**seen.data)
        case "sample":
            answer.samples.add(**seen.data)


def _method(method: Method, bounds: Bounds) -> pb.MethodInfo:
    return pb.MethodInfo(
        name=method.name,
        title=method.title,
        text=method.text,
        openai_type=method.openai_type,
        learns_from=method.learns_from,
        scales=[
            pb.ScaleInfo(
                name=scale,
                title=SCALES[scale].title,
                text=SCALES[scale].text,
                parameters=[
                    _parameter(each, method.name, scale, bounds)
                    for each in table.parameters_of(method.name, scale)
                ],
            )
            for scale in method.scales
        ],
    )


def _parameter(parameter: Parameter, method: str, scale: str, bounds: Bounds) -> pb.ParameterInfo:
    found, _ = table.range_of(parameter, method, scale, bounds)
    advised = found.advised if found else None
    default = parameter.default_of(method, scale)
    words = parameter.help
    return pb.ParameterInfo(
        name=parameter.name,
        type=parameter.type,
        minimum=found.low if found else None,
        maximum=found.high if found else None,
        advised_minimum=advised[0] if advised else None,
        advised_maximum=advised[1] if advised else None,
        choices=parameter.choices,
        default=None if default is None else value_message(default),
        rule=parameter.rule,
        meaning=words.meaning,
        too_large=words.too_large,
        too_small=words.too_small,
        advice=words.advice,
        source=words.source,
        aliases=parameter.aliases,
    )


def _lengths(lengths: Lengths, dropped: int) -> pb.RecordLengths:
    return pb.RecordLengths(
        records=lengths.records,
        tokens=lengths.tokens,
        median=lengths.percentile(0.5),
        p95=lengths.percentile(0.95),
        longest=lengths.longest,
        dropped=dropped,
    )

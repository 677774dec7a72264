"""The key `argosy` of a tuning job: what OpenAI has no slot for, parameters flat beside the rest.

Knows the few keys that are no parameters, and the forms that a parameter's value may have. Which
parameters there are, the trainer's table says.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.gateway.http.body import convert
from argosy.kit.errors import InvalidRequest
from msgspec import Meta, Struct

_NO_NUL: Final = r"^[^\x00]*$"
Word = Annotated[str, Meta(max_length=256, pattern=_NO_NUL)]
_MOST_PARAMETERS: Final = 64
_MOST_TEXTS: Final = 256
_INT64: Final = 2**63


class Source(Struct, forbid_unknown_fields=True):
    """A file or a published version of a data set, and how much of it is drawn."""

    source: Annotated[str, Meta(min_length=1, max_length=128, pattern=_NO_NUL)]
    rate: float | None = None
    ratio: float | None = None
    percent: float | None = None


class Extension(Struct):
    """The keys that are no parameters."""

    method: Word | None = None
    scale: Word | None = None
    # An empty list is a wish, too: no old data beside the training file.
    data: Annotated[list[Source], Meta(max_length=64)] | None = None
    reward_model: Word | None = None
    teacher: dict[str, Any] | None = None
    program: dict[str, Any] | None = None
    schedule: Word | None = None
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] | None = None


def read_extension(raw: dict[str, Any], tuning: pb.Tuning) -> Extension:
    """Put what `raw` holds into `tuning`, but for the method; raises InvalidRequest."""
    own = {name: value for name, value in raw.items() if name in Extension.__struct_fields__}
    extension = convert(own, Extension, "argosy")
    tuning.scale = extension.scale or ""
    tuning.reward_model = extension.reward_model or ""
    tuning.schedule = extension.schedule or ""
    tuning.priority = extension.priority or 0
    if extension.teacher is not None:
        tuning.teacher_json = msgspec.json.encode(extension.teacher).decode()
    if extension.program is not None:
        tuning.program_json = msgspec.json.encode(extension.program).decode()
    if extension.data is not None:
        tuning.only_this_data = True
        for source in extension.data:
            tuning.data.add(**msgspec.structs.asdict(source))
    parameters = {name: value for name, value in raw.items() if name not in own}
    if len(parameters) > _MOST_PARAMETERS:
        raise InvalidRequest(
            f"'argosy' has {len(parameters)} parameters, more than there are.", param="argosy"
        )
    for name, value in parameters.items():
        if value is None or value == "auto":
            continue
        if "\0" in name:
            raise InvalidRequest("A name in 'argosy' holds NUL.", param="argosy")
        tuning.parameters[name[:128]].CopyFrom(_value(name[:128], value))
    return extension


def _value(name: str, value: Any) -> pb.ParameterValue:
    match value:
        case bool():
            return pb.ParameterValue(flag=value)
        case int() if -_INT64 <= value < _INT64:
            return pb.ParameterValue(integer=value)
        case float():
            return pb.ParameterValue(number=value)
        case str() if len(value) <= 256 and "\0" not in value:
            return pb.ParameterValue(text=value)
        case list() if len(value) <= _MOST_TEXTS and all(_is_text(item) for item in value):
            return pb.ParameterValue(texts=pb.Texts(items=value))
        case _:
            raise InvalidRequest(
                f"Invalid value for 'argosy.{name}': a parameter is a number, true or false, a "
                "short text or a list of short texts.",
                param=f"argosy.{name}",
            )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 256 and "\0" not in value

"""What a task may be asked: each type's parameters, with their ranges.

Judged when the task is made, so that a wrong one is refused at once, and read again by the child.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from argosy.kit.errors import InvalidRequest
from argosy.registry.datasets.formats.names import WORDS
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

_FileId = Annotated[str, Field(pattern=r"^file-[A-Za-z0-9_-]{1,64}$")]
VersionId = Annotated[str, Field(pattern=r"^dsv_[A-Za-z0-9_-]{1,64}$")]
_Column = Annotated[str, Field(min_length=1, max_length=128)]


def _known_format(word: str) -> str:
    if word not in WORDS:
        raise ValueError(f"must be one of: {', '.join(WORDS)}")
    return WORDS[word].name


FormatName = Annotated[str, AfterValidator(_known_format)]


class Parameters(BaseModel):
    """Parameters of a task."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Source(Parameters):
    """Exactly one of: an uploaded file, an object of an S3-style store, a URL of a listed host."""

    file_id: _FileId | None = None
    uri: Annotated[str, Field(pattern=r"^s3://", max_length=2048)] | None = None
    url: Annotated[str, Field(pattern=r"^https?://", max_length=2048)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Source:
        if sum(value is not None for value in (self.file_id, self.uri, self.url)) != 1:
            raise ValueError("name exactly one of file_id, uri and url")
        return self


class Import(Parameters):
    """Bring a file's records into a version.

    `annotated` false takes records without an answer as unannotated; true refuses them.
    """

    source: Source
    version_id: VersionId | None = None
    format: FormatName | None = None
    annotated: bool = True
    columns: dict[_Column, _Column] = Field(default_factory=dict, max_length=64)
    documents: Literal["line", "file"] = "line"
    on_error: Literal["skip", "fail"] = "skip"
    mode: Literal["append", "replace"] = "append"


TYPES: Final[Mapping[str, type[Parameters]]] = {"import": Import}

P = TypeVar("P", bound=Parameters)


def check(task_type: str, text: str) -> Parameters:
    """Return a task's parameters; raises InvalidRequest that names the field."""
    if task_type not in TYPES:
        raise InvalidRequest(
            f"type must be one of: {', '.join(TYPES)}.", param="type", code="invalid_value"
        )
    try:
        value = json.loads(text or "{}")
    except ValueError:
        raise InvalidRequest("The parameters are no JSON object.") from None
    return read(TYPES[task_type], value)


def read(kind: type[P], value: Any) -> P:
    """Return `value` as parameters of `kind`; raises InvalidRequest that names the field."""
    try:
        return kind.model_validate(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise InvalidRequest(
            f"Invalid value for '{where}': {what}." if where else f"{what}.",
            param=where or None,
            code="unknown_parameter" if first["type"] == "extra_forbidden" else "invalid_value",
        ) from None

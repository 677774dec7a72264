"""What a task may be asked: each type's parameters, with their ranges.

Judged when the task is made, so that a wrong one is refused at once, and read again by the child.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from argosy.kit.errors import InvalidRequest
from argosy.registry.datasets.formats.names import PROMPT_COMPLETION, WORDS
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

_FileId = Annotated[str, Field(pattern=r"^file-[A-Za-z0-9_-]{1,64}$")]
VersionId = Annotated[str, Field(pattern=r"^dsv_[A-Za-z0-9_-]{1,64}$")]
_Column = Annotated[str, Field(min_length=1, max_length=128)]

# As much of an unknown name as an answer repeats.
_ECHO: Final = 128

_Share = Annotated[float, Field(ge=0, le=1)]
_Model = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
_Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


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


class OfVersion(Parameters):
    """Work on one version of the task's data set."""

    version_id: VersionId


class Clean(OfVersion):
    """Send the records through operators: `{"clean": [{"name", "args"?}, …], "filter": […], …}`."""

    operations: dict[str, Any]
    samples: int = Field(default=5, ge=0, le=50)


class ShareThresholds(Parameters):
    """From where on a warning is given."""

    duplicates: _Share | None = None
    near_duplicate_likeness: _Share | None = None
    coverage: _Share | None = None


class Look(OfVersion):
    """See what is in the records; tokens are counted with the template of a base model."""

    model: _Model | None = None
    thresholds: ShareThresholds | None = None


class Export(OfVersion):
    """Write the records as a file of a format."""

    format: FormatName = "openai"
    file_type: Literal["jsonl", "csv"] = "jsonl"

    @model_validator(mode="after")
    def _table(self) -> Export:
        if self.file_type == "csv" and self.format != PROMPT_COMPLETION:
            raise ValueError(f"a csv file holds the format {PROMPT_COMPLETION} only")
        return self


class Split(OfVersion):
    """Make two versions: `split_ratio` percent of the records are set aside for validation."""

    split_ratio: Annotated[float, Field(ge=0, le=100)] = 20.0
    seed: _Seed = 0


class MixedVersion(Parameters):
    """One set of a mix and how much of it is drawn."""

    version_id: VersionId
    sampling_rate: Annotated[float, Field(ge=0.01, le=10)] = 1.0


class Mix(Parameters):
    """Draw from several versions, presets too, into the task's data set."""

    sources: Annotated[list[MixedVersion], Field(min_length=1, max_length=50)]
    seed: _Seed = 0


class Convert(Parameters):
    """Bring a ranked version into the task's data set as pairs, or as its best answers."""

    version_id: VersionId
    to: Literal["preference", "dialogue"] = "preference"
    neighbours_only: bool = False


class Asking(OfVersion):
    """Work that asks a served model."""

    model: _Model
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=100_000)] | None = None

    def sampling(self) -> dict[str, Any]:
        """Return how the model is sampled, as a completion's body says it."""
        names = {"temperature", "top_p", "max_tokens"}
        return self.model_dump(include=names, exclude_none=True)


class Draft(Asking):
    """Let a model answer what has no answer; `answers` several to choose from or to rank."""

    answers: Annotated[int, Field(ge=1, le=16)] = 1
    instructions: Annotated[str, Field(max_length=8_000)] = ""


class Augment(Asking):
    """Let a model write more records; the range of each number is the operator's."""

    num_seed_fewshot: Annotated[int, Field(ge=1, le=10)] = 5
    num_instances_to_generate: Annotated[int, Field(ge=1, le=5000)] = 100
    similarity_threshold: Annotated[float, Field(ge=0, le=1)] = 0.7
    seed: _Seed = 0


class Reflow(Parameters):
    """Bring stored completions into the task's data set: those of a model, a rating, metadata.

    With `bad_cases` only those that are suggested as such: rated down, or refusals by their looks.
    """

    model: _Model | None = None
    rating: Literal["up", "down"] | None = None
    bad_cases: bool = False
    metadata: Annotated[dict[str, str], Field(max_length=16)] = Field(default_factory=dict)


TYPES: Final[Mapping[str, type[Parameters]]] = {
    "augment": Augment,
    "clean": Clean,
    "convert": Convert,
    "draft": Draft,
    "export": Export,
    "import": Import,
    "insight": Look,
    "mix": Mix,
    "reflow": Reflow,
    "split": Split,
}

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
        found = error.errors(include_url=False, include_input=False)
        # A misspelt name is the reason where the right one is missing.
        first = next((each for each in found if each["type"] == _UNKNOWN), found[0])
        where = ".".join(str(step) for step in first["loc"])
        raise InvalidRequest(
            _said(kind, first["type"], where, first["msg"].removeprefix("Value error, ")),
            param=where or None,
            code="unknown_parameter" if first["type"] == _UNKNOWN else "invalid_value",
        ) from None


_UNKNOWN: Final = "extra_forbidden"


def _said(kind: type[Parameters], problem: str, where: str, what: str) -> str:
    if problem == _UNKNOWN:
        near = difflib.get_close_matches(where.rpartition(".")[2], _names(kind), n=1)
        hint = f"Did you mean '{near[0]}'?" if near else "Check the spelling or leave it out."
        return f"Unknown parameter: '{where[:_ECHO]}'. {hint}"
    if problem == "missing":
        return f"The parameter '{where}' is missing."
    return f"Invalid value for '{where}': {what}." if where else f"{what}."


def _names(kind: type[Parameters]) -> list[str]:
    """Return the names of all parameters, those inside others too."""
    schema = kind.model_json_schema()
    return [
        name
        for each in (schema, *schema.get("$defs", {}).values())
        for name in each.get("properties", ())
    ]

"""Which records a job learns from: each source judged, and how much is drawn from it.

Knows kinds, amounts and the registry's answers. Does not know parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from argosy.api.records import DIALOGUE, DISTILLATION
from argosy.kit.errors import Conflict, InvalidRequest, NotFound
from argosy.trainer.domain import mixing
from argosy.trainer.domain.asked import OLD_DATA, Asked, Source
from argosy.trainer.domain.methods import Method
from argosy.trainer.domain.parameters.parameter import BadParameter
from argosy.trainer.domain.plan import MIN_TRAINING_ROWS, MIN_VALIDATION_ROWS
from argosy.trainer.sources import SourceInfo, Sources


@dataclass(frozen=True, slots=True)
class DataPlan:
    """`sources` have a rate and their records; `skipped` is old data that cannot be mixed in."""

    training: SourceInfo
    validation: SourceInfo | None
    sources: tuple[Source, ...]
    skipped: tuple[str, ...] = ()
    hashes: tuple[tuple[str, str], ...] = ()

    @property
    def records(self) -> int:
        """Drawn from all sources together."""
        further = sum(mixing.drawn(s.records, s.rate or 1.0) for s in self.sources)
        return self.training.records + further


async def plan_data(
    sources: Sources,
    project_id: str,
    training_file: str,
    validation_file: str,
    method: Method,
    asked: Asked,
) -> DataPlan:
    """Raises `InvalidRequest` that names the field at fault."""
    training = await _judged(
        sources, project_id, training_file, "training_file", method, MIN_TRAINING_ROWS
    )
    validation = None
    if validation_file:
        validation = await _judged(
            sources, project_id, validation_file, "validation_file", method, MIN_VALIDATION_ROWS
        )
        # What is validated after a distillation are answers.
        like = replace(training, kind=DIALOGUE) if method.name == DISTILLATION else training
        _check_same_kind(like, validation, "validation_file")
    further: list[Source] = []
    skipped: list[str] = []
    hashes = [(info.id, info.sha256) for info in (training, validation) if info is not None]
    for number, source in enumerate(asked.data):
        param = f"argosy.data[{number}].source"
        try:
            info = await _judged(sources, project_id, source.source, param, method, 1)
            _check_same_kind(training, info, param)
        except (InvalidRequest, Conflict):
            # Nobody asked for it by name: the job goes on without.
            if source.why != OLD_DATA:
                raise
            skipped.append(source.source)
            continue
        further.append(replace(source, records=info.records))
        hashes.append((info.id, info.sha256))
    try:
        resolved = mixing.resolve(training.records, further)
    except BadParameter as bad:
        raise InvalidRequest(bad.message, param=bad.param, code="invalid_value") from bad
    return DataPlan(training, validation, tuple(resolved), tuple(skipped), tuple(hashes))


def _check_same_kind(training: SourceInfo, other: SourceInfo, param: str) -> None:
    if other.kind == training.kind:
        return
    raise InvalidRequest(
        f"'{other.id}' given as '{param}' has records of the kind '{other.kind}', the training "
        f"file '{training.id}' such of the kind '{training.kind}'. A job learns from one kind.",
        param=param,
        code="invalid_value",
    )


async def _judged(
    sources: Sources, project_id: str, source_id: str, param: str, method: Method, least: int
) -> SourceInfo:
    code = f"invalid_{param}" if "[" not in param else "invalid_value"

    def refusal(text: str) -> InvalidRequest:
        return InvalidRequest(
            f"The file '{source_id}' given as '{param}' {text}", param=param, code=code
        )

    try:
        info = await sources.info(project_id, source_id)
    except NotFound as error:
        raise refusal(
            "does not exist. Upload it with POST /v1/files and purpose 'fine-tune', or name a "
            "published version of a data set."
        ) from error
    if info.draft:
        raise Conflict(
            f"The version '{source_id}' given as '{param}' is not published. Publish it first: "
            "what is trained on must not change any more.",
            param=param,
            code="version_not_published",
        )
    if info.complaint:
        raise refusal(info.complaint)
    if info.kind not in method.learns_from:
        raise refusal(
            f"has records of the kind '{info.kind}', but the method '{method.name}' learns from "
            f"{_words(method.learns_from)}. Choose another file or method."
        )
    if info.records < least:
        raise refusal(
            f"has {info.records} examples, but must have at least {least}. Upload a file with more."
        )
    return info


def _words(names: Sequence[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)

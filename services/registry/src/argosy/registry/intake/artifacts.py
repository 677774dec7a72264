"""What the judges of artefacts share: their verdict, their limits, their way of saying no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from argosy.kit.errors import InvalidRequest, TooLarge
from argosy.registry.intake.problems import Problem


@dataclass(frozen=True, slots=True)
class ArtifactLimits:
    """The largest rank that engines serve, and the largest adapter_model.safetensors in bytes."""

    max_rank: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Judged:
    """What an artefact turned out to be.

    `files` are those to store beside the weights, by name. A `whole` one runs without the base's
    weights and needs the base's tokenizer beside them.
    """

    rank: int = 0
    virtual_tokens: int = 0
    whole: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict)


class Judge(Protocol):
    """Judges one artefact: `begin` each file, `feed` its bytes, then `finish`.

    Each raises InvalidRequest or TooLarge.
    """

    def begin(self, file_name: str) -> bool:
        """Judge a file's name; tell whether its bytes are to be stored as they come."""

    def feed(self, chunk: bytes) -> None:
        """Judge the next bytes of the current file."""

    def finish(self) -> Judged:
        """Hold the files against each other and against the base."""


class Files:
    """The names that came so far, each once."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.current = ""

    def begin(self, name: str) -> None:
        """Note the next file."""
        if name in self.seen:
            raise refused(f"{name} was sent twice.", "file_name")
        self.seen.add(name)
        self.current = name

    def need_current(self) -> str:
        """Return the name of the file that bytes belong to."""
        if not self.current:
            raise refused("Bytes came before a file's name.", "chunk")
        return self.current

    def check_size(self, size: int, limit: int) -> None:
        """Refuse a file that has grown too large."""
        if size > limit:
            raise TooLarge(
                f"{self.current} is larger than the limit of {limit} bytes.",
                param="chunk",
                code="adapter_too_large",
            )


def refused(text: str, param: str) -> InvalidRequest:
    """Return the error that refuses an artefact."""
    return InvalidRequest(text, param=param, code="invalid_adapter")


def fault(file_name: str, problem: Problem) -> InvalidRequest:
    """Return the error for what is wrong inside a file."""
    return refused(f"{file_name}: {problem}.", file_name)

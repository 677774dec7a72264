"""The operator's file of training programs, read once at the start. Knows TOML and its form.

[program.own-loop]
command = ["/opt/own-loop/bin/python", "/opt/own-loop/train.py"]
text = "Our margin loss on pairs."
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from argosy.trainer.domain.programs import Program
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    command: Annotated[list[Annotated[str, StringConstraints(min_length=1)]], Field(min_length=1)]
    text: Annotated[str, StringConstraints(max_length=1_000)] = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    program: dict[_Name, _Entry] = {}


def read_programs(path: Path | None) -> dict[str, Program]:
    """Return the programs by name; none without a file.

    Raises OSError, tomllib.TOMLDecodeError or pydantic.ValidationError: a trainer with a wrong
    file does not start.
    """
    if path is None:
        return {}
    read = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    return {name: Program(tuple(each.command), each.text) for name, each in read.program.items()}

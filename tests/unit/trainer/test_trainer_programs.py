"""The operator's file of training programs, and a server that has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from argosy.trainer.domain.parameters.parameter import BadParameter
from argosy.trainer.domain.programs import Program, check
from argosy.trainer.program_file import read_programs
from pydantic import ValidationError

FILE = """
[program.own-loop]
command = ["/opt/own-loop/bin/python", "/opt/own-loop/train.py"]
text = "Ours."
"""


def test_d34_without_an_operators_file_every_program_is_refused_with_the_setting() -> None:
    offered = read_programs(None)
    for asked in (None, {"name": "own-loop"}):
        with pytest.raises(BadParameter, match="ARGOSY_TRAINING_PROGRAMS") as refused:
            check("custom", asked, offered)
        assert refused.value.param == "argosy.method"
    check("sft", None, offered)


def test_the_operators_file_says_what_runs(tmp_path: Path) -> None:
    path = tmp_path / "programs.toml"
    path.write_text(FILE)
    command = ("/opt/own-loop/bin/python", "/opt/own-loop/train.py")
    assert read_programs(path) == {"own-loop": Program(command, "Ours.")}


@pytest.mark.parametrize(
    "wrong",
    [
        "[program.own-loop]\ncommand = []",
        '[program.own-loop]\ncommand = [""]',
        '[program."../x"]\ncommand = ["x"]',
        '[program.own-loop]\ncommand = ["x"]\nshell = true',
        '[programs.own-loop]\ncommand = ["x"]',
        "[program.own-loop]\ntext = 'no command'",
    ],
)
def test_a_file_with_a_mistake_is_refused_whole(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "programs.toml"
    path.write_text(wrong)
    with pytest.raises(ValidationError):
        read_programs(path)

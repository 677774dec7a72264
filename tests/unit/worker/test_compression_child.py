"""The child that compresses, alone: what it leaves when it cannot end well, and how it is told."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from argosy.trainer.worker.compression.spec import parse_spec
from argosy.trainer.worker.spec import Source

from tests.unit.worker.conftest import DEADLINE_SECONDS, ROOT, write_chats

COMPRESS_PYTHON = ROOT / ".venv-compress" / "bin" / "python"
SPEC: dict[str, Any] = {
    "job_id": "ftjob-1",
    "seed": 1,
    "data_kind": "dialogue",
    "scheme": "w8a8",
    "rounding": "nearest",
    "max_seq_length": 128,
    "calibration_records": 8,
    "measured_answers": 0,
}
FILES = {
    "weights_path": "/weights",
    "sources": [{"path": "/training", "rate": 0.5}],
    "validation_file": "/validation",
}


def test_a_spec_is_read_as_the_supervisor_writes_it() -> None:
    spec = parse_spec({**SPEC, **FILES, "group_size": None, "method": "compression"})
    assert spec.sources == (Source(Path("/training"), 0.5),)
    assert (spec.group_size, spec.resume_from, spec.validation_file.name) == (
        None,
        None,
        "validation",
    )


@pytest.mark.parametrize("name", ["scheme", "rounding", "data_kind"])
def test_a_spec_with_an_unknown_word_names_the_field(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        parse_spec({**SPEC, **FILES, name: "magic"})
    with pytest.raises(ValueError, match=f"missing {name}"):
        parse_spec({**SPEC, **FILES, name: None})


@pytest.mark.ml
def test_g02_a_full_disk_is_told_and_leaves_nothing_half_done(
    tiny_model: Path, tmp_path: Path
) -> None:
    spec = {
        "weights_path": str(tiny_model),
        "sources": [{"path": str(write_chats(tmp_path / "train.jsonl", 8)), "rate": 1.0}],
        "validation_file": str(write_chats(tmp_path / "held.jsonl", 2)),
    }
    (tmp_path / "spec.json").write_text(json.dumps(SPEC | spec), "utf-8")
    done = subprocess.run(
        [COMPRESS_PYTHON, "-m", "argosy.trainer.worker.compression", str(tmp_path)],
        env={**os.environ, "ARGOSY_FAILPOINTS": "checkpoint.before_rename=enospc"},
        capture_output=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1, done.stderr.decode()[-3000:]
    assert [event["event"] for event in events] == ["started", "phase", "phase", "step", "failed"]
    assert events[-1]["reason"] == "disk_full"
    assert "no space is left for the compressed model" in events[-1]["message"]
    assert list((tmp_path / "checkpoints").iterdir()) == []
    assert not (tmp_path / "aside").exists()

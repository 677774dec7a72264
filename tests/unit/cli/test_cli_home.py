from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from argosy.cli.errors import FleetError, UsageError
from argosy.cli.fleet import credentials, logfile
from argosy.cli.fleet.home import Home, HomeInUse, read_json, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_lock_admits_one_and_names_its_holder(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    assert not home.in_use()
    assert home.holder() is None
    with home.lock():
        assert home.in_use()
        assert home.holder() == os.getpid()
        with pytest.raises(HomeInUse), home.lock():
            pass
    assert not home.in_use()


def test_a_look_at_the_lock_does_not_take_it(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with home.lock():
        pass
    assert not home.in_use()
    with home.lock():
        pass


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        Home.at(tmp_path / "file")


def test_folders_and_private_files_are_closed_to_others(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    home.prepare()
    write_private(home.state_file, "{}")
    assert mode(home.root) == 0o700
    assert mode(home.logs) == 0o700
    assert mode(home.state_file) == 0o600
    assert [p.name for p in home.root.iterdir() if p.name.startswith(".")] == []


def test_a_damaged_state_reads_as_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{not json")
    assert read_json(tmp_path / "x") is None
    assert read_json(tmp_path / "y") is None


def test_credentials_are_made_once_and_differ_by_home(tmp_path: Path) -> None:
    one, other = Home.at(tmp_path / "one"), Home.at(tmp_path / "other")
    one.prepare()
    other.prepare()
    first = credentials.ensure(one)
    assert credentials.ensure(one) == first
    assert mode(one.credentials_file) == 0o600
    assert first.api_key.startswith("sk-argosy-")
    second = credentials.ensure(other)
    values = [*vars(first).values(), *vars(second).values()]
    assert len(set(values)) == len(values)
    assert first.api_key not in repr(first)


def test_a_new_secret_is_added_and_the_old_ones_stay(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    first = credentials.ensure(home)
    stored = json.loads(home.credentials_file.read_text())
    del stored["engine_key"]
    home.credentials_file.write_text(json.dumps(stored))
    second = credentials.ensure(home)
    assert second.api_key == first.api_key
    assert second.engine_key != first.engine_key


def test_damaged_credentials_are_not_replaced(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    home.credentials_file.write_text("{")
    with pytest.raises(FleetError, match="damaged"):
        credentials.ensure(home)


def test_a_big_log_is_moved_aside_while_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    with logfile.open_for_process(path) as writer:
        writer.write(b"old\n" * 100)
        assert not logfile.trim(path, 1000)
        assert logfile.trim(path, 100)
        writer.write(b"new\n")
    assert path.read_bytes() == b"new\n"
    assert (tmp_path / "x.log.1").read_bytes() == b"old\n" * 100


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("1\n2\n3\n")
    assert logfile.tail(path, 2) == ["2", "3"]
    assert logfile.tail(tmp_path / "none", 2) == []

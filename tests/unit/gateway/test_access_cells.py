"""access.cells: rows that processes share, found by name; here a process is a file opened twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argosy.gateway.access import cells_file, windows
from argosy.gateway.access.cells import Cells, Row, under_way
from argosy.gateway.access.cells_file import CHANGES, CellsInUse
from argosy.gateway.access.local_cells import LocalCells
from argosy.kit.clock import ManualClock

Open = Callable[..., Cells]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "limits"


@pytest.fixture
def cells(path: Path) -> Iterator[Open]:
    opened: list[Cells] = []

    def open_(clock: ManualClock | None = None, **options: int) -> Cells:
        opened.append(Cells(clock or ManualClock(), path, **options))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


def bound(cells: Cells, name: str) -> Row:
    if cells.head[CHANGES] != cells.seen:
        cells.refresh()
    row = cells.row(name)
    if row.epoch != cells.epoch:
        cells.bind(row)
    return row


def count(cells: Cells, name: str, amount: int = 1) -> int:
    row = bound(cells, name)
    windows.add(row.words, row.row + windows.REQUESTS, 5, amount)
    return windows.used(row.rows, windows.REQUESTS, 5)


def test_two_see_each_other_and_names_are_apart(cells: Open) -> None:
    one, other = cells(), cells()
    assert count(one, "key a") == 1
    assert count(other, "key a") == 2
    assert count(one, "key a", 3) == 5
    assert count(other, "key b") == 1
    assert count(one, "key b") == 2


def test_without_a_file_a_process_is_alone() -> None:
    one, other = LocalCells(ManualClock()), LocalCells(ManualClock())
    assert count(one, "key a") == 1
    assert count(other, "key a") == 1


def test_a_process_alone_gives_idle_rows_away_then_the_oldest() -> None:
    clock = ManualClock()
    cells = LocalCells(clock, rows=2)
    clock.advance(5)
    assert count(cells, "key a", 7) == 7
    clock.advance(62)
    row = bound(cells, "key b")
    windows.add(row.words, row.row + windows.REQUESTS, 67, 1)
    # The idle one makes room, the busy one stays.
    bound(cells, "key c")
    assert windows.used(bound(cells, "key b").rows, windows.REQUESTS, 67) == 1
    for name in ("key c", "key d"):
        row = bound(cells, name)
        windows.add(row.words, row.row + windows.REQUESTS, 67, 1)
    # All were busy: the one that was met first begins again, and is not counted twice.
    fresh = bound(cells, "key b")
    assert windows.used(fresh.rows, windows.REQUESTS, 67) == 0


def test_counts_outlive_their_process_and_its_slot_is_taken_over(cells: Open, path: Path) -> None:
    stays = cells()
    count(stays, "key a")
    script = (
        "import sys, pathlib, os, signal\n"
        "from argosy.gateway.access.cells import Cells\n"
        "from argosy.gateway.access import windows\n"
        "from argosy.kit.clock import ManualClock\n"
        "cells = Cells(ManualClock(), pathlib.Path(sys.argv[1]))\n"
        "row = cells.row('key a'); cells.bind(row)\n"
        "windows.add(row.words, row.row + windows.REQUESTS, 5, 10)\n"
        "row.words[row.row + windows.UNDER_WAY] += 4\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    dies = [sys.executable, "-c", script, str(path)]
    assert subprocess.run(dies, check=False, timeout=60).returncode == -9
    row = bound(stays, "key a")
    assert windows.used(row.rows, windows.REQUESTS, 5) == 11
    assert under_way(row) == 4
    assert stays.look_for_dead(100.0)
    assert not stays.look_for_dead(100.1), "not more often than that"
    assert under_way(bound(stays, "key a")) == 0
    size = path.stat().st_size
    # Its successor takes the slot over: the counts go on, what was under way does not.
    after = cells()
    assert path.stat().st_size == size
    assert count(after, "key a") == 12
    assert under_way(bound(stays, "key a")) == 0
    row = bound(after, "key a")
    row.words[row.row + windows.UNDER_WAY] += 1
    assert under_way(bound(stays, "key a")) == 1


def test_a_full_set_gives_away_what_is_idle_first(cells: Open) -> None:
    clock = ManualClock()
    one, other = cells(clock, sets=1), cells(clock, sets=1)
    for number in range(32):
        clock.advance(10)
        for each in (one, other):
            row = bound(each, f"key {number}")
            windows.add(row.words, row.row + windows.REQUESTS, int(clock.monotonic()), 1)
    now = int(clock.monotonic())
    # The eldest are idle: a newcomer gets one's place, begins at nothing, and others keep theirs.
    for newcomer in ("key x", "key y"):
        row = bound(one, newcomer)
        assert windows.used(row.rows, windows.REQUESTS, now) == 0
        windows.add(row.words, row.row + windows.REQUESTS, now, 7)
        assert windows.used(bound(other, newcomer).rows, windows.REQUESTS, now) == 7
    for number in range(27, 32):
        assert windows.used(bound(other, f"key {number}").rows, windows.REQUESTS, now) == 2
    assert windows.used(bound(other, "key 0").rows, windows.REQUESTS, now) == 0


def test_where_none_is_idle_memory_stays_bounded(
    cells: Open, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = cells(sets=1)
    for number in range(40):
        count(one, f"key {number}")
    assert "begin again" in caplog.text
    # The eldest went, one after the other.
    assert [count(one, f"key {number}") for number in range(32, 40)] == [2] * 8
    assert count(one, "key 0") == 1
    assert path.stat().st_blocks * 512 < 200_000


def test_the_day_is_that_of_the_first_clock_whatever_the_wall_does(cells: Open) -> None:
    clock = ManualClock()
    one = cells(clock)
    day = one.day(0.0)
    assert one.day(86_399.0) == day
    assert one.day(86_400.0) == day + 1
    assert one.seconds_to_midnight(86_399.0) == pytest.approx(1.0)
    # A process whose wall clock is an hour off, on the same machine.
    wrong = ManualClock(clock.now().replace(hour=23))
    assert cells(wrong).day(0.0) == day


def test_a_file_that_is_not_ours_is_left_alone(cells: Open, path: Path, tmp_path: Path) -> None:
    cells()
    with pytest.raises(CellsInUse, match="in use"):
        Cells(ManualClock(), path, sets=4)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic"):
        Cells(ManualClock(), link)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_of_another_boot_or_version_is_made_anew(path: Path) -> None:
    first = Cells(ManualClock(), path)
    count(first, "key a")
    first.close()
    kept = Cells(ManualClock(), path)
    assert count(kept, "key a") == 2
    kept.close()
    with path.open("r+b") as file:
        file.seek(16)
        file.write(b"otherone")
    anew = Cells(ManualClock(), path)
    assert count(anew, "key a") == 1
    anew.close()


def test_a_full_disk_is_an_error_and_no_signal(path: Path) -> None:
    import resource

    cells = Cells(ManualClock(), path)
    bound(cells, "key a")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(27)):
            bound(cells, "key b")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    assert count(cells, "key b") == 1
    cells.close()


def test_the_days_counts_outlive_a_restart_of_the_machine(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    monkeypatch.setattr(cells_file, "_boot", lambda: 1)
    one, other = Cells(clock, path), Cells(clock, path)
    day = one.day(clock.monotonic())
    for each, tokens in ((one, 300), (other, 40)):
        row = bound(each, "project a")
        windows.add_in_day(row.words, row.row, day, tokens, 2 * tokens)
        windows.add(row.words, row.row + windows.REQUESTS, 5, 1)
        row.words[row.row + windows.UNDER_WAY] += 1
    idle = bound(one, "project b")
    windows.add_in_day(idle.words, idle.row, day - 1, 7, 7)
    for each in (one, other):
        each.close()

    def used(cells: Cells, name: str, clock: ManualClock) -> tuple[int, int]:
        rows = bound(cells, name).rows
        today = cells.day(clock.monotonic())
        fields = windows.DAY_TOKENS, windows.DAY_COST
        return tuple(windows.used_in_day(rows, field, today) for field in fields)  # type: ignore[return-value]

    # Monotonic time begins anew, and the wall clock has gone on.
    monkeypatch.setattr(cells_file, "_boot", lambda: 2)
    later = ManualClock(clock.now() + timedelta(hours=1))
    after, beside = Cells(later, path), Cells(later, path)
    try:
        assert used(after, "project a", later) == (340, 680)
        assert used(beside, "project a", later) == (340, 680)
        row = bound(beside, "project a")
        assert under_way(row) == 0
        assert windows.used(row.rows, windows.REQUESTS, 5) == 0
        windows.add_in_day(row.words, row.row, after.day(0), 1, 1)
        assert used(after, "project a", later) == (341, 681)
        assert used(after, "project b", later) == (0, 0), "yesterday's"
    finally:
        after.close()
        beside.close()
    # The next day nothing of it is left.
    monkeypatch.setattr(cells_file, "_boot", lambda: 3)
    tomorrow = ManualClock(clock.now() + timedelta(days=1))
    third = Cells(tomorrow, path)
    try:
        assert used(third, "project a", tomorrow) == (0, 0)
    finally:
        third.close()

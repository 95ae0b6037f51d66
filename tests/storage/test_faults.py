"""Faults F25, F26 and F27 on real files and real processes; kill -9 in the middle of commits."""

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.errors import DatabaseUnusable, JournalError
from storage import head
from storage.check import check
from storage.connect import beside, open_reader, open_writer
from storage.emergency import EmergencyFile
from storage.hashchain import last, verify
from storage.room import log_bytes, troubles
from storage.start import prepare
from tests.kin import with_us
from tests.patience import PATIENCE_S
from tests.storage.samples import AT, a_trade, context, created, open_journal, unit, write

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("PILOTHOUSE_STORAGE_KILLS", "10"))


def whole(path: Path) -> int:
    """Return the last seq of a database in which nothing is wrong."""
    db = open_reader(path)
    assert verify(db) is None
    found = last(db).seq
    db.close()
    return found


@contextmanager
def trader(path: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A process that trades until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.trader", str(path), *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=with_us(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


# -- F25: disk full, read-only -------------------------------------------------------------


async def test_a_full_database_halts_and_goes_on_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await write(path)
    emergency = EmergencyFile(path)
    async with await open_journal(path) as journal:
        journal.resume(context())
        pages = journal._writer._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._writer._connection.execute(f"PRAGMA max_page_count = {pages + 12}")
        acknowledged, n = 1, 0
        while journal.failed is None:
            n += 1
            journal.put(unit(*a_trade(n)))
            with contextlib.suppress(JournalError):
                await journal.commit()
                acknowledged += 6
        assert "the disk is full" in str(journal.failed)
        assert whole(path) == acknowledged
        emergency.note(AT, a_trade(n)[1])
        journal._writer._connection.execute("PRAGMA max_page_count = 1000000")
        await journal.reset()
        assert journal.next_seq == acknowledged + 1
        journal.put(unit(*a_trade(n)))
        await journal.commit()
        assert [type(noted.event).__name__ for noted in emergency.noted()] == ["SendStarted"]
    emergency.close()
    assert whole(path) == acknowledged + 6
    assert all(finding.ok for finding in check(path))


def test_a_process_that_runs_out_of_room_ends_cleanly_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    prepare(path)
    with trader(path, str(path.stat().st_size + 200_000)) as process:
        assert process.stdout is not None
        told = process.stdout.read().split("\n")
        assert process.wait(timeout=PATIENCE_S) == 5
    acknowledged = [int(line) for line in told if line.isdigit()]
    assert any(line.startswith("JournalError") and "disk is full" in line for line in told), told
    assert whole(path) >= acknowledged[-1]
    with trader(path) as process:
        assert next_numbers(process, 3)
    assert whole(path) > acknowledged[-1]


async def test_a_connection_that_became_read_only_halts(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        journal.put(created())
        await journal.commit()
        journal._writer._connection.execute("PRAGMA query_only = ON")
        journal.put(unit(*a_trade()))
        with pytest.raises(JournalError, match="read-only"):
            await journal.commit()
        journal._writer._connection.execute("PRAGMA query_only = OFF")
        await journal.reset()
        journal.put(unit(*a_trade()))
        await journal.commit()
    assert whole(path) == 7


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("read_only", ["file", "folder"])
def test_what_this_user_may_not_write_is_refused_at_start(read_only: str) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from storage.start import prepare; from engine.errors import DatabaseUnusable\n"
        "path = Path(sys.argv[1]); prepare(path); os.setuid(65534)\n"
        "try: prepare(path)\n"
        "except DatabaseUnusable as error: print(error)"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.db"
        prepare(path)
        path.chmod(0o666 if read_only == "folder" else 0o644)
        Path(folder).chmod(0o755 if read_only == "folder" else 0o777)
        before = path.read_bytes()
        run = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        assert path.read_bytes() == before
    assert "is read-only" in run.stdout


# -- F26: locked ---------------------------------------------------------------------------


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process has begun to write and does not end."""
    code = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('BEGIN IMMEDIATE'); print('locked', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    try:
        yield
    finally:
        process.communicate()


@pytest.mark.parametrize("durable", [True, False])
async def test_a_lock_of_somebody_elses_halts_and_is_outlived(
    tmp_path: Path, durable: bool
) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path, busy_timeout_ms=200) as journal:
        journal.put(created())
        await journal.commit()
        with locked(path):
            journal.put(unit(*a_trade(), durable=durable))
            began = time.monotonic()
            with pytest.raises(JournalError, match="another process keeps it locked"):
                await journal.commit()
            assert 0.15 < time.monotonic() - began < 5
            with pytest.raises(JournalError, match="takes nothing"):
                journal.put(unit(*a_trade()))
        await journal.reset()
        journal.put(unit(*a_trade()))
        await journal.commit()
    assert whole(path) == 7


async def test_a_short_lock_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        journal.put(created())
        await journal.commit()
        other = open_writer(path)
        other.execute("BEGIN IMMEDIATE")
        journal.put(unit(*a_trade()))
        task = asyncio.create_task(journal.commit())
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
        await task
        other.close()
    assert whole(path) == 7


async def test_a_reader_that_is_held_open_does_not_stop_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        journal.put(created())
        await journal.commit()
        reader = open_reader(path)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM events").fetchone()[0] == 1
        for n in range(1, 40):
            journal.put(unit(*a_trade(n)))
            await journal.commit()
        size = log_bytes(path)
        long = troubles(path, free_least=0, log_most=size - 1)
        assert f"pid {os.getpid()}" in str(long["log_long"])
        well = troubles(path, free_least=0, log_most=size)
        assert well == {"disk_low": None, "log_long": None}
        assert "GiB are wanted" in str(troubles(path, free_least=1 << 60)["disk_low"])
        assert reader.execute("SELECT count(*) FROM events").fetchone()[0] == 1
        reader.close()
        await journal.truncate_log()
        assert log_bytes(path) == 0


# -- F27: bits, logs, copies ---------------------------------------------------------------


async def killed_copy(tmp_path: Path) -> Path:
    """A database as kill -9 leaves it: with a log, after 40 trades."""
    path = tmp_path / "running.db"
    journal = await open_journal(path)
    journal.put(created())
    await journal.commit()
    for n in range(1, 41):
        journal.put(unit(*a_trade(n), durable=n == 40))
        await journal.commit()
    copy = tmp_path / "p.db"
    for suffix in ("", "-wal", ".head"):
        shutil.copy(beside(path, suffix), beside(copy, suffix))
    head.write(copy, journal._writer.link)
    await journal.close()
    return copy


def flip(path: Path, where: int, bit: int = 0) -> None:
    """Flip one bit of a file."""
    with path.open("r+b") as file:
        file.seek(where)
        found = file.read(1)[0]
        file.seek(where)
        file.write(bytes([found ^ (1 << bit)]))


async def test_a_killed_database_starts(tmp_path: Path) -> None:
    assert prepare(await killed_copy(tmp_path)) == ""


async def test_a_deleted_log_is_found_at_start(tmp_path: Path) -> None:
    path = await killed_copy(tmp_path)
    beside(path, "-wal").unlink()
    assert "the head file knows event 241" in prepare(path)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
async def test_a_bit_flipped_in_the_log_is_found_at_start(tmp_path: Path, share: float) -> None:
    path = await killed_copy(tmp_path)
    log = beside(path, "-wal")
    flip(log, int(log.stat().st_size * share))
    lost = prepare(path)
    assert "the head file knows event 241" in lost


async def test_bits_flipped_in_the_file_are_found(tmp_path: Path) -> None:
    """Every flip that changes what is stored is found by `db check`, damage to pages at start."""
    original = tmp_path / "original.db"
    await write(original, *(unit(*a_trade(n)) for n in range(1, 41)))
    stored = dump(original)
    chance = random.Random(7)
    size = original.stat().st_size
    missed = []
    for n in range(40):
        path = tmp_path / "p.db"
        shutil.copy(original, path)
        where, bit = chance.randrange(100, size), chance.randrange(8)
        flip(path, where, bit)
        if dump(path) == stored:
            continue  # free space
        try:
            found = [finding for finding in check(path) if not finding.ok]
        except DatabaseUnusable:
            continue
        if not found:
            missed.append((n, where, bit))
        for suffix in ("-wal", "-shm"):
            beside(path, suffix).unlink(missing_ok=True)
    assert missed == []


def dump(path: Path) -> object:
    """All that a reader finds in the tables of a database, as one value."""
    try:
        db = open_reader(path)
    except DatabaseUnusable as error:
        return str(error)
    try:
        names = [
            row[0]
            for row in db.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' "
                "AND name NOT IN ('anchors', 'migrations')"
            )
        ]
        return [
            sorted((tuple(row) for row in db.execute(f"SELECT * FROM {name}")), key=repr)  # noqa: S608
            for name in names
        ]
    except sqlite3.Error as error:
        return str(error)
    finally:
        db.close()


# -- kill -9 -------------------------------------------------------------------------------


def next_numbers(process: subprocess.Popen[str], count: int) -> list[int]:
    """Read what was acknowledged, until so many numbers have come."""
    assert process.stdout is not None
    found: list[int] = []
    while len(found) < count:
        line = process.stdout.readline()
        assert line, "the process has ended"
        if line.strip().isdigit():
            found.append(int(line))
    return found


def test_kill_9_in_the_middle_of_commits_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    chance = random.Random(11)
    acknowledged = 0
    for _ in range(KILLS):
        with trader(path) as process:
            acknowledged = next_numbers(process, chance.randrange(1, 40))[-1]
            deadline = time.perf_counter() + chance.random() * 0.003
            while time.perf_counter() < deadline:
                pass
            process.kill()
            assert process.stdout is not None
            for line in process.stdout.read().split("\n"):
                if line.isdigit():  # a number that was cut off would be smaller
                    acknowledged = max(acknowledged, int(line))
        assert whole(path) >= acknowledged
        known = head.read(path)
        assert known is not None
        assert known.seq <= whole(path)
    assert all(finding.ok for finding in check(path))
    print(f"{KILLS} kills, {whole(path)} events")

"""`db check` and the start of an engine find what was changed behind their backs."""

import asyncio
import json
import os
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from engine.domain.event import CashChanged, Event, OrderApproved
from engine.domain.money import ONE
from engine.errors import DatabaseUnusable, JournalError
from storage import head, start
from storage.backup import make_backup
from storage.check import COMPARED, Finding, check
from storage.connect import open_reader, open_writer
from storage.emergency import SIZE, EmergencyFile
from storage.hashchain import last
from storage.start import prepare
from tests.storage.samples import (
    AT,
    REGIME,
    a_trade,
    context,
    created,
    open_journal,
    order,
    unit,
    write,
)
from tests.storage.test_hashchain import edit
from tests.storage.test_queries import a_day


def faults(path: Path, folder: Path | None = None) -> dict[str, str]:
    """What `db check` finds wrong."""
    return {finding.what: finding.fault for finding in check(path, folder) if not finding.ok}


async def test_a_whole_database_has_no_findings(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await a_day(path)
    found = check(path)
    assert all(finding.ok for finding in found)
    assert [finding.what for finding in found] == [
        "pages", "keys", "chain", "tables", "head", "backup",
    ]  # fmt: skip
    assert Finding("tables", "", f"{len(COMPARED)} compared") in found


async def test_a_database_of_an_older_schema_is_checked_by_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await a_day(path)
    db = sqlite3.connect(path, isolation_level=None)
    for sql in (
        "DROP VIEW v_orders",
        "ALTER TABLE orders DROP COLUMN held",
        "PRAGMA user_version = 5",
    ):
        db.execute(sql)
    assert all(finding.ok for finding in check(path))
    db.execute("UPDATE orders SET filled_u = filled_u + 1")
    db.close()
    assert "orders" in faults(path)["tables"]


def test_every_table_of_a_session_is_compared_or_holds_no_facts(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    prepare(path)
    db = open_reader(path)
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    db.close()
    assert tables == {
        *COMPARED, "events", "migrations", "anchors", "latest_heartbeat",
        "latest_quotes",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "what", "words"),
    [
        ("UPDATE orders SET filled_u = 1 WHERE order_id = 'ord_AAAA'", "tables", "orders: 1 rows"),
        ("DELETE FROM fills", "tables", "fills: 0 rows the journal does not explain, 1 it does"),
        ("UPDATE strategies SET cash_u = cash_u + 1", "tables", "strategies"),
        ("UPDATE events SET payload = replace(payload, '0.6', '0.7')", "chain", "does not match"),
        ("DELETE FROM events WHERE seq = 4", "chain", "event 4 is missing"),
    ],
)
async def test_a_change_is_found(tmp_path: Path, change: str, what: str, words: str) -> None:
    path = tmp_path / "p.db"
    await a_day(path)
    edit(path, change)
    assert words in faults(path)[what]


async def test_a_row_that_points_to_nothing_is_found(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await a_day(path)
    db = open_writer(path)
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("UPDATE jobs SET session_id = 'nobody'")
    db.execute("UPDATE signals SET session_id = 'nobody'")
    db.close()
    assert faults(path)["keys"] == "2 rows point to nothing"


async def test_a_database_behind_its_backup_is_found(tmp_path: Path) -> None:
    path, folder = tmp_path / "p.db", tmp_path / "copies"
    await write(path)
    old = tmp_path / "old.db"
    shutil.copy(path, old)
    async with await open_journal(path) as journal:
        journal.resume(context())
        journal.put(unit(*a_trade()))
        await journal.commit()
    make_backup(path, folder, AT)
    shutil.copy(old, path)
    found = faults(path, folder)
    assert found["head"] == found["backup"] == "it knows event 7, the journal ends at 1"


def test_what_cannot_be_read_is_no_finding_but_an_error(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    with pytest.raises(DatabaseUnusable, match="there is no database"):
        check(path)
    path.write_text("diary" * 100)
    with pytest.raises(DatabaseUnusable, match="not a database"):
        check(path)


# -- the start of an engine ----------------------------------------------------------------


@pytest.mark.parametrize("whole_chain_bytes", [0, 1 << 20])
async def test_an_edit_after_the_anchor_is_found_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole_chain_bytes: int
) -> None:
    monkeypatch.setattr(start, "WHOLE_CHAIN_BYTES", whole_chain_bytes)
    path = tmp_path / "p.db"
    await write(path)
    journal = await open_journal(path)
    journal.resume(context())
    journal.put(unit(*a_trade()))
    await journal.commit()
    copy = tmp_path / "killed.db"  # as if killed here: no anchor was set at the end
    shutil.copy(path, copy)
    shutil.copy(tmp_path / "p.db-wal", tmp_path / "killed.db-wal")
    await journal.close()
    edit(copy, "UPDATE events SET subject = 'x' WHERE seq = 6")
    with pytest.raises(DatabaseUnusable, match=r"event 6 does not match its hash; `pilothouse db"):
        prepare(copy)


async def test_a_large_file_is_checked_from_its_anchor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.db"
    await write(path, unit(*a_trade()))
    edit(path, "UPDATE events SET subject = 'x' WHERE seq = 2")
    monkeypatch.setattr(start, "WHOLE_CHAIN_BYTES", 0)
    assert prepare(path) == ""
    monkeypatch.undo()
    with pytest.raises(DatabaseUnusable, match="event 2 does not match"):
        prepare(path)


async def test_an_old_copy_put_back_is_told_by_the_head_file(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await write(path)
    old = path.read_bytes()
    async with await open_journal(path) as journal:
        journal.resume(context())
        journal.put(unit(*a_trade()))
        await journal.commit()
    path.write_bytes(old)
    lost = "the head file knows event 7, the journal ends at 1"
    assert prepare(path) == lost
    async with await open_journal(path) as journal:
        assert journal.tail_lost == lost
        journal.resume(context())
        journal.put(unit(*a_trade()))
        await journal.commit()
    assert prepare(path) == ""


async def test_a_deleted_database_is_told_by_the_head_file(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await write(path)
    path.unlink()
    assert prepare(path) == "the head file knows event 1, the database is empty"


async def test_the_journal_of_another_database_is_refused(tmp_path: Path) -> None:
    path, other = tmp_path / "p.db", tmp_path / "q.db"
    await write(path, unit(*a_trade()))
    await write(other, unit(*a_trade(3)))
    shutil.copy(other, path)
    with pytest.raises(DatabaseUnusable, match="the journal of another database"):
        prepare(path)


async def test_the_head_file_never_names_more_than_is_written(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        journal.put(created())
        await journal.commit()
        db = open_reader(path)
        assert head.read(path) == last(db)
        for n in range(1, 30):
            journal.put(unit(*a_trade(n)))
            await journal.commit()
            known = head.read(path)
            assert known is not None
            assert known.seq <= last(db).seq
        db.close()
    assert not (tmp_path / "p.db-wal").exists()
    db = open_reader(path)
    assert head.read(path) == last(db)
    db.close()


async def test_a_database_that_an_engine_writes_is_whole_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        journal.put(created())
        await journal.commit()
        for n in range(1, 200):
            journal.put(unit(*a_trade(n)))
        await journal.commit()
        run = asyncio.get_running_loop().run_in_executor
        looking = run(None, lambda: [check(path) for _ in range(4)])
        written = 200
        while not looking.done():
            journal.put(unit(*a_trade(written)))
            await journal.commit()
            written += 1
            await asyncio.sleep(0)
        assert written > 220, "it was written meanwhile"
        assert [one for found in looking.result() for one in found if not one.ok] == []


async def test_an_order_does_not_wait_for_the_head_file_which_follows(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        connection = journal._writer._connection
        journal.put(created())
        await journal.commit()
        before = head.read(path)
        connection._head_at, connection.quick = float("-inf"), True
        journal.put(unit(*a_trade(1), durable=True))
        with pytest.raises(StopIteration):  # written without a turn of the loop
            journal.commit().send(None)
        assert head.read(path) == before
        db = open_reader(path)
        async with asyncio.timeout(5):
            while head.read(path) != last(db):  # noqa: ASYNC110  another thread writes it
                await asyncio.sleep(0.001)
        db.close()


async def test_a_head_file_that_cannot_be_written_is_told_by_the_next_commit(
    tmp_path: Path,
) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        connection = journal._writer._connection
        journal.put(created())
        await journal.commit()
        (tmp_path / "p.db.head.new").mkdir()
        connection._head_at, connection.quick = float("-inf"), True
        journal.put(unit(*a_trade(1), durable=True))
        await journal.commit()
        async with asyncio.timeout(5):
            while connection.quick:  # noqa: ASYNC110  another thread tries
                await asyncio.sleep(0.001)
        journal.put(unit(*a_trade(2), durable=True))
        with pytest.raises(JournalError, match="directory"):
            await journal.commit()
        (tmp_path / "p.db.head.new").rmdir()


def test_an_unreadable_head_file_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    for text in ("", "{", json.dumps({"seq": "x", "hash": ""}), "[]"):
        (tmp_path / "p.db.head").write_text(text)
        assert head.read(path) is None


# -- the emergency file --------------------------------------------------------------------


def test_cancels_are_noted_while_the_database_takes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    file = EmergencyFile(path)
    assert file.path.stat().st_size == SIZE
    events: list[Event] = [
        OrderApproved(order=order()),
        CashChanged(strategy=REGIME, before=ONE, after=ONE, reason="a line\nand another"),
    ]
    for n, event in enumerate(events):
        file.note(AT + timedelta(seconds=n), event)
    file.close()
    again = EmergencyFile(path)
    assert [noted.event for noted in again.noted()] == events
    assert again.noted()[1].at == AT + timedelta(seconds=1)
    again.clear()
    assert again.noted() == []
    again.close()
    assert file.path.stat().st_size == SIZE


def test_a_line_that_was_cut_off_is_left_out_and_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    file = EmergencyFile(path)
    file.note(AT, OrderApproved(order=order()))
    end = len(file.path.read_bytes().rstrip(b"\0"))
    file.close()
    raw = os.open(file.path, os.O_RDWR)
    os.pwrite(raw, b'["2026-11-20', end)
    os.close(raw)
    again = EmergencyFile(path)
    assert len(again.noted()) == 1
    again.note(AT, OrderApproved(order=order("ord_2")))
    assert len(again.noted()) == 2
    again.close()

"""The hash chain: its golden vector, and every way to break it."""

import sqlite3
from pathlib import Path

import pytest

from storage.connect import open_reader, open_writer
from storage.hashchain import GENESIS, START, at_seq, last, link, verify
from tests.storage.samples import a_trade, unit, write


def test_the_vector_of_the_specification() -> None:
    at = "2026-11-20T14:30:00.000000Z"
    session_id = "offline-20261120T143000Z-0a1b2c3d"
    assert (
        link(GENESIS, 1, session_id, at, at, "SessionCreated", session_id, None,
             '{"mode":"offline"}')
        == "9a77cb63cd8d850778e9d0c6a99e5f7cf321012f7fcf7519ce5b89fbd686e885"
    )  # fmt: skip


async def test_a_written_journal_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await write(path, unit(*a_trade()))
    db = open_reader(path)
    assert verify(db) is None
    assert last(db).seq == 7
    assert verify(db, last(db)) is None
    db.close()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE events SET payload = payload || ' ' WHERE seq = 3", "event 3 does not match"),
        ("UPDATE events SET at = replace(at, '2026', '2025') WHERE seq = 4", "event 4 does not"),
        ("UPDATE events SET causation_seq = NULL WHERE seq = 4", "event 4 does not match"),
        ("DELETE FROM events WHERE seq = 5", "event 5 is missing, the next one is 6"),
    ],
)
async def test_every_edit_is_found(tmp_path: Path, change: str, fault: str) -> None:
    path = tmp_path / "p.db"
    await write(path, unit(*a_trade()))
    edit(path, change)
    db = open_reader(path)
    assert fault in (verify(db) or "")
    db.close()


def edit(path: Path, change: str) -> None:
    """Change the journal as an intruder would: the triggers are gone first."""
    db = open_writer(path)
    db.execute("DROP TRIGGER events_are_never_changed")
    db.execute("DROP TRIGGER events_are_never_deleted")
    db.execute(change)
    db.close()


@pytest.mark.parametrize("change", ["UPDATE events SET at = at", "DELETE FROM events"])
async def test_events_refuse_to_be_changed(tmp_path: Path, change: str) -> None:
    path = tmp_path / "p.db"
    await write(path)
    db = open_writer(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(change)
    db.close()


async def test_an_anchor_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await write(path)
    db = open_reader(path)
    assert at_seq(db, 0) == START
    assert at_seq(db, 99) is None
    assert "anchored" in (verify(db, START._replace(seq=1)) or "")
    db.close()

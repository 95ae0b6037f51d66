"""Copies: made beside a writer, checked, kept for a year, and put back."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from engine.errors import DatabaseUnusable, EngineRunning, JournalError
from storage import head
from storage.backup import backups, kept, make_backup, manifest_path, prune, restore
from storage.check import check
from storage.connect import open_reader, open_writer
from storage.start import prepare
from tests.storage.samples import AT, a_trade, context, created, open_journal, unit, write


async def test_a_backup_beside_a_writer_is_whole(tmp_path: Path) -> None:
    path, folder = tmp_path / "p.db", tmp_path / "copies"
    async with await open_journal(path) as journal:
        journal.put(created())
        journal.put(unit(*a_trade()))
        await journal.commit()
        made = make_backup(path, folder, AT)
        assert made.link.seq == 7
        assert made.counts["orders"] == 1
        journal.put(unit(*a_trade(2)))
        await journal.commit()
    assert made.path.name == "p-20261120T143000Z.db"
    assert [file.name for file in folder.iterdir() if file.name.startswith(".")] == []
    assert backups(folder) == [made]
    manifest = json.loads(manifest_path(made.path).read_text())
    assert (manifest["seq"], manifest["hash"]) == made.link
    assert all(finding.ok for finding in check(path, folder))


async def test_a_damaged_database_gives_no_backup(tmp_path: Path) -> None:
    path, folder = tmp_path / "p.db", tmp_path / "copies"
    await write(path, unit(*a_trade()))
    db = open_writer(path)
    db.execute("DROP TRIGGER events_are_never_changed")
    db.execute("UPDATE events SET subject = 'x' WHERE seq = 3")
    db.close()
    with pytest.raises(JournalError, match="event 3 does not match"):
        make_backup(path, folder, AT)
    assert list(folder.iterdir()) == []


def test_retention_keeps_days_weeks_and_months() -> None:
    nights = [datetime(2026, 12, 31, 22, tzinfo=UTC) - timedelta(days=n) for n in range(500)]
    stay = sorted(kept(nights), reverse=True)
    assert stay[:7] == nights[:7]
    assert len(stay) == 7 + 2 + 11  # the newest weeks and month are among the seven days
    assert stay[-1] == datetime(2026, 1, 31, 22, tzinfo=UTC)
    assert kept([]) == set()


async def test_pruning_removes_copies_with_their_manifests(tmp_path: Path) -> None:
    path, folder = tmp_path / "p.db", tmp_path / "copies"
    await write(path)
    for hours in range(3):
        make_backup(path, folder, AT + timedelta(hours=hours))
    (folder / "notes.db").write_text("not ours")
    gone = prune(folder)
    assert [file.name for file in gone] == ["p-20261120T153000Z.db", "p-20261120T143000Z.db"]
    assert sorted(file.name for file in folder.iterdir()) == [
        "notes.db", "p-20261120T163000Z.db", "p-20261120T163000Z.json",
    ]  # fmt: skip


async def test_restore_puts_a_copy_in_place_and_keeps_what_was_there(tmp_path: Path) -> None:
    path, folder = tmp_path / "p.db", tmp_path / "copies"
    await write(path, unit(*a_trade()))
    copy = make_backup(path, folder, AT)
    async with await open_journal(path) as journal:
        journal.resume(context())
        journal.put(unit(*a_trade(2)))
        await journal.commit()
    done = restore(path, copy.path, AT)
    assert done.link == copy.link
    kept_file = tmp_path / "p.db.replaced-20261120T143000Z"
    assert kept_file in done.replaced
    old = open_reader(kept_file)
    assert old.execute("SELECT count(*) FROM orders").fetchone()[0] == 2
    old.close()
    assert head.read(path) == copy.link
    assert prepare(path) == ""
    assert copy.path.exists()
    async with await open_journal(path) as journal:
        assert journal.next_seq == copy.link.seq + 1


async def test_restore_keeps_a_damaged_file_together_with_its_log(tmp_path: Path) -> None:
    path, folder = tmp_path / "p.db", tmp_path / "copies"
    await write(path)
    copy = make_backup(path, folder, AT)
    path.write_bytes(b"\0" * 5000)
    (tmp_path / "p.db-wal").write_bytes(b"log")
    done = restore(path, copy.path, AT)
    assert {file.name.removeprefix("p.db.replaced-20261120T143000Z") for file in done.replaced} >= {
        "", "-wal",
    }  # fmt: skip
    assert prepare(path) == ""


async def test_restore_is_refused_while_an_engine_holds_the_database(tmp_path: Path) -> None:
    path, folder = tmp_path / "p.db", tmp_path / "copies"
    await write(path)
    copy = make_backup(path, folder, AT)
    before = path.read_bytes()
    with FileLock(tmp_path / "p.db.lock"), pytest.raises(EngineRunning, match="an engine holds"):
        restore(path, copy.path, AT)
    assert path.read_bytes() == before


async def test_what_is_no_whole_database_is_not_restored(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await write(path)
    before = path.read_bytes()
    (tmp_path / "text.db").write_text("no database" * 50)
    (tmp_path / "empty.db").touch()
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE songs (title)")
    other.close()
    for name in ("text.db", "empty.db", "other.db", "missing.db"):
        with pytest.raises(DatabaseUnusable):
            restore(path, tmp_path / name, AT)
    assert path.read_bytes() == before


async def test_copies_of_another_database_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    mine = tmp_path / "mine.db"
    for database in (mine, tmp_path / "others.db"):
        async with await open_journal(database) as journal:
            journal.put(created())
            await journal.commit()
        make_backup(database, folder, AT)
    assert [copy.path.name[:4] for copy in backups(folder, mine)] == ["mine"]
    assert all(finding.ok for finding in check(mine, folder))
    assert prune(folder, (0, 0, 0), mine) != []
    assert [copy.path.name[:6] for copy in backups(folder)] == ["others"]

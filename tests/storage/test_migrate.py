"""Opening: create, update after a copy, refuse what is newer, damaged or foreign."""

import hashlib
import sqlite3
import struct
from pathlib import Path

import pytest

from engine.errors import DatabaseUnusable
from storage import migrate
from storage.connect import open_reader, open_writer
from storage.migrate import Migration, migrations, statements, version_of
from storage.start import prepare
from tests.storage.samples import a_trade, unit, write


def fingerprint(path: Path) -> str:
    """The file's bytes, hashed."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_new_database_has_the_newest_schema(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "p.db"
    assert version_of(path) == 0
    assert prepare(path) == ""
    assert version_of(path) == len(migrations())
    assert prepare(path) == ""


def test_what_was_released_is_never_changed() -> None:
    released = {
        "0001_initial.sql": "e4b4100003ad",
        "0002_link_and_quiet_days.sql": "d3085ae3924a",
        "0003_cheaper_indexes.sql": "9dd2ef84ac05",
        "0004_compared.sql": "abc157300f83",
        "0005_leaner_quiet_days.sql": "cbcbda15747f",
    }
    found = {step.name: step.checksum[:12] for step in migrations()}
    assert {name: found.get(name) for name in released} == released, "write another migration"


def test_the_pragmas_are_those_of_the_specification(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    prepare(path)
    db = open_writer(path)
    found = {
        name: db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in (
            "journal_mode", "busy_timeout", "foreign_keys", "temp_store", "cache_size",
            "wal_autocheckpoint", "trusted_schema", "mmap_size", "synchronous",
        )
    }  # fmt: skip
    db.close()
    assert found == {
        "journal_mode": "wal", "busy_timeout": 5000, "foreign_keys": 1, "temp_store": 2,
        "cache_size": -32000, "wal_autocheckpoint": 1000, "trusted_schema": 0, "mmap_size": 0,
        "synchronous": 1,
    }  # fmt: skip


def test_a_reader_cannot_write_and_reads_whatever_is_there(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    prepare(path)
    reader = open_reader(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM anchors")
    assert reader.execute("SELECT CAST(x'61ff62' AS TEXT)").fetchone()[0] == "a\ufffdb"
    reader.close()


async def test_a_newer_schema_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await write(path)
    db = open_writer(path)
    newer = len(migrations()) + 1
    db.execute(f"PRAGMA user_version = {newer}")
    db.close()
    before = fingerprint(path)
    with pytest.raises(DatabaseUnusable, match=f"schema {newer}, this program knows {newer - 1}"):
        migrate.migrate(path)
    with pytest.raises(DatabaseUnusable, match=f"schema {newer}"):
        prepare(path)
    assert fingerprint(path) == before


async def test_an_older_schema_is_updated_after_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.db"
    await write(path, unit(*a_trade()))
    later = Migration(len(migrations()) + 1, "9999_later.sql", "CREATE TABLE later (x) ;\n")
    steps = [*migrations(), later]
    monkeypatch.setattr(migrate, "migrations", lambda: steps)
    assert migrate.migrate(path) == len(steps) - 1
    assert version_of(path) == len(steps)
    assert version_of(tmp_path / f"p.db.v{len(steps) - 1}") == len(steps) - 1
    db = open_reader(path)
    assert db.execute("SELECT count(*) FROM later").fetchone()[0] == 0
    assert db.execute("SELECT count(*) FROM events").fetchone()[0] == 7
    db.close()


async def test_a_migration_that_fails_leaves_the_old_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.db"
    await write(path)
    bad = Migration(
        len(migrations()) + 1,
        "9999_bad.sql",
        "CREATE TABLE later (x);\nINSERT INTO nowhere VALUES (1);\n",
    )
    steps = [*migrations(), bad]
    monkeypatch.setattr(migrate, "migrations", lambda: steps)
    with pytest.raises(DatabaseUnusable, match="nowhere"):
        migrate.migrate(path)
    assert version_of(path) == len(steps) - 1
    db = open_reader(path)
    assert db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'later'").fetchone()[0] == 0
    db.close()


async def test_a_database_of_other_migrations_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.db"
    await write(path)
    other = [step._replace(sql=step.sql + "-- changed\n") for step in migrations()]
    monkeypatch.setattr(migrate, "migrations", lambda: other)
    with pytest.raises(DatabaseUnusable, match="made by another 0001_initial"):
        migrate.migrate(path)


def test_a_file_that_is_no_database_is_refused_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    path.write_text("this is a diary, not a database" * 10)
    before = fingerprint(path)
    with pytest.raises(DatabaseUnusable, match="pilothouse db restore"):
        prepare(path)
    assert fingerprint(path) == before


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE songs (title)")
    db.close()
    with pytest.raises(DatabaseUnusable, match="another program"):
        prepare(path)


def test_a_version_that_only_the_log_holds_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    prepare(path)
    db = open_writer(path)
    db.execute("PRAGMA user_version = 9")
    header = path.read_bytes()[60:64]
    assert struct.unpack(">I", header)[0] == len(migrations())
    assert version_of(path) == 9
    db.close()


def test_statements_are_split_where_they_end() -> None:
    script = """-- a; comment
CREATE TABLE a (
    x TEXT -- ; no
);
CREATE TRIGGER t BEFORE DELETE ON a
BEGIN
    SELECT 1;
    SELECT 2;
END;
"""
    assert len(list(statements(script))) == 2
    with pytest.raises(DatabaseUnusable, match="inside a statement"):
        list(statements("CREATE TABLE a (x)\n"))

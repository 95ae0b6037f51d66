"""`db check`: is the file whole, and do its tables say what the journal says?

A bit flipped in a table leaves a valid database: SQLite's own check finds one such flip in
six. So the chain is verified row by row and every table is made again from the journal, in
memory, and compared.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from engine.domain.event import SessionCreated
from engine.domain.times import parse_utc
from engine.errors import DatabaseUnusable, JournalError
from storage import head
from storage.backup import Backup, backups
from storage.codec import decode
from storage.connect import open_reader, unusable
from storage.hashchain import Link, at_seq, last, verify
from storage.migrate import migrations, statements, version_of
from storage.projections import project
from storage.projections.row import Place

COMPARED = (
    "sessions", "books", "strategies", "parameter_changes", "regimes", "decisions", "signals",
    "orders", "fills", "positions", "snapshots", "reconciliations", "differences",
    "accepted_differences", "alerts", "jobs", "latches",
)  # fmt: skip
_NOT_JOURNALED = {"sessions": {"ended_at"}}  # wall time: the journal has the session's clock


class Finding(NamedTuple):
    """One thing that was looked at; `fault` is empty where all is well."""

    what: str  # pages, keys, chain, tables, head, backup
    fault: str
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Say whether nothing is wrong here."""
        return not self.fault


def check(path: Path, backup_folder: Path | None = None) -> list[Finding]:
    """Return what was looked at, faults included. DatabaseUnusable if it cannot be read."""
    if not path.exists():
        raise DatabaseUnusable(f"there is no database {path}")
    known = len(migrations())
    version = version_of(path)
    if version > known:
        raise DatabaseUnusable(
            f"the database {path} has schema {version}, this program knows {known}"
        )
    db = open_reader(path)
    try:
        return _check(db, path, backup_folder)
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    finally:
        db.close()


def _check(db: sqlite3.Connection, path: Path, backup_folder: Path | None) -> list[Finding]:
    # What is beside it first: an engine may write on, and the journal know more then, never less.
    beside = head.read(path)
    copies = backups(backup_folder, path) if backup_folder is not None else []
    db.execute("BEGIN")
    pages = [str(row[0]) for row in db.execute("PRAGMA integrity_check(10)").fetchall()]
    keys = db.execute("PRAGMA foreign_key_check").fetchall()
    end = last(db)
    return [
        Finding("pages", "" if pages == ["ok"] else "; ".join(pages)),
        Finding("keys", f"{len(keys)} rows point to nothing" if keys else ""),
        Finding("chain", verify(db) or "", f"{end.seq} events"),
        *_tables(path),
        _against(db, end, beside, "head"),
        _newest_backup(db, end, copies),
    ]


def _against(db: sqlite3.Connection, end: Link, known: Link | None, what: str) -> Finding:
    """Compare the journal with what a file beside it says of it."""
    if known is None:
        return Finding(what, "", "there is none")
    if known.seq > end.seq:
        return Finding(what, f"it knows event {known.seq}, the journal ends at {end.seq}")
    if at_seq(db, known.seq) != known:
        return Finding(what, f"event {known.seq} is another than the one it names")
    return Finding(what, "", f"event {known.seq}")


def _newest_backup(db: sqlite3.Connection, end: Link, copies: Sequence[Backup]) -> Finding:
    if not copies:
        return Finding("backup", "", "there is none")
    return _against(db, end, copies[0].link, "backup")._replace(detail=copies[0].path.name)


# -- tables made again ---------------------------------------------------------------------


def _tables(path: Path) -> list[Finding]:
    try:
        again = rebuild(path)
    except (JournalError, sqlite3.Error, ValueError, LookupError, TypeError) as error:
        return [Finding("tables", f"they cannot be made again from the journal: {error}")]
    try:
        faults = [fault for table in COMPARED if (fault := _difference(again, table))]
    finally:
        again.close()
    return [Finding("tables", fault) for fault in faults] or [
        Finding("tables", "", f"{len(COMPARED)} compared")
    ]


def rebuild(path: Path) -> sqlite3.Connection:
    """Return a database in memory whose tables were made again from another one's journal.

    That one is attached as `stored`, in a transaction: both are of the same moment.
    """
    again = sqlite3.connect("file::memory:", uri=True, isolation_level=None)
    try:
        for step in migrations():
            for statement in statements(step.sql):
                again.execute(statement)
        again.execute("ATTACH ? AS stored", (f"{path.resolve().as_uri()}?mode=ro",))
        again.execute("BEGIN")
        book = ""
        books: dict[str, str] = {}
        rows = again.execute(
            "SELECT seq, session_id, at, kind, version, payload FROM stored.events ORDER BY seq"
        )
        for seq, session_id, at, kind, version, payload in rows:
            event = decode(kind, version, payload)
            if isinstance(event, SessionCreated):
                books[session_id] = event.context.book
            book = books[session_id]
            wall = parse_utc(at)
            project(again, Place(seq, session_id, book, at, lambda wall=wall: wall), event)  # type: ignore[misc]
    except BaseException:
        again.close()
        raise
    return again


def _difference(again: sqlite3.Connection, table: str) -> str:
    """Return how a stored table differs from the one made again, "" if it does not."""
    skipped = _NOT_JOURNALED.get(table, set())
    # a file that no engine has opened since an upgrade lacks the columns that came with it
    there = {row[1] for row in again.execute(f"PRAGMA stored.table_info({table})")}
    columns = ", ".join(
        row[1]
        for row in again.execute(f"PRAGMA main.table_info({table})")
        if row[1] not in skipped and row[1] in there
    )
    stored = f"SELECT {columns} FROM stored.{table}"  # noqa: S608
    made = f"SELECT {columns} FROM main.{table}"  # noqa: S608
    extra = again.execute(f"SELECT count(*) FROM ({stored} EXCEPT {made})").fetchone()[0]  # noqa: S608
    lacking = again.execute(f"SELECT count(*) FROM ({made} EXCEPT {stored})").fetchone()[0]  # noqa: S608
    if not extra and not lacking:
        return ""
    return f"{table}: {extra} rows the journal does not explain, {lacking} it does and lacks"

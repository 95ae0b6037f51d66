"""Copies of the database: made beside a running engine, checked before they count.

VACUUM INTO a temporary name → fsync → check → rename → manifest. (SQLite's backup API in steps
starts again for ever beside a busy writer.) The manifest names the last row and its hash, so
that `db check` can tell a database that is behind its own backup.
"""

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from engine.errors import DatabaseUnusable, EngineRunning, JournalError
from storage import head
from storage.connect import beside, open_reader, reason, unusable
from storage.hashchain import Link, last, verify
from storage.migrate import version_of

KEEP = (7, 4, 12)  # the newest copy of so many days, weeks and months
_NAME = re.compile(r"(?P<stem>.+)-(?P<at>\d{8}T\d{6}Z)\.db")
_COUNTED = ("sessions", "events", "decisions", "signals", "orders", "fills", "positions", "alerts")


class Backup(NamedTuple):
    """One copy and what its manifest says."""

    path: Path
    at: datetime
    link: Link
    counts: dict[str, int]


def backups_of(database: Path, folder: Path | None = None) -> Path:
    """Return the folder of a database's copies: the one configured, or `backups` beside it."""
    return folder or database.parent / "backups"


def make_backup(database: Path, folder: Path, at: datetime) -> Backup:
    """Copy a database that may be in use; return the checked copy.

    Raises JournalError if the copy cannot be made or is not whole; then nothing is left of it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"{folder}: {error.strerror}"
        raise JournalError(f"no backup of {database} could be made: {why}") from error
    name = f"{database.stem}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}.db"
    partial = folder / f".{name}.partial"
    partial.unlink(missing_ok=True)
    try:
        _vacuum_into(database, partial)
        _sync(partial)
        made = Backup(folder / name, at, *_examine(partial))
        partial.replace(made.path)
        _write_manifest(made)
        _sync(folder)
    except (sqlite3.Error, OSError) as error:
        why = reason(error) if isinstance(error, sqlite3.Error) else str(error)
        raise JournalError(f"no backup of {database} could be made: {why}") from error
    finally:
        partial.unlink(missing_ok=True)
    return made


def _vacuum_into(database: Path, copy: Path) -> None:
    reader = open_reader(database)
    try:
        reader.execute("PRAGMA query_only=OFF")  # VACUUM INTO counts as a write, to the copy
        reader.execute("VACUUM INTO ?", (str(copy),))
    finally:
        reader.close()


def _examine(copy: Path) -> tuple[Link, dict[str, int]]:
    """Return the end of a copy's chain and its row counts; JournalError if it is not whole."""
    db = open_reader(copy)
    try:
        fault = _fault(db)
        if fault is not None:
            raise JournalError(f"the copy is not whole: {fault}")
        counts = {
            table: int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
            for table in _COUNTED
        }
        return last(db), counts
    finally:
        db.close()


def _fault(db: sqlite3.Connection) -> str | None:
    verdict = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)").fetchall()]
    if verdict != ["ok"]:
        return "; ".join(verdict)
    if db.execute("PRAGMA foreign_key_check").fetchone() is not None:
        return "a row points to nothing"
    return verify(db)


def _write_manifest(made: Backup) -> None:
    manifest = {
        "database": made.path.name,
        "at": made.at.astimezone(UTC).isoformat(),
        "seq": made.link.seq,
        "hash": made.link.hash,
        "counts": made.counts,
    }
    path = manifest_path(made.path)
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    _sync(new)
    new.replace(path)


def manifest_path(copy: Path) -> Path:
    """Return where a copy's manifest is."""
    return copy.with_suffix(".json")


def backups(folder: Path, of: Path | None = None) -> list[Backup]:
    """Return the copies with a readable manifest, newest first.

    of: only those of this database; a folder may hold copies of several.
    """
    found = []
    for path in folder.glob("*.db") if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match is None or (of is not None and match["stem"] != of.stem):
            continue
        try:
            said: dict[str, Any] = json.loads(manifest_path(path).read_text(encoding="utf-8"))
            link = Link(int(said["seq"]), str(said["hash"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        at = datetime.strptime(match["at"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        found.append(Backup(path, at, link, dict(said.get("counts", {}))))
    return sorted(found, key=lambda copy: copy.at, reverse=True)


# -- retention -----------------------------------------------------------------------------


def kept(instants: Iterable[datetime], keep: tuple[int, int, int] = KEEP) -> set[datetime]:
    """Return which copies stay: the newest of each of the last days, weeks and months."""
    newest_first = sorted(set(instants), reverse=True)
    stay: set[datetime] = set()
    for period, count in zip(("%Y-%j", "%G-%V", "%Y-%m"), keep, strict=True):
        newest: dict[str, datetime] = {}
        for at in newest_first:
            newest.setdefault(at.strftime(period), at)
        stay.update(list(newest.values())[:count])
    return stay


def prune(folder: Path, keep: tuple[int, int, int] = KEEP, of: Path | None = None) -> list[Path]:
    """Remove the copies that need not stay, of one database where it is named; return them."""
    copies = backups(folder, of)
    stay = kept((copy.at for copy in copies), keep)
    gone = [copy.path for copy in copies if copy.at not in stay]
    for path in gone:
        path.unlink(missing_ok=True)
        manifest_path(path).unlink(missing_ok=True)
    return gone


# -- restore -------------------------------------------------------------------------------


class Restored(NamedTuple):
    """What a restore did."""

    link: Link  # where the restored journal ends
    replaced: list[Path]  # where the files that were there are now


def restore(database: Path, copy: Path, at: datetime) -> Restored:
    """Put a copy in the database's place; the replaced file is kept beside it, with its log.

    Raises EngineRunning while an engine holds the database, DatabaseUnusable if the copy is
    not whole.
    """
    lock = FileLock(beside(database, ".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise EngineRunning(
            f"an engine holds {database}; `pilothouse stop` ends it, then restore"
        ) from None
    try:
        return _restore(database, copy, at)
    except sqlite3.Error as error:
        raise unusable(copy, error) from error
    except OSError as error:
        raise DatabaseUnusable(f"{copy} could not be put in place: {error}") from error
    finally:
        lock.release()


def _restore(database: Path, copy: Path, at: datetime) -> Restored:
    if version_of(copy) == 0:
        raise DatabaseUnusable(f"{copy} is no backup of a database")
    try:
        link, _ = _examine(copy)
    except DatabaseUnusable:
        raise
    except JournalError as error:
        raise DatabaseUnusable(f"{copy} cannot be restored: {error}") from error
    new = beside(database, ".restoring")
    shutil.copyfile(copy, new)
    _sync(new)
    stamp = f".replaced-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    replaced = []
    # the log first: a database without its log is old, and the head file would tell; a foreign
    # log beside a new database is poison. Under their new names they are a pair again.
    for suffix in ("-wal", "-shm", "", ".head"):
        file = beside(database, suffix)
        if file.exists():
            aside = database.with_name(database.name + stamp + suffix)
            file.replace(aside)
            replaced.append(aside)
    new.replace(database)
    head.write(database, link)
    _sync(database.parent)
    return Restored(link, replaced)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)

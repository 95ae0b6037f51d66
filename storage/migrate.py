"""Bring a database to the newest schema, or refuse it untouched.

Migrations are numbered SQL files. `user_version` says how many were applied, a table keeps
their checksums: a file that was changed after it had been applied is found. Everything that
is missing is applied in one transaction, after a copy of the file has been made.
"""

import hashlib
import re
import sqlite3
import struct
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from engine.errors import DatabaseUnusable
from storage.connect import beside, open_reader, open_writer, unusable

_MAGIC = b"SQLite format 3\x00"
NOW = "strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'"
"""SQL for the wall time as stored text, for rows about the file itself."""


class Migration(NamedTuple):
    """One numbered step of the schema."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Return all steps there are, ascending and without a gap."""
    found = []
    for file in resources.files("storage").joinpath("migrations").iterdir():
        match = re.fullmatch(r"(\d{4})_\w+\.sql", file.name)
        if match:
            found.append(Migration(int(match[1]), file.name, file.read_text(encoding="utf-8")))
    found.sort()
    if [step.version for step in found] != list(range(1, len(found) + 1)):
        raise DatabaseUnusable("the program's migrations are incomplete: install it again")
    return found


def version_of(path: Path) -> int:
    """Return a database's schema version without touching it; 0 for a file that is not there.

    The header says it, unless a write-ahead log holds a newer one.
    """
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise DatabaseUnusable(f"the database {path} cannot be read: {error.strerror}") from error
    if not header:
        return 0
    if len(header) < 100 or not header.startswith(_MAGIC):
        raise DatabaseUnusable(
            f"{path} is not a database; `pilothouse db restore` puts a backup in its place"
        )
    version = int(struct.unpack(">I", header[60:64])[0])
    log = beside(path, "-wal")
    if not log.exists() or log.stat().st_size == 0:
        return version
    reader = open_reader(path)
    try:
        return int(reader.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    finally:
        reader.close()


def refuse_other_schema(path: Path) -> None:
    """Raise DatabaseUnusable, naming both versions, for a schema that is not exactly ours.

    For who only reads: nothing is migrated under an engine's feet. No database yet is fine.
    """
    had, known = version_of(path), len(migrations())
    if had and had != known:
        raise DatabaseUnusable(
            f"the database {path} has schema {had}, this program reads {known}: "
            f"use the program of its engine, or start an engine of this one"
        )


def migrate(path: Path) -> int:
    """Create or update a database; return the version it had (0: it is new).

    Raises DatabaseUnusable for a newer schema, naming both versions, and for a file that is
    damaged or cannot be written; a newer one is left as it is, to the byte.
    """
    steps = migrations()
    had = version_of(path)
    if had > len(steps):
        raise DatabaseUnusable(
            f"the database {path} has schema {had}, this program knows {len(steps)}: "
            "use a newer program; nothing was changed"
        )
    try:
        writer = open_writer(path)
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    try:
        if had and had < len(steps):
            _keep_copy(writer, path, had)
        _apply(writer, path, had, steps)
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    finally:
        writer.close()
    return had


def _keep_copy(writer: sqlite3.Connection, path: Path, version: int) -> None:
    """Copy the database to <db>.v<version> before it is changed; an older copy is replaced."""
    copy = beside(path, f".v{version}")
    copy.unlink(missing_ok=True)
    writer.execute("VACUUM INTO ?", (str(copy),))


def _apply(writer: sqlite3.Connection, path: Path, had: int, steps: list[Migration]) -> None:
    if had:
        _compare(writer, path, steps)
    elif writer.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        raise DatabaseUnusable(f"{path} is the database of another program")
    if had == len(steps):
        return
    writer.execute("BEGIN IMMEDIATE")
    try:
        for step in steps[had:]:
            for statement in statements(step.sql):
                writer.execute(statement)
            writer.execute(
                f"INSERT INTO migrations (version, name, checksum, applied_at) "  # noqa: S608
                f"VALUES (?, ?, ?, {NOW})",
                (step.version, step.name, step.checksum),
            )
            writer.execute(f"PRAGMA user_version = {step.version}")
        writer.execute("COMMIT")
    except BaseException:
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        raise


def _compare(writer: sqlite3.Connection, path: Path, steps: list[Migration]) -> None:
    """Refuse a database that was made by other migrations than ours."""
    known = {step.version: step for step in steps}
    for version, checksum in writer.execute("SELECT version, checksum FROM migrations"):
        if version in known and known[version].checksum != checksum:
            raise DatabaseUnusable(
                f"the database {path} was made by another {known[version].name} "
                f"(checksum {checksum[:12]}, ours is {known[version].checksum[:12]})"
            )


def statements(sql: str) -> Iterator[str]:
    """Split a script where statements end; a trigger's inner semicolons end nothing."""
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if line.rstrip().endswith(";") and sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if re.sub(r"--.*", "", pending).strip():
        raise DatabaseUnusable(f"a migration ends inside a statement: {pending.strip()[:60]}")

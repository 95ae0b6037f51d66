"""Open the database: the one writing connection, or any number of reading ones.

The pragmas are those of the specification; no memory mapping (a truncated file would kill the
process). Readers get text that is not UTF-8 with replacement marks rather than an exception:
a flipped bit must not take the screen away.
"""

import errno
import operator
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from engine.errors import DatabaseUnusable

# For a value that is neither a number nor a text sqlite3 looks for an adapter, and then for two
# protocols, half a microsecond for every NULL; with an adapter it stops there.
_NULL: dict[None, None] = {}
sqlite3.register_adapter(type(None), _NULL.get)
sqlite3.register_adapter(bool, operator.pos)  # True is 1

BUSY_TIMEOUT_MS = 5_000
CHECKPOINT_PAGES = 1_000  # of the write-ahead log: 4 MB

_COMMON = ("temp_store=MEMORY", "cache_size=-32000", "mmap_size=0")
_WRITING = (
    "foreign_keys=ON",
    f"wal_autocheckpoint={CHECKPOINT_PAGES}",
    "synchronous=NORMAL",
    "trusted_schema=OFF",
    *_COMMON,
)
# A reader cannot change anything, and SQLite up to 3.40 calls JSON in a view unsafe use where
# the schema is not trusted: the contract views would not open.
_READING = ("query_only=ON", *_COMMON)


def sqlite_version() -> str:
    """Return the version of the SQLite library in use."""
    return sqlite3.sqlite_version


def beside(path: Path, suffix: str) -> Path:
    """Return the companion file of a database: <db>.head, <db>.requests, <db>-wal…"""
    return path.with_name(path.name + suffix)


def lenient_text(stored: bytes) -> str:
    """Decode stored text, whatever has happened to it."""
    return stored.decode("utf-8", "replace")


def prepare_writer(db: sqlite3.Connection, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
    """Set up the writing connection: write-ahead log, foreign keys, time-outs."""
    db.execute(f"PRAGMA busy_timeout={busy_timeout_ms}")
    mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise DatabaseUnusable(
            f"the database has journal mode {mode!r}, 'wal' is needed: "
            "is it on a network file system?"
        )
    for pragma in _WRITING:
        db.execute(f"PRAGMA {pragma}")


def open_writer(
    path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS, factory: Any = sqlite3.Connection
) -> sqlite3.Connection:
    """Open a database for writing in this thread (migrations, restore, tests)."""
    db: sqlite3.Connection = sqlite3.connect(
        path, isolation_level=None, factory=factory, timeout=busy_timeout_ms / 1000
    )
    try:
        prepare_writer(db, busy_timeout_ms)
    except BaseException:
        db.close()
        raise
    return db


def there_is(path: Path) -> bool:
    """Say whether there is a database; DatabaseUnusable where that cannot be told, or a folder."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise DatabaseUnusable(f"the database {path} cannot be read: {error.strerror}") from error
    if stat.S_ISDIR(mode):
        raise DatabaseUnusable(f"the database {path} cannot be read: {os.strerror(errno.EISDIR)}")
    return True


def open_reader(
    path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS, any_thread: bool = False
) -> sqlite3.Connection:
    """Open a database for reading; rows can be asked by name. DatabaseUnusable if there is none.

    any_thread: the caller promises that only one thread at a time uses it.
    """
    if not there_is(path):
        raise DatabaseUnusable(f"there is no database {path}")
    try:
        db = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            timeout=busy_timeout_ms / 1000,
            check_same_thread=not any_thread,
        )
        try:
            db.execute(f"PRAGMA busy_timeout={busy_timeout_ms}")
            for pragma in _READING:
                db.execute(f"PRAGMA {pragma}")
            db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    db.row_factory = sqlite3.Row
    db.text_factory = lenient_text
    return db


def holders_of(file: Path) -> list[int]:
    """Return the processes that have a file open, the longest-running first (Linux only)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(fd.readlink()) == str(file.resolve()) for fd in (process / "fd").iterdir()):
                found.append((process.stat().st_ctime, int(process.name)))
        except OSError:
            continue  # it has ended, or it is another user's
    return [pid for _, pid in sorted(found)]


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Open a database for a few queries; None where there is none yet, or nothing in it.

    What SQLite says to a query comes out as DatabaseUnusable.
    """
    if not there_is(path):
        yield None
        return
    with closing(open_reader(path)) as db:
        try:
            known = db.execute("PRAGMA user_version").fetchone()[0]
            yield db if known else None
        except sqlite3.Error as error:
            raise unusable(path, error) from error


def unusable(path: Path, error: sqlite3.Error) -> DatabaseUnusable:
    """Put what SQLite says into words that tell what to do."""
    return DatabaseUnusable(f"the database {path} cannot be used: {reason(error)}")


def reason(error: sqlite3.Error) -> str:
    """Return what went wrong in plain words, with SQLite's own after it."""
    name = getattr(error, "sqlite_errorname", "") or ""
    for prefix, words in _REASONS:
        if name.startswith(prefix):
            return f"{words} ({name}: {error})"
    return f"{error} ({name})" if name else str(error)


_REASONS = (
    ("SQLITE_FULL", "the disk is full"),
    ("SQLITE_IOERR", "the disk is full or failing"),
    ("SQLITE_READONLY_DIRECTORY", "its folder is read-only, and reading keeps a file beside it"),
    ("SQLITE_READONLY_CANTINIT", "its folder is read-only, and reading keeps a file beside it"),
    ("SQLITE_READONLY", "it is read-only"),
    ("SQLITE_BUSY", "another process keeps it locked"),
    ("SQLITE_LOCKED", "another connection keeps it locked"),
    ("SQLITE_CORRUPT", "it is damaged; `pilothouse db restore` puts a backup in its place"),
    ("SQLITE_NOTADB", "it is not a database; `pilothouse db restore` puts a backup in its place"),
    ("SQLITE_CANTOPEN", "it cannot be opened"),
    ("SQLITE_PERM", "access is not permitted"),
    ("SQLITE_CONSTRAINT", "a rule of the database refused it"),
)

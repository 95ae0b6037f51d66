"""Operator requests: a small file beside the database, <db>.requests, with many writers.

Any process may ask at any time, even when no engine runs: the row waits for the next one. A
rollback journal and FULL, so that what was asked has reached the disk. Light on purpose: only
sqlite3, because `pilothouse halt` has 0.3 s in all.
"""

import json
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from engine.domain.ids import RequestId
from engine.domain.request import Request, RequestKind
from engine.domain.times import parse_utc, utc_text
from engine.errors import JournalError

BUSY_TIMEOUT_MS = 5_000
WATCH_TIMEOUT_MS = 250

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    n          INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    args       TEXT NOT NULL,
    asked_at   TEXT NOT NULL,
    result     TEXT,
    text       TEXT
) STRICT
"""

_PENDING = """
SELECT request_id, kind, actor, reason, args, asked_at FROM requests
WHERE result IS NULL ORDER BY n
"""


class Answer(NamedTuple):
    """What became of a request: DONE, REFUSED, EXPIRED."""

    result: str
    text: str


def requests_path(database: Path) -> Path:
    """Return the request file of a database."""
    return database.with_name(database.name + ".requests")


class SqliteRequestBox:
    """The request file from either side; implements engine.ports.RequestBox.

    One object belongs to one thread. It asks and answers on one connection and watches on
    another, which waits but briefly for a lock: the engine must not stand still for it.
    """

    def __init__(self, database: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        self.path = requests_path(database)
        self._busy_timeout_ms = busy_timeout_ms
        self._writer: sqlite3.Connection | None = None
        self._watcher: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # the file the watcher has open
        self._seen: int | None = None  # data_version when take() last read
        self._taken: set[str] = set()  # read and not yet answered: not given twice

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        for db in (self._writer, self._watcher):
            if db is not None:
                db.close()
        self._writer = self._watcher = self._seen = None

    # -- asking ----------------------------------------------------------------------------

    def ask(self, request: Request) -> None:
        """Commit a request; on return it is on the disk. JournalError if it cannot be.

        The same request_id again changes nothing.
        """
        row = (
            request.request_id,
            request.kind.value,
            _plain(request.actor),
            _plain(request.reason),
            json.dumps(dict(request.args)),
            utc_text(request.asked_at),
        )
        self._write(
            "INSERT OR IGNORE INTO requests (request_id, kind, actor, reason, args, asked_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )

    def result(self, request_id: str) -> Answer | None:
        """Return what became of a request, None while the engine has not answered."""
        sql = "SELECT result, text FROM requests WHERE request_id = ?"
        try:
            row = self._watching().execute(sql, (request_id,)).fetchone()
        except (sqlite3.Error, OSError) as error:
            raise self._unreadable(error) from error
        return None if row is None or row[0] is None else Answer(row[0], row[1] or "")

    def pending(self) -> list[Request]:
        """Return the requests that no engine has answered, oldest first."""
        try:
            rows = self._writing().execute(_PENDING).fetchall()  # which waits for a lock
        except (sqlite3.Error, OSError) as error:
            raise self._unreadable(error) from error
        return [found for found in map(_request, rows) if found is not None]

    # -- the engine's side -----------------------------------------------------------------

    def changed(self) -> bool:
        """Say cheaply whether something may be new since take(); True if it cannot be read."""
        if self._seen is None:
            return True
        try:
            if self._identity() != self._file:  # deleted or replaced: requests go to another one
                self.close()
                return True
            return self._version() != self._seen
        except (sqlite3.Error, OSError):
            return True

    def take(self) -> list[Request]:
        """Return the unread requests, oldest first; each is given once by this object.

        Raises JournalError if the file cannot be read. What was taken and never answered is
        given again by the next engine's box.
        """
        try:
            version = self._version()  # before the rows: what comes in between is seen again
            found = self._watching().execute(_PENDING).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise self._unreadable(error) from error
        rows = [(row[0], _request(row)) for row in found]  # None: not understood here
        self._seen = version
        for request_id, request in rows:
            if request is None:  # it must not stand in the way of a halt
                with suppress(JournalError):  # the next look finds it again
                    self.answer(request_id, "REFUSED", "this program does not know such a request")
        fresh = [r for _, r in rows if r is not None and r.request_id not in self._taken]
        self._taken.update(request.request_id for request in fresh)
        return fresh

    def answer(self, request_id: str, result: str, text: str) -> None:
        """Say what became of a request; the first answer stays."""
        self._write(
            "UPDATE requests SET result = ?, text = ? WHERE request_id = ? AND result IS NULL",
            (result, _plain(text), request_id),
        )
        self._taken.discard(request_id)

    def prune(self, keep: int = 1_000) -> None:
        """Forget the oldest answered requests; the journal remembers them."""
        self._write(
            "DELETE FROM requests WHERE result IS NOT NULL AND n <= "
            "(SELECT max(n) FROM requests) - ?",
            (keep,),
        )

    # -- the file --------------------------------------------------------------------------

    def _version(self) -> int:
        """Return a number that another connection's commit changes; only this one can compare."""
        return int(self._watching().execute("PRAGMA data_version").fetchone()[0])

    def _identity(self) -> tuple[int, int]:
        found = self.path.stat()
        return found.st_dev, found.st_ino

    def _unreadable(self, error: Exception) -> JournalError:
        self.close()
        return JournalError(f"the request file {self.path} cannot be read: {error}")

    def _write(self, sql: str, values: tuple[object, ...]) -> None:
        try:
            db = self._writing()
            db.execute("BEGIN IMMEDIATE")
            try:
                db.execute(sql, values)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise JournalError(
                f"the request file {self.path} cannot be written: {error}"
            ) from error

    def _writing(self) -> sqlite3.Connection:
        if self._writer is None:
            self._writer = self._open(self._busy_timeout_ms)
        return self._writer

    def _watching(self) -> sqlite3.Connection:
        if self._watcher is None:
            self._watcher = self._open(min(self._busy_timeout_ms, WATCH_TIMEOUT_MS))
            self._file = self._identity()
        return self._watcher

    def _open(self, busy_timeout_ms: int) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, isolation_level=None, timeout=busy_timeout_ms / 1000)
        try:
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA trusted_schema=OFF")
            if db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
                db.execute("PRAGMA journal_mode=DELETE")
                db.execute(_SCHEMA)
        except BaseException:
            db.close()
            raise
        return db


def ask(database: Path, request: Request, *, within_s: float = BUSY_TIMEOUT_MS / 1000) -> None:
    """Commit one request; JournalError if it is not written within that time."""
    with SqliteRequestBox(database, busy_timeout_ms=round(within_s * 1000)) as box:
        box.ask(request)


def _request(row: tuple[Any, ...]) -> Request | None:
    request_id, kind, actor, reason, args, asked_at = row
    try:
        found = {str(key): str(value) for key, value in json.loads(args).items()}
        return Request(
            request_id=RequestId(request_id),
            kind=RequestKind(kind),
            actor=actor,
            reason=reason,
            args=found,
            asked_at=parse_utc(asked_at),
        )
    except (ValueError, TypeError, AttributeError):
        return None


def _plain(text: str) -> str:
    """Return text without half surrogate pairs, which a column cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()

"""The one writer: a group of units → BEGIN IMMEDIATE → journal rows and tables → COMMIT.

aiosqlite gives the writing connection a thread of its own, so that a disk that takes its time
does not stop the engine's loop; a disk that has been quick is written to from the loop itself.
A statement at a time would cross to that thread and back for every row; so the connection is a
subclass of SQLite's whose `commit()` does everything that was handed to it, and a whole group
crosses once.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import aiosqlite

from engine.domain.event import SessionCreated
from engine.domain.market import Quote
from engine.domain.subject import subject_of
from engine.domain.times import utc_text
from engine.errors import JournalError
from engine.ports import Entry, Heartbeat
from storage import head, latest
from storage.codec import VERSION, encoder
from storage.connect import BUSY_TIMEOUT_MS, CHECKPOINT_PAGES, prepare_writer, reason
from storage.hashchain import Link, last, link
from storage.migrate import NOW
from storage.projections import STEPS, Step
from storage.projections.row import Place, insert

HEAD_EVERY_S = 1.0
QUICK_S = 0.02  # a disk that took longer for the last group is left to the other thread
LONG_LOG_PAGES = 8_000  # 32 MB; the alarm is at 64
ANCHOR_EVERY = 10_000  # rows: a start checks the chain from the last anchor, 40 ms at most

_INSERT_EVENT = (
    "INSERT INTO events (seq, session_id, at, known_at, kind, version, subject, causation_seq, "
    "payload, hash, cursor) VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)"
)
assert VERSION == 1, "the statement above says 1, to save a value per row"

# what one unit can do wrong: the others of its group are written all the same
_UNIT_FAULTS = (
    sqlite3.DatabaseError,
    JournalError,
    ValueError,
    ArithmeticError,
    TypeError,
    AttributeError,
    LookupError,
)
# what is wrong with the file, whatever the unit: then a group is written whole or not at all,
# for its cursor stands for all the inputs that led to it
_FILE_FAULTS = (
    "SQLITE_BUSY",
    "SQLITE_FULL",
    "SQLITE_READONLY",
    "SQLITE_IOERR",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
)


class Running(NamedTuple):
    """Whose rows are being written."""

    session_id: str
    book: str


class Numbered(NamedTuple):
    """A unit whose events have their numbers."""

    first_seq: int
    at: datetime
    known_at: datetime
    entries: Sequence[Entry]
    causation_seq: int | None
    cursor: int | None
    of: Running | None = None  # None: the session that runs


class Group(NamedTuple):
    """What is written together."""

    units: Sequence[Numbered]
    durable: bool


class WritingConnection(sqlite3.Connection):
    """The writing connection. One caller at a time, which `Writer` sees to."""

    path: Path
    wall: Callable[[], datetime]
    given: Callable[[], None] | None = None
    link: Link
    durable: Link | None = None  # what has reached the disk since the start; the head file's
    running: Running | None = None
    quick = False  # the last group took no time to speak of
    _full: bool | None = None  # not set yet
    _pages = CHECKPOINT_PAGES
    _patient = True
    _busy_timeout_ms = BUSY_TIMEOUT_MS
    _at: datetime | None = None
    _at_text = ""
    _head_at = float("-inf")
    _anchored = 0

    def prepare(self, path: Path, wall: Callable[[], datetime], busy_timeout_ms: int) -> None:
        """Set pragmas and read where the chain stands."""
        self.path, self.wall = path, wall
        self._busy_timeout_ms = busy_timeout_ms
        prepare_writer(self, busy_timeout_ms)
        self.read_link()

    def read_link(self) -> None:
        """Read the end of the chain again: at the start and after a failure."""
        self.link = last(self)
        self._anchored = self.link.seq

    def commit(self) -> None:
        """Do what was given; this is what aiosqlite calls in the connection's thread."""
        given, self.given = self.given, None
        if given is not None:
            given()

    def write_latest(self, beat: Heartbeat, quotes: Sequence[Quote]) -> None:
        """Overwrite the latest rows."""
        self._ready(full=False, patient=True)
        self._in_transaction(lambda: latest.write(self, beat, quotes))

    @property
    def head_due(self) -> bool:
        """Say whether the head file should move on.

        Then a group is written durably, whatever it is, so that the file may name its last row.
        """
        return time.monotonic() - self._head_at >= HEAD_EVERY_S

    def write_group(self, group: Group, *, patient: bool = True) -> None:
        """Write units in one transaction; if one of them fails, those before it.

        patient: wait for a lock of somebody else's, and for the head file if it is due.
        """
        began = time.monotonic()
        head_due = patient and self.head_due
        self._ready(full=group.durable or head_due, patient=patient)
        try:
            self._write(group.units)
        except _UNIT_FAULTS as fault:
            if len(group.units) == 1 or _is_file_fault(fault):
                raise
            for unit in group.units:  # alone; the first that fails ends it: numbers have no gaps
                self._write([unit])
        if self._full:
            self.durable = self.link
        if head_due:
            self.write_head()
        self.quick = time.monotonic() - began < QUICK_S

    def _write(self, units: Sequence[Numbered]) -> None:
        before = self.link, self.running
        try:
            self._in_transaction(lambda: self._write_units(units))
        except BaseException:
            self.link, self.running = before
            raise

    def _write_units(self, units: Sequence[Numbered]) -> None:
        rows: list[tuple[object, ...]] = []
        fresh: dict[str, dict[str, Any]] = {}
        for unit in units:
            self._write_unit(unit, rows, fresh)
        for row in fresh.values():
            insert(self, "orders", row)
        # sessions first, journal rows last: one statement for many rows
        self.executemany(_INSERT_EVENT, rows)
        if self.link.seq - self._anchored >= ANCHOR_EVERY:
            self.anchor("writer")

    def _write_unit(
        self,
        unit: Numbered,
        rows: list[tuple[object, ...]],
        fresh: dict[str, dict[str, Any]],
    ) -> None:
        first = unit.first_seq
        seq, prev_hash = self.link
        if first != seq + 1:
            raise JournalError(f"event {first} cannot follow event {seq}")
        if unit.at is not self._at:  # many units of one instant
            self._at, self._at_text = unit.at, utc_text(unit.at)
        at = self._at_text
        known_at = at if unit.known_at is unit.at else utc_text(unit.known_at)
        cursor = unit.cursor
        whose = unit.of or self.running
        place = None
        for event, cause in unit.entries:
            seq += 1
            of: type = type(event)
            kind, about_of, text_of, step = _ways(of)
            if type(event) is SessionCreated:
                context = event.context
                whose, place = Running(context.session_id, context.book), None
                self.running = whose
            if place is None:
                if whose is None:
                    raise JournalError(f"{kind} was put before SessionCreated")
                place = Place(seq, whose.session_id, whose.book, at, self.wall, fresh)
            session_id = place.session_id
            if step is not None:
                place.seq = seq
                step(self, place, event)
            about, payload = about_of(event), text_of(event)
            caused_by = unit.causation_seq if cause < 0 else first + cause
            prev_hash = link(
                prev_hash, seq, session_id, at, known_at, kind, about, caused_by, payload
            )
            rows.append(
                (seq, session_id, at, known_at, kind, about, caused_by, payload, prev_hash, cursor)
            )
        self.link = Link(seq, prev_hash)

    def _in_transaction(self, work: Callable[[], None]) -> None:
        self.execute("BEGIN IMMEDIATE")
        try:
            work()
            self.execute("COMMIT")
        except BaseException:
            if self.in_transaction:  # a full disk has rolled back by itself
                self.execute("ROLLBACK")
            raise

    def _ready(self, *, full: bool, patient: bool) -> None:
        """Set how the next transaction is written; a pragma only where it differs.

        Where groups need not reach the disk none of them waits for a checkpoint either, until
        the log has grown long: a run as fast as it goes leaves that to its end.
        """
        pages = CHECKPOINT_PAGES if full and self._full else LONG_LOG_PAGES
        if pages != self._pages:
            self.execute(f"PRAGMA wal_autocheckpoint={pages}")
            self._pages = pages
        if full is not self._full:
            self.execute(f"PRAGMA synchronous={'FULL' if full else 'NORMAL'}")
            self._full = full
        if patient is not self._patient:
            self.execute(f"PRAGMA busy_timeout={self._busy_timeout_ms if patient else 0}")
            self._patient = patient

    def anchor(self, name: str) -> None:
        """Note, inside a transaction, that the chain is whole up to here."""
        self.execute(
            f"INSERT OR REPLACE INTO anchors (name, seq, hash, at) VALUES (?, ?, ?, {NOW})",  # noqa: S608
            (name, *self.link),
        )
        self._anchored = self.link.seq

    def write_head(self) -> None:
        """Replace the head file with the last row that is durable."""
        if self.durable is not None:
            head.write(self.path, self.durable)
        self._head_at = time.monotonic()

    def truncate_log(self) -> None:
        """Move the write-ahead log into the database and empty it, if no reader is in the way."""
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def shrink(self) -> None:
        """Let go of pages that are only kept to be found sooner."""
        self.execute("PRAGMA shrink_memory").fetchall()

    def finish(self) -> None:
        """End cleanly: note an anchor, empty the log, leave a true head file."""
        if self.link.seq:
            self._ready(full=True, patient=True)
            self._in_transaction(lambda: self.anchor("writer"))
            self.durable = self.link
            self.truncate_log()
            self.write_head()


@cache
def _ways(kind: type) -> tuple[str, Callable[[Any], str], Callable[[Any], str], Step | None]:
    """Return a kind's name, what tells the subject and the payload of an event, its projection."""
    return kind.__name__, subject_of(kind), encoder(kind), STEPS.get(kind)


def _is_file_fault(fault: BaseException) -> bool:
    name = getattr(fault, "sqlite_errorname", "") or ""
    return name.startswith(_FILE_FAULTS)


class Writer:
    """The writing connection seen from the engine's loop."""

    def __init__(self, db: aiosqlite.Connection, connection: WritingConnection) -> None:
        self._db = db
        self._connection = connection
        self._turn = asyncio.Lock()
        self._head: asyncio.Task[None] | None = None  # the head file is being written
        self.began_at: float | None = None  # monotonic; None: nothing is being written

    @classmethod
    async def open(
        cls, path: Path, wall: Callable[[], datetime], busy_timeout_ms: int = BUSY_TIMEOUT_MS
    ) -> "Writer":
        """Open a migrated database for writing."""
        made: list[WritingConnection] = []

        def factory(*args: Any, **kwargs: Any) -> WritingConnection:
            connection = WritingConnection(*args, **kwargs)
            made.append(connection)
            try:
                connection.prepare(path, wall, busy_timeout_ms)
            except BaseException:
                connection.close()
                raise
            return connection

        try:
            db = await aiosqlite.connect(
                path,
                isolation_level=None,
                factory=factory,
                timeout=busy_timeout_ms / 1000,
                check_same_thread=False,  # write_here()
            )
        except sqlite3.Error as error:
            raise JournalError(f"the database {path} cannot be written: {reason(error)}") from error
        return cls(db, made[0])

    @property
    def link(self) -> Link:
        """Where the chain stands after the last commit."""
        return self._connection.link

    def resume(self, running: Running) -> None:
        """Go on writing for a session that exists."""
        self._connection.running = running

    def write_here(self, group: Group) -> bool:
        """Write a group in this thread if no wait is to be feared; return whether it was written.

        To cross to the other thread and back costs 50 µs, 250 after a wait for the disk: more
        than all the rest. So only what may take its time crosses: anything after a slow group, and
        what somebody else's lock holds up. Every second the head file is due: it takes two more
        waits for the disk, and is written after a durable group, which an order may wait for.
        """
        connection = self._connection
        head_due = connection.head_due
        if self._turn.locked() or not connection.quick or (head_due and not group.durable):
            return False
        try:
            connection.write_group(group, patient=False)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY":
                return False  # nothing has begun: wait for the lock in the other thread
            raise
        if head_due and self._head is None:
            self._head = asyncio.create_task(self._run(connection.write_head), name="head file")
            self._head.add_done_callback(self._head_written)
        return True

    def _head_written(self, task: "asyncio.Task[None]") -> None:
        self._head = None
        if not task.cancelled() and task.exception() is not None:
            self._connection.quick = False  # the next group tries again, and tells if it fails

    async def write(self, group: Group) -> None:
        """Write units in one transaction."""
        await self._run(lambda: self._connection.write_group(group))

    async def write_latest(self, beat: Heartbeat, quotes: Sequence[Quote]) -> None:
        """Overwrite the latest rows."""
        await self._run(lambda: self._connection.write_latest(beat, quotes))

    async def reset(self) -> None:
        """Forget a failure: read the end of the chain again."""
        await self._run(self._connection.read_link)

    async def truncate_log(self) -> None:
        """Checkpoint and empty the write-ahead log."""
        await self._run(self._connection.truncate_log)

    async def shrink(self) -> None:
        """Give cached pages back."""
        await self._run(self._connection.shrink)

    async def close(self) -> None:
        """End cleanly where the file still allows it; the thread ends in any case."""
        if self._head is not None:
            await asyncio.wait({self._head})
        try:
            await self._run(self._connection.finish)
        finally:
            await self._db.close()

    async def _run(self, work: Callable[[], None]) -> None:
        async with self._turn:
            self._connection.given = work
            self.began_at = time.monotonic()
            try:
                await self._db.commit()
            finally:
                self.began_at = None

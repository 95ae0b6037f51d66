"""The Journal port on SQLite.

Numbers are given by put(), at once and without gaps; commit() writes what is queued. So when
a unit fails, what was queued behind it cannot be written either: its numbers would leave a
gap. The units before it are stored, commit() raises JournalError, the queue is dropped and
`failed` stays set until reset(), after which the runtime folds the journal again.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.domain.event import SessionStateChanged, SnapshotTaken
from engine.domain.ids import Book, SessionId
from engine.domain.market import Quote
from engine.domain.session import SessionContext, SessionState
from engine.domain.snapshot import Snapshot
from engine.domain.times import parse_utc
from engine.errors import JournalError
from engine.ports import Entry, Heartbeat, Recorded, Unit
from storage.codec import decode
from storage.connect import BUSY_TIMEOUT_MS, open_reader, reason
from storage.writer import Group, Numbered, Running, Writer

JOIN_MAX = 4_096  # rows of one joined SnapshotTaken
_PAGE = 1_000

_REPLAY = (
    "SELECT e.seq, e.session_id, e.at, e.kind, e.version, e.payload FROM events AS e "
    "JOIN sessions AS s ON s.session_id = e.session_id "
    "WHERE s.book = ? AND e.seq > ? ORDER BY e.seq LIMIT ?"
)

_LAST_CURSOR = (
    "SELECT cursor FROM events WHERE cursor IS NOT NULL AND session_id IN "
    "(SELECT session_id FROM sessions WHERE book = ?) ORDER BY seq DESC LIMIT 1"
)


class _Joined:
    """Snapshots that came one after the other and become one event."""

    __slots__ = ("at", "causation_seq", "cursor", "first_seq", "known_at", "rows")

    def __init__(self, unit: Unit, first_seq: int, rows: Sequence[Snapshot]) -> None:
        self.first_seq = first_seq
        self.at = unit.at
        self.known_at = unit.known_at
        self.causation_seq = unit.causation_seq
        self.cursor = unit.cursor
        self.rows = list(rows)

    def numbered(self) -> Numbered:
        event = SnapshotTaken(rows=tuple(self.rows))
        return Numbered(
            self.first_seq, self.at, self.known_at, (Entry(event, -1),), self.causation_seq,
            self.cursor,
        )  # fmt: skip


class SqliteJournal:
    """The one writer of a database; implements engine.ports.Journal."""

    def __init__(self, path: Path, writer: Writer, *, tail_lost: str = "") -> None:
        self.path = path
        self.tail_lost = tail_lost  # not empty: the head file knows more; start HALTED
        self.failed: JournalError | None = None
        self._writer = writer
        self._next_seq = writer.link.seq + 1
        self._queue: list[Numbered | _Joined] = []
        self._joining: _Joined | None = None
        self._waiting = 0
        self._durable = False

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        wall: Callable[[], datetime],
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        tail_lost: str = "",
    ) -> "SqliteJournal":
        """Open a database that start.prepare() has checked and migrated."""
        return cls(path, await Writer.open(path, wall, busy_timeout_ms), tail_lost=tail_lost)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        except JournalError:
            if error is None:  # else that is the one to be told
                raise

    # -- writing ---------------------------------------------------------------------------

    def put(self, unit: Unit) -> int:
        """Queue a unit for the next commit; return the seq of its first event.

        Neighbours that hold one SnapshotTaken each become one event: they share its seq.
        """
        if self.failed is not None:
            raise JournalError(f"the journal has failed and takes nothing: {self.failed}")
        entries = unit.entries
        self._waiting += 1
        if len(entries) == 1 and not unit.durable:
            event = entries[0][0]
            if type(event) is SnapshotTaken and type(event.rows) is tuple and event.rows[-1].final:
                return self._put_snapshot(unit, event.rows)
        self._joining = None
        self._durable = self._durable or unit.durable
        first = self._next_seq
        self._next_seq = first + len(entries)
        self._queue.append(
            Numbered(first, unit.at, unit.known_at, entries, unit.causation_seq, unit.cursor)
        )
        return first

    def _put_snapshot(self, unit: Unit, rows: Sequence[Snapshot]) -> int:
        joining = self._joining
        if (
            joining is not None
            and joining.causation_seq == unit.causation_seq
            and len(joining.rows) < JOIN_MAX
        ):
            joining.rows += rows
            joining.at = unit.at
            joining.known_at = unit.known_at
            if unit.cursor is not None:
                joining.cursor = unit.cursor
            return joining.first_seq
        first = self._next_seq
        self._next_seq = first + 1
        self._joining = _Joined(unit, first, rows)
        self._queue.append(self._joining)
        return first

    @property
    def waiting(self) -> int:
        """Units queued and not committed."""
        return self._waiting

    @property
    def next_seq(self) -> int:
        """The number that the next event will get."""
        return self._next_seq

    async def commit(self) -> None:
        """Write everything queued in one transaction; on return it is written.

        A canceled caller waits for the write all the same: canceled does not mean not written.
        Raises JournalError if it cannot be written.
        """
        if not self._queue:
            if self.failed is not None:
                raise self.failed
            return
        group = self._drain()
        try:
            if self._writer.write_here(group):
                return
        except Exception as error:
            raise self._fail(error) from error
        work = asyncio.ensure_future(self._write(group))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()  # seen: it is in `failed`
            raise

    def _drain(self) -> Group:
        units = [unit.numbered() if isinstance(unit, _Joined) else unit for unit in self._queue]
        group = Group(units, self._durable)
        self._queue, self._joining, self._waiting, self._durable = [], None, 0, False
        return group

    async def _write(self, group: Group) -> None:
        try:
            await self._writer.write(group)
        except Exception as error:
            raise self._fail(error) from error

    def _fail(self, error: Exception) -> JournalError:
        """Drop what was queued meanwhile: its numbers would leave a gap."""
        self._queue, self._joining, self._waiting, self._durable = [], None, 0, False
        self.failed = _journal_error(error)
        return self.failed

    async def put_latest(self, beat: Heartbeat, quotes: Sequence[Quote]) -> None:
        """Overwrite the engine's latest rows; not journaled. JournalError if it cannot."""
        try:
            await self._writer.write_latest(beat, quotes)
        except sqlite3.Error as error:
            raise _journal_error(error) from error

    async def reset(self) -> None:
        """Take units again after a failure; the next seq is read from the file.

        Raises JournalError while the file still cannot be read.
        """
        try:
            await self._writer.reset()
        except sqlite3.Error as error:
            raise _journal_error(error) from error
        self._queue, self._joining, self._waiting, self._durable = [], None, 0, False
        self._next_seq = self._writer.link.seq + 1
        self.failed = None

    async def truncate_log(self) -> None:
        """Checkpoint and empty the write-ahead log: after the close, and at the end."""
        try:
            await self._writer.truncate_log()
        except sqlite3.Error as error:
            raise _journal_error(error) from error

    async def shrink(self) -> None:
        """Give back the memory of cached pages: they are found again in the file."""
        try:
            await self._writer.shrink()
        except sqlite3.Error as error:
            raise _journal_error(error) from error

    async def close(self) -> None:
        """Commit what waits, then end cleanly. Raises JournalError, but never leaves a thread."""
        try:
            if self.failed is None:
                await self.commit()
        finally:
            try:
                await self._writer.close()
            except sqlite3.Error as error:
                raise _journal_error(error) from error

    # -- sessions --------------------------------------------------------------------------

    def resume(self, context: SessionContext) -> None:
        """Go on writing for a session whose SessionCreated is stored."""
        self._writer.resume(Running(context.session_id, context.book))

    def end_interrupted(self, context: SessionContext, at: datetime, actor: str) -> int:
        """Queue the end of a session whose process has died; return the event's seq."""
        reader = open_reader(self.path)
        try:
            row = reader.execute(
                "SELECT state FROM sessions WHERE session_id = ?", (context.session_id,)
            ).fetchone()
        finally:
            reader.close()
        event = SessionStateChanged(
            before=SessionState(row["state"]),
            after=SessionState.INTERRUPTED,
            reason="process_died",
            actor=actor,
        )
        first = self.put(Unit(at, at, (Entry(event, -1),), durable=True))
        last = self._queue[-1]
        assert isinstance(last, Numbered)
        self._queue[-1] = last._replace(of=Running(context.session_id, context.book))
        return first

    # -- reading ---------------------------------------------------------------------------

    def replay(self, book: Book) -> Iterator[Recorded]:
        """Yield every event of a book, all its sessions, in order of seq."""
        reader = open_reader(self.path)
        seq = 0
        try:
            while True:
                page = reader.execute(_REPLAY, (book, seq, _PAGE)).fetchall()
                for seq, session_id, at, kind, version, payload in page:
                    event = decode(kind, version, payload)
                    yield Recorded(seq, SessionId(session_id), parse_utc(at), event)
                if len(page) < _PAGE:
                    return
        except sqlite3.Error as error:
            raise _journal_error(error) from error
        finally:
            reader.close()

    def cursor(self, book: Book) -> int:
        """Return the last committed cursor of a book, 0 if there is none."""
        reader = open_reader(self.path)
        try:
            row = reader.execute(_LAST_CURSOR, (book,)).fetchone()
        finally:
            reader.close()
        return 0 if row is None else int(row["cursor"])


def _journal_error(error: Exception) -> JournalError:
    if isinstance(error, JournalError):
        return error
    if isinstance(error, sqlite3.Error):
        return JournalError(f"the journal cannot be written: {reason(error)}")
    return JournalError(f"an event cannot be written: {type(error).__name__}: {error}")

"""The journal in memory: what is not committed is lost in a kill, as on a disk."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from engine.domain.event import Event, SessionCreated, SnapshotTaken
from engine.domain.ids import Book, SessionId
from engine.domain.market import Quote
from engine.domain.session import SessionContext
from engine.domain.snapshot import Snapshot
from engine.ports import Entry, Heartbeat, Recorded, Unit


class Row(NamedTuple):
    """One stored event and whose it is."""

    recorded: Recorded
    book: Book


class Disk:
    """What survives a kill."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.cursors: dict[Book, int] = {}


class _Queued(NamedTuple):
    first_seq: int
    unit: Unit


class MemoryJournal:
    """Implements engine.ports.Journal over a Disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._next = len(disk.rows) + 1
        self._queue: list[_Queued] = []
        self._joining = False
        self._waiting = 0
        self._session: tuple[SessionId, Book] | None = None

    def resume(self, context: SessionContext) -> None:
        """Go on writing for a session that is stored."""
        self._session = (context.session_id, context.book)

    def put(self, unit: Unit) -> int:
        """Queue a unit; neighbours of one SnapshotTaken each become one event."""
        self._waiting += 1
        entries = unit.entries
        alone = len(entries) == 1 and not unit.durable and type(entries[0].event) is SnapshotTaken
        if alone and self._joining:
            last = self._queue[-1]
            if last.unit.causation_seq == unit.causation_seq:
                self._queue[-1] = _Queued(last.first_seq, _joined(last.unit, unit))
                return last.first_seq
        self._joining = alone
        first = self._next
        self._next += len(entries)
        self._queue.append(_Queued(first, unit))
        return first

    async def commit(self) -> None:
        """Move the queue to the disk."""
        for seq, unit in self._queue:
            self._store(seq, unit)
        self._queue, self._joining, self._waiting = [], False, 0

    def _store(self, seq: int, unit: Unit) -> None:
        assert seq == len(self._disk.rows) + 1, "sequence numbers have a gap"
        for event, _ in unit.entries:
            if isinstance(event, SessionCreated):
                self._session = (event.context.session_id, event.context.book)
            assert self._session is not None, "an event before SessionCreated"
            session, book = self._session
            self._disk.rows.append(Row(Recorded(seq, session, unit.at, event), book))
            seq += 1
        if unit.cursor is not None and self._session is not None:
            self._disk.cursors[self._session[1]] = unit.cursor

    @property
    def waiting(self) -> int:
        """Units queued."""
        return self._waiting

    def replay(self, book: Book) -> Iterator[Recorded]:
        """Yield what is on the disk of a book."""
        return (row.recorded for row in list(self._disk.rows) if row.book == book)

    def cursor(self, book: Book) -> int:
        """Return the last cursor on the disk."""
        return self._disk.cursors.get(book, 0)

    async def put_latest(self, beat: Heartbeat, quotes: Sequence[Quote]) -> None:
        """Latest rows are for screens; nobody looks. A disk takes a turn of the loop."""
        await asyncio.sleep(0)


def _joined(one: Unit, other: Unit) -> Unit:
    rows: tuple[Snapshot, ...] = ()
    for unit in (one, other):
        event: Event = unit.entries[0].event
        assert isinstance(event, SnapshotTaken)
        rows += tuple(event.rows)
    at: datetime = other.at
    cursor = one.cursor if other.cursor is None else other.cursor
    entry = Entry(SnapshotTaken(rows=rows), -1)
    return Unit(at, other.known_at, (entry,), one.causation_seq, cursor)

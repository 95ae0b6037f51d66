"""Where a journal lives between lives: in memory, or in a real database."""

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from engine.domain.event import SessionStateChanged
from engine.domain.session import SessionContext, SessionState
from engine.domain.unit import Entry, Unit
from engine.ports import Journal, Recorded
from storage.check import check
from storage.journal import SqliteJournal
from storage.start import prepare
from storage.store import SqliteSessionStore
from tests.simulation.journal import Disk, MemoryJournal


class Store(Protocol):
    """Opens a journal, and loses what a kill loses."""

    async def open(self) -> Journal: ...

    async def bury(self, dead: SessionContext, state: SessionState, now: datetime) -> None:
        """Write the end of a session whose process has died, by the open journal."""

    async def kill(self) -> None:
        """Forget what was not committed."""

    async def close(self) -> None:
        """End cleanly."""

    def check(self) -> None:
        """Assert that what is stored is whole."""

    def events(self, context: SessionContext) -> list[Recorded]:
        """Return what is stored of a book."""


class MemoryStore:
    """A Disk in memory."""

    def __init__(self) -> None:
        self._disk = Disk()
        self._journal = MemoryJournal(self._disk)

    async def open(self) -> Journal:
        self._journal = MemoryJournal(self._disk)
        return self._journal

    async def bury(self, dead: SessionContext, state: SessionState, now: datetime) -> None:
        self._journal.resume(dead)
        event = SessionStateChanged(
            before=state, after=SessionState.INTERRUPTED, reason="process_died", actor="engine"
        )
        self._journal.put(Unit(now, now, (Entry(event, -1),), durable=True))
        await self._journal.commit()

    async def kill(self) -> None:
        """What waits is dropped with the journal."""

    async def close(self) -> None:
        """Nothing to close."""

    def check(self) -> None:
        """Memory does not rot."""

    def events(self, context: SessionContext) -> list[Recorded]:
        return list(self._journal.replay(context.book))


class DiskStore:
    """A real database. A kill leaves what the files held at that moment, nothing else."""

    def __init__(self, folder: Path, wall: Callable[[], datetime]) -> None:
        self._folder = folder
        self._wall = wall
        self._number = 0
        self._path = folder / "0" / "p.db"
        self._journal: SqliteJournal | None = None

    async def open(self) -> Journal:
        if self._journal is None:
            assert prepare(self._path) == "", "the tail is lost"
            self._journal = await SqliteJournal.open(self._path, wall=self._wall)
        return self._journal

    async def bury(self, dead: SessionContext, state: SessionState, now: datetime) -> None:
        assert self._journal is not None
        found = list(SqliteSessionStore(self._path).interrupted())
        assert [one.session_id for one in found] == [dead.session_id]
        self._journal.end_interrupted(found[0], now, "engine")
        await self._journal.commit()
        uncontinued = SqliteSessionStore(self._path).uncontinued()
        assert [one.session_id for one in uncontinued] == [dead.session_id]

    async def kill(self) -> None:
        """Copy the files while the engine has them open, then let that engine go."""
        self._number += 1
        folder = self._folder / str(self._number)
        shutil.copytree(self._path.parent, folder)
        await self.close()
        shutil.rmtree(self._path.parent)
        self._path = folder / "p.db"

    async def close(self) -> None:
        if self._journal is not None:
            await self._journal.close()
        self._journal = None

    def check(self) -> None:
        wrong = [finding for finding in check(self._path) if finding.fault]
        assert not wrong, str(wrong)

    def events(self, context: SessionContext) -> list[Recorded]:
        assert self._journal is not None
        return list(self._journal.replay(context.book))

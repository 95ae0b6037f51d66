"""The first connection of a session at a broker: waited for, told of, and ended by a person.

A gateway may come later than we do, as after a restart of the machine: without a screen it is
waited for a minute, before one for as long as a person likes.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from engine.domain.event import RequestAnswered, RequestReceived, SessionStateChanged
from engine.domain.ids import InstrumentId
from engine.domain.link import LinkState
from engine.domain.request import Request, RequestKind
from engine.domain.session import SessionState
from engine.errors import EngineError, JournalError
from engine.ports import Entry, Unit
from storage.controls import SqliteRequestBox
from storage.journal import SqliteJournal

if TYPE_CHECKING:
    from engine.runtime.ibkr import IbkrSession
    from tui.wiring import Watched

LOOK_S = 0.25


class Stopped(Exception):
    """A person stopped the session before it was connected."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.reason)
        self.request = request


async def connect(
    session: "IbkrSession",
    instruments: Sequence[InstrumentId],
    box: SqliteRequestBox,
    watched: "Watched",
) -> None:
    """Start a broker's session. Raises Stopped, or what the start raises."""
    patience = None if watched.has_screen else session.terms.timings.ready
    starting = asyncio.create_task(session.start(instruments, patience_s=patience))
    try:
        while not (await asyncio.wait({starting}, timeout=LOOK_S))[0]:
            link = session.broker.machine.link
            watched.waits_for = link.text if link.state is LinkState.DOWN else ""
            stop = _stop(box)
            if stop is not None:
                raise Stopped(stop)
    except BaseException:
        starting.cancel()
        await asyncio.wait({starting})
        raise
    finally:
        watched.waits_for = ""
    await starting


def _stop(box: SqliteRequestBox) -> Request | None:
    with suppress(JournalError):  # it is looked at again
        return next((one for one in box.pending() if one.kind is RequestKind.STOP), None)
    return None


async def write_end(
    journal: SqliteJournal,
    box: SqliteRequestBox,
    at: datetime,
    watched: "Watched",
    why: Stopped | EngineError,
) -> None:
    """Write the end of a session that was not connected; raises what failed, if anything did."""
    if isinstance(why, Stopped):
        await _write_stop(journal, box, at, why.request)
        watched.end = SessionState.STOPPED
        return
    await never_started(journal, at, why)
    raise why


async def never_started(journal: SqliteJournal, at: datetime, error: EngineError) -> None:
    """Write the end of a session that could not start."""
    failed = SessionStateChanged(
        before=SessionState.CREATED,
        after=SessionState.FAILED,
        reason=str(error),
        actor="engine",
    )
    journal.put(Unit(at, at, [Entry(failed, -1)], durable=True))
    await journal.commit()


async def _write_stop(
    journal: SqliteJournal, box: SqliteRequestBox, at: datetime, request: Request
) -> None:
    reason = request.reason or "asked to stop"
    moves = (
        (SessionState.CREATED, SessionState.STOPPING, f"STOPPED: {reason}"),
        (SessionState.STOPPING, SessionState.STOPPED, reason),
    )
    text = "stopped before it was connected"
    answered = RequestAnswered(request_id=request.request_id, result="DONE", text=text)
    entries = [Entry(RequestReceived(request=request), -1)]
    entries += [
        Entry(SessionStateChanged(before=before, after=after, reason=why, actor=request.actor), 0)
        for before, after, why in moves
    ]
    journal.put(Unit(at, at, [*entries, Entry(answered, 0)], durable=True))
    await journal.commit()
    with suppress(JournalError):  # the journal has it
        box.answer(request.request_id, "DONE", text)

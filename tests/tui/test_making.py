"""When a book last ran: what came due since then was missed, whoever wrote meanwhile."""

from datetime import timedelta
from pathlib import Path

from engine.domain.event import SessionStateChanged
from engine.domain.session import SessionState
from tests.storage.samples import AT, context, created, open_journal, unit
from tui.making import last_running

S = SessionState
IN_HAND = timedelta(seconds=130)
"""An engine may have died with a slot in its hand, as long as a slot may be late."""


def moved(before: SessionState, after: SessionState) -> SessionStateChanged:
    """A step of a session's life."""
    return SessionStateChanged(before=before, after=after, reason="STOPPED: x", actor="engine")


async def test_what_a_start_writes_says_nothing_about_when_a_book_last_ran(tmp_path: Path) -> None:
    given = context()
    async with await open_journal(tmp_path / "p.db") as journal:
        journal.put(created(given))
        await journal.commit()
        assert last_running(journal, given.book) is None
        for hour, (before, after) in enumerate(
            [(S.CREATED, S.STARTING), (S.STARTING, S.RUNNING), (S.RUNNING, S.STOPPING)]
        ):
            journal.put(unit(moved(before, after), at=AT + timedelta(hours=hour)))
        await journal.commit()
        assert last_running(journal, given.book) == AT + timedelta(hours=2) - IN_HAND
        journal.put(unit(moved(S.STOPPING, S.STOPPED), at=AT + timedelta(hours=3)))
        await journal.commit()
        assert last_running(journal, given.book) == AT + timedelta(hours=2) - IN_HAND


async def test_the_end_of_a_dead_session_is_written_later_than_it_ran(tmp_path: Path) -> None:
    given = context()
    async with await open_journal(tmp_path / "p.db") as journal:
        journal.put(created(given))
        journal.put(unit(moved(S.CREATED, S.RUNNING), at=AT))  # nothing before it is made up
        await journal.commit()
        journal.end_interrupted(given, AT + timedelta(days=1), "engine")
        await journal.commit()
        assert last_running(journal, given.book) == AT

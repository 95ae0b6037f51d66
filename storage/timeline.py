"""The instants of a recorded session: which steps it took, when, and what stands out.

A step is one input with every event it caused: on a recorded clock the events of one cursor,
on the wall's those that became known at one instant. Positions are numbers of steps; what a
person calls an instant is turned into one here.
"""

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

from engine.domain.times import parse_utc

MARKS = frozenset({"FillReceived", "OrderDenied", "OrderRejected", "SignalRejected", "AlertRaised"})
"""Kinds of events worth stopping at."""


class Step(NamedTuple):
    """One input and what came of it."""

    seq: int  # its last event
    clock: str  # session clock, stored text; never earlier than that of the step before
    marked: bool  # a fill, a denial, a rejection or an alert is among it


class Timeline:
    """The steps of one session, oldest first; there is always one."""

    def __init__(self, session_id: str, book: str, steps: Sequence[Step]) -> None:
        self.session_id = session_id
        self.book = book
        self.steps = steps
        self._seqs = [step.seq for step in steps]
        self._clocks = [step.clock for step in steps]
        self._marks = [n for n, step in enumerate(steps) if step.marked]

    @property
    def end(self) -> int:
        """The number of the last step."""
        return len(self.steps) - 1

    def at_seq(self, seq: int) -> int:
        """Return the step of an event; the nearest one for an event of another session."""
        return min(bisect_left(self._seqs, seq), self.end)

    def at_instant(self, text: str) -> int:
        """Return the last step that had been taken at an instant (stored text)."""
        return max(0, bisect_right(self._clocks, text) - 1)

    def mark(self, step: int, direction: int) -> int:
        """Return the next or previous step that is marked; where there is none, the same."""
        if direction > 0:
            at = bisect_right(self._marks, step)
            return self._marks[at] if at < len(self._marks) else step
        at = bisect_left(self._marks, step) - 1
        return self._marks[at] if at >= 0 else step

    def day(self, step: int, direction: int, day_of: Callable[[str], date]) -> int:
        """Return the last step of the next or previous date on which anything happened."""
        today = day_of(self._clocks[step])
        if direction < 0:
            while step > 0 and day_of(self._clocks[step]) == today:
                step -= 1
            return step
        while step < self.end and day_of(self._clocks[step]) == today:
            step += 1
        found = day_of(self._clocks[step])
        while step < self.end and day_of(self._clocks[step + 1]) == found:
            step += 1
        return step

    def seconds(self, step: int) -> float:
        """Return how long after a step the next one came, on the session's clock."""
        here, there = self.steps[step], self.steps[min(step + 1, self.end)]
        return (parse_utc(there.clock) - parse_utc(here.clock)).total_seconds()


def timeline(db: sqlite3.Connection, session_id: str) -> Timeline:
    """Return the steps of a session as far as they are journaled."""
    book, recorded = db.execute(
        "SELECT book, recorded_clock FROM sessions WHERE session_id = ?", (session_id,)
    ).fetchone()
    rows = db.execute(
        "SELECT seq, at, known_at, cursor, kind FROM events WHERE session_id = ? ORDER BY seq",
        (session_id,),
    ).fetchall()
    return Timeline(session_id, book, list(_steps(rows, recorded_clock=bool(recorded))))


def _steps(rows: Sequence[Any], *, recorded_clock: bool) -> Iterable[Step]:
    """Group events; what a recorded clock did not stamp (the start, a kill) stays where it was."""
    clock = ""
    if recorded_clock:
        clock = next((at for _, at, _, cursor, _ in rows if cursor is not None), rows[0][1])
    for _, found in groupby(rows, key=lambda row: row[2] if row[3] is None else row[3]):
        events = list(found)
        stamped = [at for _, at, _, cursor, _ in events if cursor is not None or not recorded_clock]
        clock = max(clock, *stamped) if stamped else clock
        yield Step(events[-1][0], clock, any(row[4] in MARKS for row in events))

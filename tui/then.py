"""A replay's other moment: what the shown panes held where its clock stood before it looked at now.

Read from tables of its own, by the same queries. Of a table too long to be read these are the rows
of the window that is shown, found by their keys, and how many there were.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from engine.domain.times import parse_utc
from storage.queries import pages, panes
from storage.queries.pages import Part
from storage.rewind import Rewind
from storage.timeline import Step, Timeline
from tui.format import EXCHANGE_ZONE
from tui.source import DatabaseSource, page_name
from tui.view import Moment, Reading, View, Wanted

COUNT_S = 0.2  # how many rows met a filter then is worth no more


class Then(DatabaseSource):
    """Reads a moment that does not move; lives on the reading thread."""

    def __init__(self, rewind: Rewind, timeline: Timeline, now: Callable[[], datetime]) -> None:
        super().__init__(rewind.path, lambda: timeline.session_id, now)
        self._rewind = rewind
        self._timeline = timeline
        self._at: Step | None = None
        self._counts: dict[tuple[object, ...], tuple[int, bool]] = {}

    def view_of(self, at: Step, wanted: Wanted, now: Mapping[str, Reading]) -> View:
        """Return what was known at a step of what is wanted; `now` has the shown windows."""
        if at != self._at:
            self._at = at
            self._forget()
            self._counts.clear()
        db = self._rewind.then(at.seq)
        steps = self._timeline
        topics = frozenset(topic for topic in wanted if isinstance(topic, str))
        topics -= {topic for topic in topics if topic.startswith("explain:")}
        self._read(db, steps.session_id, steps.book, topics | {"session", "beat"})
        readings = dict(self._readings)
        for window in wanted:
            if isinstance(window, str):
                continue
            shown = now.get(page_name(window))
            if shown is not None and shown.part is not None:
                readings[page_name(window)] = self._page(db, shown, shown.part)
        clock = parse_utc(at.clock)
        return View(Moment(self._now(), clock, clock.astimezone(EXCHANGE_ZONE).date()), readings)

    def _page(self, db: panes.Database, shown: Reading, part: Part) -> Reading:
        """Return the same rows as they were, and how many there were."""
        window, steps = part.window, self._timeline
        scopes = {"book": steps.book, "session_id": steps.session_id}
        rows = pages.same_rows(db, scopes, window.topic, shown.rows or ())
        if (window.topic, window.conditions) not in self._counts:
            self._counts[window.topic, window.conditions] = pages.count(db, scopes, window, COUNT_S)
        matching, complete = self._counts[window.topic, window.conditions]
        then = replace(part, matching=matching, counted=complete)
        return Reading(rows, self._now(), part=then)

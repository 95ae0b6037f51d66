"""What all panes share: title, states of knowledge, detail, explanation.

A pane is a table under a title line; a card is a pane without rows. The states are told
apart in words: waiting (nothing read yet), known to be empty (with source and time), failed
(old rows dimmed, the reason in the title), and rows.
"""

import textwrap
from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Literal

from rich.cells import cell_len
from textual.binding import BindingType

from storage.queries.pages import Window
from tui.actions import allowed, bindings, of
from tui.format import (
    BLANK,
    UNKNOWN,
    Shown,
    age,
    both_instants,
    cell,
    clip,
    exchange_time,
    fit,
    quantity,
    safe,
    say,
    whole,
    zone_name,
)
from tui.messages import WindowWanted
from tui.panes.tablekeys import TableKeys
from tui.view import Reading, Row, View, instant
from tui.widgets.filtering import typed_text
from tui.widgets.lines import Line, Span, line

LABEL = 20  # columns of a field's name in a detail
INDENT = 5  # of what a long line of an explanation goes on with


class Pane(TableKeys):
    """One subject on the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("table")]

    pane: ClassVar[str] = ""
    title: ClassVar[Shown] = BLANK
    topics: ClassVar[tuple[str, ...]] = ()  # readings it needs; the first one is its own
    id_columns: ClassVar[tuple[str, ...]] = ()  # what `i` explains, first that is there

    def __init__(self) -> None:
        super().__init__(id=self.pane)
        self.view: View | None = None
        self.detail_of: str | None = None
        self.explained: str | None = None
        self.standing = BLANK  # since when it stands still, if it does
        self._sought: str | None = None  # a row to go to when it is there
        self._detail_top = 0

    # -- what subclasses say ---------------------------------------------------------------

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """Return the rows with their keys, in the order they are shown."""
        return ()

    def title_parts(self, view: View) -> list[Shown]:
        """Return what follows the name in the title: counts, as-of."""
        return []

    def empty_text(self, view: View) -> Shown:
        """Return what is said when there is known to be nothing."""
        return Shown("nothing")

    # -- showing ---------------------------------------------------------------------------

    @property
    def reading(self) -> Reading:
        """The pane's own reading."""
        if self.view is None or not self.topics:
            return Reading()
        return self.view[self.topics[0]]

    def show(self, view: View) -> None:
        """Take what was read; paint soon."""
        self.view = view
        rows = () if self.reading.rows is None else self.rows_of(view)
        self.show_rows(rows, view.moment)
        if self._sought is not None and self._sought in self._rows:
            self.cursor, self._sought, self.row_left = self._sought, None, False
            self.flush()

    def compare_with(self, then: View | None) -> None:
        """Mark what differs from another moment as soon as rows are shown; None ends it."""
        self._cells.clear()
        if then is None:
            self.then = None
            self.flush()
            return
        now, self.view = self.view, then
        self.then = dict(self.rows_of(then)) if self.reading.rows is not None else {}
        self.view = now

    def seek(self, key: str) -> None:
        """Put the cursor on a row, as soon as it is there."""
        self.explained = self.detail_of = None
        if key not in self._rows and self.filter is not None:
            self.filter_by("")
        self._sought = key
        if self.view is not None:
            self.show(self.view)

    def dims(self, row: Row) -> bool:
        """Old rows under a failed read are dimmed."""
        return bool(self.reading.failed)

    def heading(self) -> tuple[Line, ...]:
        """Return the title line."""
        return (self.title_line(),)

    def title_line(self) -> Line:
        """Return the name, counts and as-of, or why the last read failed."""
        ink = "titled" if self.has_focus else "title"
        view, reading = self.view, self.reading
        unread = bool(self.topics) and not reading.known and not reading.failed
        if view is None or unread:  # a count of what was never read would be a guess
            return line(say(" {}", self.title), ink=ink)
        standing = [self.standing] if self.standing else []
        parts = [self.title, *standing, *self.filter_parts(), *self.title_parts(view)]
        spans = [Span(say(" {}", clip(Shown(" · ".join(parts)), self.size.width - 1)))]
        if reading.failed:
            at = exchange_time(reading.read_at)
            spans = [
                Span(say(" {} ", self.title)),
                Span(say("READ FAILED {} {}", at, safe(reading.failed, 60)), "danger"),
            ]
        return line(*spans, ink=ink)

    def filter_parts(self) -> list[Shown]:
        """Return the filter with how many rows it lets through, and the sorting."""
        parts = [] if zone_name() == "ET" else [say("times {}", zone_name())]
        if self.filter is not None:
            parts.append(say("{} /{}", self.share(), typed_text(self.filter.typed)))
        if self.sorted_by is not None:
            parts.append(say("by {}{}", self.sorted_by.label, _arrow(self.sorted_down)))
        if self.then is not None:
            counts = (whole(n) for n in self.differences())
            parts.append(say("≠ {} changed, {} new, {} gone", *counts))
        if self.marks:
            parts.append(say("{} marked", whole(len(self.marks))))
        return parts

    def share(self) -> Shown:
        """Return how many rows the filter lets through, of how many."""
        return say("{} of {}", whole(len(self.keys)), whole(len(self.all_keys)))

    def nothing(self) -> tuple[Line, ...]:
        """Return the words for no rows."""
        view = self.view
        if self.filter is not None and self.all_keys:
            hidden = say(
                " 0 of {} match /{} · esc shows all",
                whole(len(self.all_keys)),
                typed_text(self.filter.typed),
            )
            return (line(hidden, ink="warn"),)
        if view is None or (not self.reading.known and not self.reading.failed):
            return (line(say(" {}", self.waiting_text()), ink="stale"),)
        if self.reading.failed:
            return (line(Shown(" not known: the read failed"), ink="warn"),)
        source = say(" {} ({})", self.empty_text(view), self.as_of(view))
        return (line(source, ink="stale"),)

    def waiting_text(self) -> Shown:
        """Return what is waited for, and how long by now."""
        view = self.view
        if view is None:
            return Shown("waiting for the engine")
        beat, session = view["beat"].first(), view["session"].first()
        if beat is None or session is None:
            return Shown("waiting for the engine")
        since = age(view.moment.wall_age(instant(session, "started_at")))
        note = cell(beat.get("note") or "first rows")
        return say("waiting for {}, {}", note, since)

    def as_of(self, view: View) -> Shown:
        """Return source and instant of what is known: to the minute, so that nothing ticks."""
        session = view["session"].first()
        account = cell((session.get("account") if session else None) or "·")
        return say("{}, {}", account, clock_text(view, to_the="minute"))

    # -- detail and explanation ------------------------------------------------------------

    def layout_lines(self) -> list[Line]:
        """Return the pane's lines: rows, or a detail in their place."""
        lines = self.detail_lines()
        if lines is None:
            return super().layout_lines()
        room = max(0, self.size.height - 1)
        self._detail_top = max(0, min(self._detail_top, len(lines) - room))
        return [self.title_line(), *lines[self._detail_top : self._detail_top + room]]

    def detail_lines(self) -> list[Line] | None:
        """Return the open detail or explanation, None if none is open."""
        if self.view is None:
            return None
        if self.explained is not None:
            return explanation(self.view, self.explained, self.size.width)
        if self.detail_of is None:
            return None
        row = self._rows.get(self.detail_of)
        if row is None:
            return [line(Shown(" this row is gone"), ink="stale")]
        return self.detail(row)

    def detail(self, row: Row) -> list[Line]:
        """Return all that is known of a row: every column, full ids, both instants."""
        lines = [line(Shown(" esc back"), ink="quiet")]
        for name, value in row.items():
            lines += wrapped(field_line(name, value), self.size.width, LABEL)
        return lines

    @property
    def window(self) -> Window | None:
        """Which rows of a table that is too long to be read are wanted."""
        return None

    @property
    def more_topics(self) -> frozenset[str]:
        """Readings it needs now beside those it always needs."""
        return frozenset()

    def wants_more(self) -> None:
        """What is needed changed: read it now."""
        self.post_message(WindowWanted())

    @property
    def chain_of(self) -> str | None:
        """The id whose chain is to be read."""
        return self.explained

    def explainable(self) -> str | None:
        """Return the id that `i` explains here."""
        if self.row is None:
            self.move(1)
        row = self.row
        if row is None:
            return None
        return next((str(row[name]) for name in self.id_columns if row.get(name)), None)

    def back(self) -> bool:
        """Close what is open here; say whether something was."""
        if self.explained is None and self.detail_of is None:
            if self.filter is None:
                return False
            self.filter_by("")
            self.flush()
            return True
        self.explained = self.detail_of = None
        self._detail_top = 0
        self.flush()
        return True

    # -- keys ------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A read-only screen has no action that changes anything."""
        read_only = bool(getattr(self.screen, "read_only", False))
        return all(allowed(a, read_only=read_only) for a in of(self.pane) if a.id == action)

    def _step(self, rows: int) -> None:
        if self.explained is not None or self.detail_of is not None:
            self._detail_top += rows
            self.flush()
        else:
            self.move(rows)

    def action_up(self) -> None:
        """One row up."""
        self._step(-1)

    def action_down(self) -> None:
        """One row down."""
        self._step(1)

    def action_page_up(self) -> None:
        """One page up."""
        self._step(-self.page)

    def action_page_down(self) -> None:
        """One page down."""
        self._step(self.page)

    def action_first(self) -> None:
        """To the first row."""
        self._step(-1_000_000)

    def action_last(self) -> None:
        """To the last row; where the newest are last, back to following them."""
        if self.newest_last and self.detail_of is None and self.explained is None:
            self.let_go()
        else:
            self._step(1_000_000)

    def action_detail(self) -> None:
        """Show all that is known of the row under the cursor."""
        if self.cursor is None:
            self.move(1)
        if self.cursor is not None and self.detail_of is None:
            self.detail_of = self.cursor
            self._detail_top = 0
            self.flush()


def _arrow(down: bool) -> Shown:
    return Shown("▼" if down else "▲")


def clock_text(view: View, to_the: Literal["second", "minute"] = "second") -> Shown:
    """Return the session's clock: time of day on a wall clock, session date on a recorded one."""
    session = view["session"].first()
    if session is not None and session.get("recorded_clock"):
        date = view.moment.session_date
        return UNKNOWN if date is None else Shown(date.isoformat())
    return say("{} ET", exchange_time(view.moment.clock, seconds=to_the == "second"))


def field_line(name: str, value: object) -> Line:
    """Return one line of a detail: name, then value in full."""
    label = Span(say(" {} ", fit(safe(name.replace("_", " ")), 18)), "quiet")
    if value is None:
        return line(label, UNKNOWN)
    if isinstance(value, float):
        return line(label, quantity(value))
    if isinstance(value, datetime):
        return line(label, both_instants(value))
    if isinstance(value, str) and len(value) == 27 and value.endswith("Z") and value[10] == "T":
        return line(label, both_instants(instant({"at": value}, "at")))
    return line(label, safe(str(value)))


def wrapped(whole_line: Line, width: int, indent: int) -> list[Line]:
    """Return a line in as many as it takes: an id or a reason is never cut in a detail."""
    first, *others = whole_line.spans
    text = Shown("".join(span.text for span in others))
    room = width - indent - 1
    if len(others) != 1 or room < LABEL or cell_len(text) <= room:
        return [whole_line]
    pieces = textwrap.wrap(text, room, break_on_hyphens=False)
    ink = others[0].ink
    return [
        Line((first if not n else Span(Shown(" " * indent)), Span(Shown(piece), ink)))
        for n, piece in enumerate(pieces)
    ]


def explanation(view: View, id: str, width: int) -> list[Line]:
    """Return the chain behind an id, oldest first."""
    head = line(say(" why {} · esc back", safe(id)), ink="quiet")
    reading = view["explain:" + id]
    if reading.failed:
        return [head, line(say(" {}", safe(reading.failed)), ink="warn")]
    if reading.rows is None:
        return [head, line(Shown(" reading…"), ink="stale")]
    if not reading.rows:
        return [head, line(Shown(" nothing is recorded under this id"), ink="stale")]
    lines = [head]
    for row in reading.rows:
        ink, text = row.get("ink", "plain"), safe(row["text"])
        told = line(Span(Shown(" ")), Span(text))
        long = wrapped(told, width, INDENT) if not text.startswith(" ") else [told]
        lines += [Line(each.spans, ink) for each in long]
    return lines


def sign_ink(value: object) -> str:
    """Return the ink of a signed number."""
    if value is None or not value:
        return "plain"
    return "gain" if value > 0 else "loss"  # type: ignore[operator]

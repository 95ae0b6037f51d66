"""A pane whose table can be too long to be read: it shows a window of it, found in SQL.

Up to `LIMIT` rows all are here, and filtered and sorted as they are shown. From there on the
pane wishes for a window: rows around its cursor, with the filter and the order worked out by
the database. The cursor walks through windows without noticing.
"""

from dataclasses import replace
from functools import partial
from typing import ClassVar

from storage.queries.long import HAPPENED, LONG, Condition
from storage.queries.pages import Part, Window
from storage.queries.panes import LIMIT
from tui.format import UNKNOWN, Shown, say, whole
from tui.messages import ExportWanted
from tui.panes.pane import Pane
from tui.source import page_name
from tui.view import Moment, Reading, Row, View
from tui.widgets.lines import Line, line
from tui.widgets.table import Column

EDGE = 60  # rows from where on a window is followed by the next


class LongPane(Pane):
    """Rows, or a window of them."""

    resting: ClassVar[Window]  # what is wanted while nothing was chosen

    def __init__(self) -> None:
        super().__init__()
        self.part: Part | None = None
        self._wish = self.resting
        self._matched: int | None = None  # rows that met the filter at the other moment
        self._jump = ""  # where the cursor goes when the window is there

    # -- what is wanted, what is there -------------------------------------------------------

    @property
    def long(self) -> bool:
        """Whether there are more rows than are read at once."""
        rows = None if self.view is None else self.view[self.resting.topic].rows
        return rows is not None and len(rows) >= LIMIT

    @property
    def window(self) -> Window | None:
        """The rows that are wanted, None while all are at hand."""
        return self._wish if self.long else None

    @property
    def reading(self) -> Reading:
        """The window where the table is long."""
        if self.view is None or not self.long:
            return super().reading
        page = self.view[page_name(self.resting)]
        return page if page.known or page.failed else super().reading

    def show(self, view: View) -> None:
        """Take what was read; the cursor goes where it was to go."""
        self.view = view
        before, self.part = self.part, self.reading.part
        marks = set(self.marks)
        super().show(view)
        if self.part is None:
            return
        self.marks = marks  # rows of other windows keep theirs
        if self._jump and self.part.window == self._wish and self._keys:
            self.cursor = self._keys[0 if self._jump == "first" else -1]
            self.row_left = False
            self._jump = ""
        if before is None or before.window != self.part.window:
            self.flush()  # a key waits for these rows

    def _want(self, window: Window, jump: str = "") -> None:
        self._jump = jump
        if window != self._wish:
            self._wish = window
            self.wants_more()

    def _chosen(self) -> Window:
        """Return the window of the filter and the order that are chosen, around the cursor."""
        found = replace(self.resting, around=self.cursor, from_end=False)
        if self.cursor is None:
            found = replace(found, from_end=self.resting.from_end)
        terms = () if self.filter is None else self.filter.terms
        typed = (
            Condition(term.field.of if term.field else "", term.sign or "~", term.text)
            for term in terms
        )
        found = replace(found, conditions=(*self.own_conditions(), *typed))
        if self.sorted_by is not None:
            found = replace(found, by=self.sorted_by.of, down=self.sorted_down)
        return found

    def own_conditions(self) -> tuple[Condition, ...]:
        """Return what a key of the pane leaves, beside what is typed."""
        return ()

    def chosen_anew(self) -> None:
        """A key of the pane chose other rows."""
        self._want(self._chosen())
        if self.view is not None:
            self.show(self.view)
        self.flush()

    def selected(
        self, rows: list[tuple[str, Row]], moment: Moment, *, sort_now: bool
    ) -> list[tuple[str, Row]]:
        """A window is filtered and in order, unless it is still the one before."""
        if self.part is not None and _same_rows(self.part.window, self._wish):
            return rows
        return super().selected(rows, moment, sort_now=sort_now)

    # -- what a person chooses ---------------------------------------------------------------

    def filter_by(self, typed: str) -> None:
        """Let the database filter a long table."""
        super().filter_by(typed)
        self._want(self._chosen())

    def sort_by(self, column: Column | None) -> None:
        """Let the database sort a long table, by what it has an index for."""
        known = LONG[self.resting.topic].orders.keys() | HAPPENED
        if self.long and column is not None and column.of not in known:
            labels = " ".join(c.label for c in self.columns if c.of in known)
            self.say(say("so long a table is sorted by {}", Shown(labels)))
            return
        super().sort_by(column)
        self._want(self._chosen())

    def move(self, steps: int) -> None:
        """Move the cursor; near an end of the window the next one is wanted."""
        super().move(steps)
        part = self.part
        if part is None or self.cursor is None:
            return
        at = self._keys.index(self.cursor)
        above, below = at < EDGE, at >= len(self._keys) - EDGE
        if (above and not part.first) or (below and not part.last):
            self._want(self._chosen())

    def let_go(self) -> bool:
        """Take the cursor away: the newest rows are shown again."""
        had = super().let_go()
        self._want(self._chosen())
        return had

    def action_first(self) -> None:
        """To the first row of all."""
        self._to_end("first")

    def action_last(self) -> None:
        """To the last row of all."""
        self._to_end("last")

    def _to_end(self, which: str) -> None:
        follows = which == "last" and self.newest_last
        if self.part is None or self.detail_of is not None or self.explained is not None or follows:
            (super().action_first if which == "first" else super().action_last)()
            return
        wanted = replace(self._chosen(), around=None, from_end=which == "last")
        if wanted == self.part.window == self._wish:
            super()._step(-1_000_000 if which == "first" else 1_000_000)
        else:
            self._want(wanted, which)

    def seek(self, key: str) -> None:
        """Walk to a row that may be far away."""
        super().seek(key)
        if self._sought is not None:
            self._want(replace(self._chosen(), around=key, from_end=False))

    # -- then and now --------------------------------------------------------------------------

    def compare_with(self, then: View | None) -> None:
        """Of a long table the rows of the window, and how many there were."""
        super().compare_with(then)
        page = None if then is None else then[page_name(self.resting)].part
        self._matched = page.matching if page is not None and page.counted else None

    def differences(self) -> tuple[int, int | None, int]:
        """Changed ones are those of the window; rows of a long table only become more."""
        changed, new, gone = super().differences()
        if self.part is None:
            return changed, new, gone
        known = self._matched is not None and self.part.counted
        return changed, self.part.matching - (self._matched or 0) if known else None, 0

    # -- words -------------------------------------------------------------------------------

    def how_many(self) -> Shown:
        """Return how many rows there are; `+` while they are counted."""
        if self.part is None:
            return whole(len(self.all_keys))
        return counted(self.part.total, complete=self.part.whole)

    def how_much(self, rows: int) -> Shown:
        """All rows that the filter lets through, also those that were never read."""
        if self.part is None:
            return super().how_much(rows)
        return say("{} rows", counted(self.part.matching, complete=self.part.counted))

    def as_shown(self, view: View, row: Row) -> Row:
        """Return a row with what the columns need beside it."""
        return row

    def export_of(
        self, name: str, rows: tuple[Row, ...], columns: tuple[Column, ...], moment: Moment
    ) -> ExportWanted:
        """Of a long table every row that matches, in its order, as of now."""
        view = self.view
        if self.part is None or view is None:
            return super().export_of(name, rows, columns, moment)
        window = replace(self._chosen(), around=None, from_end=False)
        prepared = partial(self.as_shown, view)
        return ExportWanted(name, (), columns, moment, window, prepared)

    def share(self) -> Shown:
        """Return how many rows the filter lets through; `+` while they are counted."""
        part = self.part
        if part is None:
            return super().share()
        found = counted(part.matching, complete=part.counted)
        return say("{} of {}", found, counted(part.total, complete=part.whole))

    def nothing(self) -> tuple[Line, ...]:
        """No row yet is not no row."""
        if self.part is None or not self.part.window.conditions:
            return super().nothing()
        if not self.part.searched:
            return (line(Shown(" searching…"), ink="stale"),)
        return (line(say(" {} match · esc shows all", self.share()), ink="warn"),)


def counted(count: int, *, complete: bool) -> Shown:
    """Return a count as far as it is known: nothing counted yet is not zero."""
    if complete:
        return whole(count)
    return say("{}+", whole(count)) if count else UNKNOWN


def _same_rows(left: Window, right: Window) -> bool:
    """Say whether two windows differ in their place alone."""
    chosen = left.conditions, left.by, left.down
    return chosen == (right.conditions, right.by, right.down)

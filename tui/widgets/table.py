"""The live table: keyed rows, a cursor that belongs to a key, and only dirty lines painted.

There is no cursor until a person moves: until then the table follows its newest end. After
that the cursor stays with its row whatever is inserted, sorted or removed around it.

`DataTable.update_cell` repaints the whole table for one cell (61-65 % of a core at 20 changes
a second); here a change costs the lines that look different, at most every 100 ms (2-3 %).
Columns are data: base columns always, `+` columns from 120, `++` from 200 columns of pane.
Cell 0 of a line is the gutter (`>` cursor, `*` marked), the last one the scroll mark.

The order is static: prices never move rows. A chosen sorting is worked out anew at most every
2 s and never within a second of a key.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic

from textual.events import Resize
from textual.timer import Timer

from tui.format import Shown, fit, say, zone_name
from tui.view import Moment, Row
from tui.widgets import filtering
from tui.widgets.filtering import Filter
from tui.widgets.flash import LASTS_S, Flash, Flashes
from tui.widgets.lines import Line, Lines, Span, line

FLUSH_S = 0.1
SORT_EVERY_S = 2.0
SORT_AFTER_KEY_S = 1.0
GROWS_FROM = 8
SLIM_WIDTH = 60
PLUS_WIDTH = 120
PLUS_PLUS_WIDTH = 200
FLASH_MARKS = {1: "▲", -1: "▼", 0: " "}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column: what it is called, how wide it is, what it shows and in which ink."""

    label: Shown
    width: int
    show: Callable[[Row, Moment], Shown]
    ink: Callable[[Row, Moment], str] | None = None
    right: bool = False
    level: int = 0  # 0 base, 1 with +, 2 with ++
    grows: bool = False  # takes what the others leave
    slim: bool = False  # one of the few that a pane of 40 columns shows
    of: str = ""  # the row's field behind it: what is sorted, filtered and exported
    flashes: bool = False  # stands out for a moment when it changes


def column_differs(column: Column, before: Row, after: Row, moment: Moment | None) -> bool:
    """Say whether a column shows something else of a row than of what it was."""
    if column.of and before.get(column.of) == after.get(column.of):
        return False
    return moment is not None and column.show(before, moment) != column.show(after, moment)


@lru_cache(maxsize=256)
def columns_for(columns: tuple[Column, ...], width: int) -> tuple[tuple[Column, int], ...]:
    """Return the columns of a pane `width` cells wide, each with its width.

    Whole columns from the left as far as they fit, growing ones as narrow as they may be; then
    these get their own width, the first ones first, and the last of them takes the rest.
    """
    level = (width >= PLUS_WIDTH) + (width >= PLUS_PLUS_WIDTH)
    if width < SLIM_WIDTH and any(c.slim for c in columns):
        columns = tuple(c for c in columns if c.slim)
    room = width - 2
    chosen: list[tuple[Column, int]] = []
    for column in sorted((c for c in columns if c.level <= level), key=lambda c: c.level):
        size = column.width if not column.grows else min(column.width, GROWS_FROM)
        needed = size + bool(chosen)
        if needed > room:
            break
        room -= needed
        chosen.append((column, size))
    for n, (column, size) in enumerate(chosen):
        more = min(room, column.width - size)
        chosen[n] = column, size + more
        room -= more
    growing = max((n for n, (c, _) in enumerate(chosen) if c.grows), default=-1)
    return tuple((c, size + (room if n == growing else 0)) for n, (c, size) in enumerate(chosen))


def anchored(cursor: str, before: Sequence[str], after: Iterable[str]) -> str | None:
    """Return where the cursor is after its table changed: on its key, else on a neighbor.

    The neighbor is the nearest row below that is still there, else the nearest above.
    """
    there = set(after)
    if cursor in there:
        return cursor
    at = before.index(cursor) if cursor in before else 0
    below = (key for key in before[at:] if key in there)
    above = (key for key in reversed(before[:at]) if key in there)
    return next(below, None) or next(above, None)


class Table(Lines, can_focus=True):
    """Rows under a heading. Subclasses say which columns, heading and words for no rows."""

    may_flash = True
    """Set once for all tables before the screen is built."""

    columns: tuple[Column, ...] = ()
    newest_last = False  # the newest rows are at the bottom: without a cursor that end is shown

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.moment: Moment | None = None
        self.cursor: str | None = None
        self.row_left = False  # the cursor's row went away: the next market key is refused once
        self.marks: set[str] = set()
        self.filter: Filter | None = None
        self.sorted_by: Column | None = None
        self.sorted_down = False
        self.choosing_sort = False
        self.pressed_at = 0.0  # when a key was last pressed here
        self.then: dict[str, Row] | None = None  # rows of another moment, to compare with
        self._sorted_at = 0.0
        self._all: dict[str, Row] = {}
        self._rows: dict[str, Row] = {}
        self._keys: list[str] = []
        self._top = 0
        self._cells: dict[str, tuple[Row, tuple[object, ...], tuple[Span, ...]]] = {}
        self._flushed_at = 0.0
        self._pending: Timer | None = None
        self._flashes = Flashes()
        self._flash_ends: Timer | None = None

    # -- content ---------------------------------------------------------------------------

    def heading(self) -> tuple[Line, ...]:
        """Return the lines above the column labels."""
        return ()

    def nothing(self) -> tuple[Line, ...]:
        """Return the lines that stand where no row is."""
        return ()

    def dims(self, row: Row) -> bool:
        """Say whether a whole row is dimmed."""
        return False

    def sign_of(self, row: Row) -> str:
        """Return what stands before a row that is neither marked nor under the cursor."""
        return " "

    @property
    def keys(self) -> tuple[str, ...]:
        """The rows' keys from top to bottom."""
        return tuple(self._keys)

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._rows.get(self.cursor) if self.cursor is not None else None

    def show_rows(self, rows: Iterable[tuple[str, Row]], moment: Moment) -> None:
        """Take new rows in their order; paint soon."""
        self._all = dict(rows)
        self.moment = moment
        self.marks &= self._all.keys()
        self._arrange()

    def _arrange(self, *, sort_now: bool = False) -> None:
        """Filter and sort what there is; the cursor stays with its row."""
        before, moment = self._keys, self.moment
        rows = list(self._all.items())
        if moment is not None:
            rows = self.selected(rows, moment, sort_now=sort_now)
        self._rows = dict(rows)
        self._keys = list(self._rows)
        if self.cursor is not None:
            kept = anchored(self.cursor, before, self._keys)
            self.row_left = self.row_left or kept != self.cursor
            self.cursor = kept
        for gone in self._cells.keys() - self._rows.keys():
            del self._cells[gone]
        self.flush_soon()

    def selected(
        self, rows: list[tuple[str, Row]], moment: Moment, *, sort_now: bool
    ) -> list[tuple[str, Row]]:
        """Return the rows that the filter lets through, in the order chosen."""
        if self.filter is not None:
            rows = [r for r in rows if self.filter.holds(r[1], moment, self.columns)]
        if self.sorted_by is not None:
            rows = self._in_order(rows, self.sorted_by, moment, sort_now=sort_now)
        return rows

    def _in_order(
        self, rows: list[tuple[str, Row]], by: "Column", moment: Moment, *, sort_now: bool
    ) -> list[tuple[str, Row]]:
        now = monotonic()
        quiet = now - self.pressed_at >= SORT_AFTER_KEY_S and now - self._sorted_at >= SORT_EVERY_S
        if sort_now or quiet:
            self._sorted_at = now
            return filtering.by_value(rows, by, moment, reverse=self.sorted_down)
        place = {key: n for n, key in enumerate(self._keys)}  # new rows wait at the end
        return sorted(rows, key=lambda keyed: place.get(keyed[0], len(place)))

    @property
    def all_keys(self) -> tuple[str, ...]:
        """The keys of all rows, those too that a filter hides."""
        return tuple(self._all)

    def filter_by(self, typed: str) -> None:
        """Show the rows that meet a filter; an empty one shows all."""
        self.filter = filtering.parse(typed, self.columns) if typed.strip() else None
        self._arrange()

    def sort_by(self, column: "Column | None") -> None:
        """Sort by a column, the other way round if it is sorted so already; None restores."""
        self.sorted_down = column is not None and column is self.sorted_by and not self.sorted_down
        self.sorted_by = column
        self._arrange(sort_now=True)
        self.flush()

    def mark(self) -> None:
        """Mark the row under the cursor, or take the mark away."""
        if self.cursor is not None:
            self.marks ^= {self.cursor}
            self.flush()

    def chosen(self) -> list[tuple[str, Row]]:
        """Return the marked rows that are shown, else the one under the cursor."""
        marked = [(key, self._rows[key]) for key in self._keys if key in self.marks]
        if marked or self.cursor is None:
            return marked
        return [(self.cursor, self._rows[self.cursor])]

    def shown_rows(self) -> list[tuple[str, Row]]:
        """Return every row that the filter lets through, in its order."""
        return list(self._rows.items())

    # -- painting --------------------------------------------------------------------------

    def flush_soon(self) -> None:
        """Paint now if the last time is 100 ms ago, else when it is."""
        if self._pending is not None or not self.is_attached:
            return
        wait = self._flushed_at + FLUSH_S - monotonic()
        if wait <= 0:
            self.flush()
        else:
            self._pending = self.set_timer(wait, self.flush)

    def flush(self) -> None:
        """Work out the lines and paint those that changed."""
        self._pending = None
        self._flushed_at = monotonic()
        if self.size.width and self.display:
            self.paint(self.layout_lines())

    def on_resize(self, event: Resize) -> None:
        """The columns depend on the width."""
        self._cells.clear()
        self.flush()

    def layout_lines(self) -> list[Line]:
        """Return every line of the widget, top to bottom."""
        width, height = self.size
        head = list(self.heading())
        if not self._keys:
            return [*head, *self.nothing()][:height]
        columns = columns_for(self.columns, width)
        head.append(self._labels(columns))
        room = max(0, height - len(head))
        self._scroll_into_view(room)
        shown = self._keys[self._top : self._top + room]
        below = len(self._keys) > self._top + room
        spans = self._spans_of(shown, columns)
        used = sum(size for _, size in columns) + len(columns) - 1
        gap = " " * (width - 2 - used)
        body: list[Line] = []
        for n, key in enumerate(shown):
            mark = "▲" if self._top and not n else "▼" if below and n == room - 1 else " "
            body.append(self._row_line(key, spans[n], Span(Shown(gap + mark), "quiet")))
        return (head + body)[:height]

    def _labels(self, columns: tuple[tuple["Column", int], ...]) -> Line:
        if self.choosing_sort:
            letters = filtering.sort_letters([c for c, _ in columns])
            words = [f"{letter}:{column.label}" for letter, column in letters.items()]
            text = say(" sort by {}  s:as it was", Shown(" ".join(words)))
            return line(Span(fit(text, max(0, self.size.width)), "key"), ink="ask")
        shown: list[str] = []
        for column, size in columns:
            mark = ""
            if column is self.sorted_by and len(column.label) < size:
                mark = "▼" if self.sorted_down else "▲"
            shown.append(fit(Shown(column.label + mark), size, right=column.right))
        return line(Shown(" " + " ".join(shown)), ink="head")

    def _scroll_into_view(self, room: int) -> None:
        last = max(0, len(self._keys) - room)
        if self.cursor is None:
            self._top = last if self.newest_last else 0
            return
        at = self._keys.index(self.cursor)
        self._top = min(self._top, last, at)
        if at >= self._top + room:
            self._top = at - room + 1

    def _spans_of(
        self, keys: Sequence[str], columns: tuple[tuple[Column, int], ...]
    ) -> list[tuple[Span, ...]]:
        """Return the cells of rows: those of a row that is as it was, from this second, as well."""
        moment = self.moment
        assert moment is not None
        clock = None if moment.clock is None else int(moment.clock.timestamp())
        stamp = (int(moment.wall.timestamp()), clock, columns, zone_name())
        found: list[tuple[Span, ...]] = []
        for key in keys:
            row, cached = self._rows[key], self._cells.get(key)
            if cached is None or cached[1] != stamp or cached[0] != row:
                if cached is not None and cached[1][2:] == stamp[2:]:
                    self._flash(key, cached[0], row)
                spans = self._spans(row, moment, columns, self._flashes.of(key), self._before(key))
                cached = self._cells[key] = (row, stamp, spans)
            found.append(cached[2])
        return found

    def _row_line(self, key: str, spans: tuple[Span, ...], rest: Span) -> Line:
        row = self._rows[key]
        here = key == self.cursor
        ink = "cursor" if here and self.has_focus else "plain"
        if ink == "plain" and self.dims(row):
            ink = "stale"
        sign = ">" if here else "*" if key in self.marks else self._compared_sign(key, row)
        return Line((Span(Shown(sign)), *spans, rest), ink)

    def _compared_sign(self, key: str, row: Row) -> str:
        """`+` before a row that was not there, `≠` before one that was another."""
        if self.then is None:
            return self.sign_of(row)
        before = self.then.get(key)
        return "+" if before is None else "≠" if self._differs(before, row) else self.sign_of(row)

    def _differs(self, before: Row, row: Row) -> bool:
        return any(column_differs(column, before, row, self.moment) for column in self.columns)

    def differences(self) -> tuple[int, int | None, int]:
        """Return how many rows changed, are new and are gone, beside those compared with."""
        known = self.then or {}
        changed = sum(1 for k, r in self._all.items() if k in known and self._differs(known[k], r))
        return changed, len(self._all.keys() - known.keys()), len(known.keys() - self._all.keys())

    def _flash(self, key: str, before: Row, after: Row) -> None:
        """Let a cell that changed stand out for a moment."""
        if not self.may_flash or self.ascii_only or before is after:
            return
        fields = tuple(column.of for column in self.columns if column.flashes)
        if self._flashes.changed(key, fields, before, after) and self._flash_ends is None:
            self._flash_ends = self.set_timer(LASTS_S, self._end_flash)

    def _end_flash(self) -> None:
        for key in self._flashes.over():
            self._cells.pop(key, None)
        left = self._flashes.left_s
        self._flash_ends = None if left is None else self.set_timer(left, self._end_flash)
        self.flush()

    def _before(self, key: str) -> Row | None:
        return None if self.then is None else self.then.get(key)

    def _spans(
        self,
        row: Row,
        moment: Moment,
        columns: tuple[tuple[Column, int], ...],
        flash: Flash | None = None,
        before: Row | None = None,
    ) -> tuple[Span, ...]:
        spans: list[Span] = []
        for column, size in columns:
            text = fit(column.show(row, moment), size, right=column.right)
            ink = column.ink(row, moment) if column.ink else "plain"
            if before is not None and column_differs(column, before, row, moment):
                ink = "flash"
            lead = " " if spans else ""
            if flash is not None and column.flashes and column.of == flash.field and lead:
                lead, ink = FLASH_MARKS[flash.way], "flash"
            if spans and spans[-1].ink == ink:  # neighbors in one ink are one span: fewer bytes
                spans[-1] = Span(Shown(spans[-1].text + lead + text), ink)
            elif lead:
                spans[-1] = Span(Shown(spans[-1].text + lead), spans[-1].ink)
                spans.append(Span(text, ink))
            else:
                spans.append(Span(text, ink))
        return tuple(spans)

    # -- the cursor ------------------------------------------------------------------------

    def move(self, steps: int) -> None:
        """Move the cursor by rows, down is positive; it stops at the ends."""
        if not self._keys:
            return
        if self.cursor is None:
            shown = self._keys[self._top :] or self._keys
            self.cursor = self._keys[-1] if self.newest_last else shown[0]
            steps -= (steps > 0) - (steps < 0)  # the first step only takes hold of a row
        at = self._keys.index(self.cursor)
        self.cursor = self._keys[max(0, min(len(self._keys) - 1, at + steps))]
        self.row_left = False
        self.flush()

    def let_go(self) -> bool:
        """Take the cursor away, so that the newest rows are shown again; say if it was there."""
        had = self.cursor is not None
        self.cursor = None
        self.row_left = False
        if had:
            self.flush()
        return had

    @property
    def page(self) -> int:
        """Rows that one page key moves."""
        return max(1, self.size.height - 4)

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor's line and the title look different."""
        super().watch_has_focus(has_focus)
        self.flush()

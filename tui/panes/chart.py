"""Chart: the prices of one symbol that were written, with its fills marked.

A screen computes nothing: the line is the price each decision was made on (the close, where
the symbol is the regime's own series), the means are those of the stored readings.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from tui.actions import bindings
from tui.format import EXCHANGE_ZONE, UNKNOWN, Shown, cell, day, fit, price, say, slot, whole
from tui.panes.pane import Pane
from tui.panes.performance import AXIS, dates_line
from tui.view import Reading, Row, View, instant, session_day
from tui.widgets.chart import Scale, buckets, curve, ticks
from tui.widgets.lines import Line, Span, line

RANGES = (21, 63, 126, 252, 504, 1260, 0)  # sessions; 0: all
BUY, SELL, BOTH = "B", "S", "X"
FLOOR_ROWS = 2  # strip and dates
LEAST_ROWS = 3
WIDEST = 4

Grid = list[list[tuple[str, str]]]


class Shape(NamedTuple):
    """What is drawn, and how."""

    rows: Sequence[Row]
    fills: Sequence[Row]
    width: int
    height: int
    averages: bool
    newest: bool  # the last row is the last there is


class ChartPane(Pane):
    """A line of prices, fills as letters, cells as digits."""

    BINDINGS = [*bindings("chart")]

    pane = "chart"
    title = Shown("Chart")
    topics = ("positions", "decision")

    def __init__(self) -> None:
        super().__init__()
        self.symbol: str | None = None  # chosen; None: what is held, else the regime's series
        self.range = 1
        self.panned = 0  # sessions back from the newest
        self.averages = True
        self._drawn: tuple[object, ...] = ()
        self._picture: tuple[Line, ...] = ()

    # -- what is shown ---------------------------------------------------------------------

    @property
    def symbols(self) -> list[str]:
        """Every symbol that has a price: of the last decisions, and what is held."""
        if self.view is None:
            return []
        found = {str(s) for row in self.view["decision"].rows or () for s in row.get("prices", ())}
        held = {str(row["symbol"]) for row in self.view["positions"].rows or ()}
        return sorted(found | held)

    @property
    def shown_symbol(self) -> str | None:
        """The symbol chosen, else the largest position, else the first there is."""
        if self.symbol is not None or self.view is None:
            return self.symbol
        held = self.symbol_of(self.view["positions"].rows or ())
        return held or next(iter(self.symbols), None)

    @staticmethod
    def symbol_of(positions: Sequence[Row]) -> str | None:
        """Return the symbol of the largest position."""
        held = [row for row in positions if row["quantity"]]
        if not held:
            return None
        return str(max(held, key=lambda r: abs(r["market_value"] or 0))["symbol"])

    @property
    def more_topics(self) -> frozenset[str]:
        """Prices and fills of the symbol."""
        symbol = self.shown_symbol
        return frozenset(() if symbol is None else (f"prices:{symbol}", f"marks:{symbol}"))

    @property
    def reading(self) -> Reading:
        """The symbol's prices."""
        symbol = self.shown_symbol
        if self.view is None or symbol is None:
            return super().reading
        return self.view[f"prices:{symbol}"]

    def title_parts(self, view: View) -> list[Shown]:
        """Symbol, range, what the prices are, where they come from, as of when."""
        symbol, rows = self.shown_symbol, self.reading.rows or ()
        if symbol is None:
            return []
        session = view["session"].first() or {}
        many = RANGES[self.range]
        parts = [cell(symbol), say("{} sessions", whole(many)) if many else Shown("all")]
        if rows:
            last = rows[-1]
            parts.append(say("at {}", slot(last["of"])))
            parts.append(day(session_day(last, "session_date")))
        if self.panned:
            parts.append(Shown("panned, G newest"))
        parts.append(cell(session.get("source") or UNKNOWN))
        feed = session.get("feed")
        return parts if feed in (None, session.get("source")) else [*parts, cell(feed)]

    def nothing(self) -> tuple[Line, ...]:
        """The chart."""
        view, rows = self.view, self.reading.rows
        if view is None or not rows or self.size.height < LEAST_ROWS + FLOOR_ROWS + 1:
            return super().nothing()
        fills = view[f"marks:{self.shown_symbol}"].rows or ()
        drawn = (rows, fills, self.size, self.range, self.panned, self.averages)
        if drawn != self._drawn:
            self._drawn = drawn
            self._picture = tuple(self._drawing(rows, fills))
        return self._picture

    def _drawing(self, rows: Sequence[Row], fills: Sequence[Row]) -> list[Line]:
        many = RANGES[self.range] or len(rows)
        end = max(min(many, len(rows)), len(rows) - self.panned)
        shown = rows[max(0, end - many) : end]
        width, height = self.size
        shape = Shape(shown, fills, max(4, width - AXIS - 1), height - 1 - FLOOR_ROWS,
                      self.averages, newest=end == len(rows))  # fmt: skip
        cells_of = {row["session_date"]: row for row in shown if row.get("cell") is not None}
        return [*chart_lines(shape), strip(shown, cells_of, shape.width), dates_line(shown, width)]

    def empty_text(self, view: View) -> Shown:
        """Nothing was decided on this symbol yet."""
        symbol = self.shown_symbol
        if symbol is None:
            return Shown("no symbol yet: the first decision brings its prices")
        return say("no price of {} was written yet", cell(symbol))

    # -- keys ------------------------------------------------------------------------------

    def _step(self, rows: int) -> None:
        """Up and down choose the symbol; to the ends: the beginning, the newest."""
        if self.explained is not None or abs(rows) >= 1_000:
            super()._step(rows)
            return
        known = self.symbols
        if known:
            at = known.index(self.shown_symbol) if self.shown_symbol in known else 0
            self.look_at(known[(at + (rows > 0) - (rows < 0)) % len(known)])

    def look_at(self, symbol: str) -> None:
        """Show another symbol."""
        self.symbol, self.panned = symbol, 0
        self.wants_more()
        self.flush()

    def _pan(self, sessions: int) -> None:
        rows = self.reading.rows or ()
        many = RANGES[self.range] or len(rows)
        self.panned = max(0, min(len(rows) - many, self.panned + sessions))
        self.flush()

    def action_page_up(self) -> None:
        """Back in time by half of what is shown."""
        self._pan(max(1, (RANGES[self.range] or 0) // 2))

    def action_page_down(self) -> None:
        """Forward in time by half of what is shown."""
        self._pan(-max(1, (RANGES[self.range] or 0) // 2))

    def action_first(self) -> None:
        """To the oldest prices."""
        self._pan(1_000_000)

    def action_last(self) -> None:
        """To the newest prices."""
        self._pan(-1_000_000)

    def action_closer(self) -> None:
        """Fewer sessions."""
        self.range = max(0, self.range - 1)
        self._pan(0)

    def action_farther(self) -> None:
        """More sessions."""
        self.range = min(len(RANGES) - 1, self.range + 1)
        self._pan(0)

    def action_averages(self) -> None:
        """With the means of the readings, and without."""
        self.averages = not self.averages
        self.flush()


# -- drawing -------------------------------------------------------------------------------


def chart_lines(shape: Shape) -> list[Line]:
    """Return the line with means behind and fills before it, the axis at its right."""
    rows, width, height = shape.rows, shape.width, shape.height
    wide = max(1, min(WIDEST, width // len(rows)))  # columns of a session, where there is room
    values = [row["price"] for row in rows for _ in range(wide)]
    means = {
        sign: [row.get(name) for row in rows for _ in range(wide)]
        for name, sign in (("sma_fast", "·"), ("sma_slow", "-"))
        if shape.averages and any(row.get(name) is not None for row in rows)
    }
    placed = placed_fills(rows, shape.fills, newest=shape.newest)
    seen = [*values, *(fill["price"] for _, fill in placed)]  # a mean far away is left out
    scale = Scale(min(seen), max(seen), height)
    grid: Grid = [
        [(c, "plain" if c != " " else "quiet") for c in fit(text, width)]
        for text in curve(values, width, height, scale)
    ]
    for sign, mean in means.items():
        for x, pair in enumerate(buckets(mean, width)):
            if pair is not None:
                _put(grid, x, height - 1 - scale.at(pair[1]) // 2, sign, "quiet", over=False)
    columns = min(width, len(values))
    for at, fill in placed:
        letter = BUY if fill["side"] == "BUY" else SELL
        y = height - 1 - scale.at(fill["price"]) // 2
        _put(grid, x_of(at, len(rows), columns), y, letter, "gain" if letter == BUY else "loss")
    labels = {height - 1 - scale.at(v) // 2: price(v, AXIS - 1)
              for v in ticks(min(seen), max(seen), min(5, height))}  # fmt: skip
    now = height - 1 - scale.at(values[-1]) // 2
    labels[now] = price(values[-1], AXIS - 1)
    return [
        line(
            Span(Shown(" ")),
            *_spans(row),
            Span(
                say(" {}", fit(labels.get(y, Shown("")), AXIS - 1)),
                "key" if y == now else "quiet",
            ),
        )
        for y, row in enumerate(grid)
    ]


def x_of(at: int, sessions: int, columns: int) -> int:
    """Return the column of a session: the middle of its own, or the one it shares."""
    return (2 * at + 1) * columns // (2 * sessions)


def placed_fills(
    rows: Sequence[Row], fills: Sequence[Row], *, newest: bool
) -> list[tuple[int, Row]]:
    """Return fills with the place of their session; those before and after the shown are left.

    A fill younger than the newest price stands at the end.
    """
    dates = [row["session_date"] for row in rows]
    found = []
    for fill in fills:
        at = instant(fill, "at")
        if at is None:
            continue
        date = at.astimezone(EXCHANGE_ZONE).date().isoformat()
        n = bisect_right(dates, date) - 1
        if n >= 0 and (newest or date == dates[n] or n < len(dates) - 1):
            found.append((n, fill))
    return found


def _put(grid: Grid, x: int, y: int, sign: str, ink: str, *, over: bool = True) -> None:
    if not (0 <= y < len(grid) and 0 <= x < len(grid[y])):
        return
    there = grid[y][x][0]
    if not over and there != " ":
        return
    both = {there, sign} == {BUY, SELL} or there == BOTH
    grid[y][x] = (BOTH, "warn") if over and both else (sign, ink)


def _spans(row: list[tuple[str, str]]) -> list[Span]:
    spans: list[Span] = []
    for character, ink in row:
        if spans and spans[-1].ink == ink:
            spans[-1] = Span(Shown(spans[-1].text + character), ink)
        else:
            spans.append(Span(Shown(character), ink))
    return spans


def strip(rows: Sequence[Row], cells_of: dict[str, Row], width: int) -> Line:
    """Return a digit a column: the cell at its last session, `·` without a reading."""
    columns = min(width, len(rows) * max(1, min(WIDEST, width // len(rows))))
    last = (rows[max(0, -(-(n + 1) * len(rows) // columns) - 1)] for n in range(columns))
    found = (cells_of.get(row["session_date"]) for row in last)
    digits = "".join("·" if row is None else str(row["cell"])[:1] for row in found)
    pad = " " * (width - columns)
    return line(Shown(f" {digits}{pad}"), Span(Shown(" cell"), "quiet"))

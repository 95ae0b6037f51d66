"""Equity: what the strategies are worth by the last snapshots, and where it came from."""

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from time import monotonic

from textual.timer import Timer

from tui.actions import bindings
from tui.format import UNKNOWN, Shown, clip, day, money, percent, say, whole
from tui.panes import performance
from tui.panes.pane import Pane, sign_ink
from tui.panes.positions import provenance
from tui.view import Row, View, session_day
from tui.widgets.chart import bars
from tui.widgets.lines import Line, Span, line

FULL_WIDTH, FULL_HEIGHT = 78, 16
BURST = 3  # drawings at once, in as many seconds: one a second, and the first ones soon
MIN_CURVE = 4


def equity_lines(view: View) -> list[Line]:
    """Return two lines of figures; unknown figures are marked, never zero."""
    rows = view["snapshots"].rows
    if not rows:
        return [line(Shown(" equity · the first snapshot comes after the close"), ink="stale")]
    last = rows[-1]
    return [
        line(
            Shown(" Equity "),
            Span(money(last["equity"]), "key"),
            Shown("  day "),
            _change(last.get("daily_return"), 2),
            Shown("  total "),
            _change(last.get("cumulative_return"), 1),
            Shown("  drawdown "),
            _change(last.get("drawdown"), 1),
        ),
        line(
            say(" cash {}  at {}", money(last["cash"]), day(session_day(last, "session_date"))),
            Span(say("  {}", Shown(" ".join(provenance(view)))), "quiet"),
        ),
    ]


def _change(fraction: float | None, places: int) -> Span:
    if fraction is None:
        return Span(UNKNOWN)
    return Span(say("{} %", percent(fraction, places, signed=True)), sign_ink(fraction))


class Curve:
    """The equity curve in block characters, drawn anew at most once a second."""

    def __init__(self) -> None:
        self._drawn: tuple[object, ...] = ()
        self._told: tuple[object, ...] = ()
        self._lines: list[Line] = []

    def lines(self, view: View, width: int, height: int) -> list[Line]:
        """Return the lines of the curve."""
        rows = view["snapshots"].rows or ()
        told = (len(rows), rows[-1] if rows else None)
        drawn = (int(view.moment.wall.timestamp()), width, height, bool(rows))
        if (told != self._told and drawn != self._drawn) or drawn[1:] != self._drawn[1:]:
            self._drawn, self._told = drawn, told
            texts = bars(_equities(rows), width, height)
            self._lines = [line(Span(say(" {}", text), "gain")) for text in texts]
        return self._lines


def _equities(rows: Sequence[Row]) -> list[Decimal | float | int | None]:
    return [row["equity"] for row in rows]


class EquityPane(Pane):
    """Figures and curve in the right column; with room drawdown, cells and months too."""

    BINDINGS = [*bindings("equity")]

    pane = "equity"
    title = Shown("Equity")
    topics = ("snapshots", "closes")

    def __init__(self) -> None:
        super().__init__()
        self._curve = Curve()
        self.chosen_range = len(performance.RANGES) - 1
        self.logarithmic = False
        self.compared = True
        self._chosen: tuple[object, ...] = ()  # how it was drawn, from what, and when
        self._told: tuple[object, ...] = ()
        self._drawn_at: deque[float] = deque(maxlen=BURST)
        self._waiting: Timer | None = None
        self._full: tuple[Line, ...] = ()

    def title_parts(self, view: View) -> list[Shown]:
        """What is shown, and where the figures come from."""
        if not self._is_full:
            return provenance(view)
        parts = [performance.range_name(self.chosen_range)]
        if self.logarithmic:
            parts.append(Shown("log scale"))
        if self.compared and view["closes"].rows:
            parts.append(Shown("benchmark · dotted: the regime's series"))
        return [*parts, *provenance(view)]

    @property
    def _is_full(self) -> bool:
        return self.size.width >= FULL_WIDTH and self.size.height >= FULL_HEIGHT

    def nothing(self) -> tuple[Line, ...]:
        """Figures one below the other, then the curve; or everything."""
        view = self.view
        rows = view["snapshots"].rows if view is not None else None
        if view is None or not rows:
            return super().nothing()
        if self._is_full and len(rows) > 1:
            return self._in_full(view, rows)
        last = rows[-1]
        figures = (
            line(
                Shown(" "), Span(money(last["equity"]), "key"), Shown("  day "),
                _change(last.get("daily_return"), 2),
            ),
            line(
                Shown(" total "), _change(last.get("cumulative_return"), 1),
                Shown("  drawdown "), _change(last.get("drawdown"), 1),
            ),
            line(
                clip(
                    say(
                        " cash {} · {} · {} sessions",
                        money(last["cash"]),
                        day(session_day(last, "session_date")),
                        whole(last["ordinal"]),
                    ),
                    self.size.width,
                )
            ),
        )  # fmt: skip
        room = self.size.height - 1 - len(figures)
        return (*figures, *self._curve.lines(view, self.size.width - 2, room))

    def _in_full(self, view: View, rows: Sequence[Row]) -> tuple[Line, ...]:
        closes = len(view["closes"].rows or ())  # read later than the rows they stand beside
        chosen = (self.size, self.chosen_range, self.logarithmic, self.compared)
        told = (rows[-1], len(rows), closes)
        wait = 0.0
        if chosen == self._chosen and len(self._drawn_at) == BURST:
            wait = self._drawn_at[0] + BURST - monotonic()
        if wait <= 0 and (chosen, told) != (self._chosen, self._told):
            self._chosen, self._told = chosen, told
            self._drawn_at.append(monotonic())
            self._full = self._drawing(view, rows)
        elif told != self._told and self._waiting is None:
            self._waiting = self.set_timer(wait, self._draw_again)
        return self._full

    def _draw_again(self) -> None:
        self._waiting = None
        self.flush()

    def _drawing(self, view: View, rows: Sequence[Row]) -> tuple[Line, ...]:
        width, height = self.size
        wanted = performance.RANGES[self.chosen_range][1]
        shown = rows if wanted is None else rows[-max(2, wanted) :]
        falls = performance.drawdowns(rows)[-len(shown) :]
        closes = {row["session_date"]: row for row in view["closes"].rows or ()}
        beside: list[float | None] = [None] * len(shown)
        if self.compared:
            beside = performance.benchmark(shown, closes)
        years = len({row["session_date"][:4] for row in rows})
        left = height - 1 - 2 - performance.DRAWDOWN_ROWS - 2
        table = min(years + 1, max(2, left - MIN_CURVE))
        return (
            *equity_lines(view),
            *performance.chart_lines(shown, beside, width, left - table, log=self.logarithmic),
            *performance.drawdown_lines(falls, width),
            performance.strip_line(shown, closes, width),
            performance.dates_line(shown, width),
            *performance.month_lines(rows, width, table),
        )

    def empty_text(self, view: View) -> Shown:
        """No snapshot yet."""
        return Shown("no snapshot yet: the first comes after the close")

    # -- keys ------------------------------------------------------------------------------

    def action_benchmark(self) -> None:
        """With the benchmark, and without."""
        self.compared = not self.compared
        self.flush()

    def action_log_scale(self) -> None:
        """Logarithmic, and back."""
        self.logarithmic = not self.logarithmic
        self.flush()

    def action_shorter(self) -> None:
        """A shorter range."""
        self.chosen_range = max(0, self.chosen_range - 1)
        self.flush()

    def action_longer(self) -> None:
        """A longer range."""
        self.chosen_range = min(len(performance.RANGES) - 1, self.chosen_range + 1)
        self.flush()

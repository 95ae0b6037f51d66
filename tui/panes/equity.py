"""Equity: what the strategies are worth by the last snapshots, and where it came from."""

from collections.abc import Sequence
from decimal import Decimal

from tui.format import UNKNOWN, Shown, clip, day, money, percent, say, whole
from tui.panes.pane import Pane, sign_ink
from tui.panes.positions import provenance
from tui.view import Row, View, session_day
from tui.widgets.chart import bars
from tui.widgets.lines import Line, Span, line


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
        self._lines: list[Line] = []

    def lines(self, view: View, width: int, height: int) -> list[Line]:
        """Return the lines of the curve."""
        rows = view["snapshots"].rows or ()
        drawn = (int(view.moment.wall.timestamp()), width, height, bool(rows))
        if drawn != self._drawn:
            self._drawn = drawn
            texts = bars(_equities(rows), width, height)
            self._lines = [line(Span(say(" {}", text), "gain")) for text in texts]
        return self._lines


def _equities(rows: Sequence[Row]) -> list[Decimal | float | int | None]:
    return [row["equity"] for row in rows]


class EquityPane(Pane):
    """Figures and curve, for the right column."""

    pane = "equity"
    title = Shown("Equity")
    topics = ("snapshots",)

    def __init__(self) -> None:
        super().__init__()
        self._curve = Curve()

    def title_parts(self, view: View) -> list[Shown]:
        """Where the figures come from."""
        return provenance(view)

    def nothing(self) -> tuple[Line, ...]:
        """Figures one below the other, then the curve."""
        view = self.view
        rows = view["snapshots"].rows if view is not None else None
        if view is None or not rows:
            return super().nothing()
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

    def empty_text(self, view: View) -> Shown:
        """No snapshot yet."""
        return Shown("no snapshot yet: the first comes after the close")

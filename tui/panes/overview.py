"""Overview: one screenful that says whether all is well."""

from collections.abc import Sequence

from tui.format import (
    BLANK,
    UNKNOWN,
    Shown,
    age,
    cell,
    fit,
    money,
    percent,
    price,
    quantity,
    safe,
    say,
    severity,
    short_id,
    slot,
    when,
    word,
)
from tui.panes.alerts import RANK, severity_ink
from tui.panes.equity import Curve, equity_lines
from tui.panes.orders import is_working
from tui.panes.pane import Pane, clock_text, sign_ink
from tui.panes.regime import regime_card, shown_decision
from tui.view import Reading, View, instant
from tui.widgets.lines import Line, Span, line


class OverviewPane(Pane):
    """Cards, each with its age, in twenty rows."""

    pane = "overview"
    title = Shown("Overview")
    topics = (
        "decision", "readings", "positions", "orders", "alerts", "snapshots", "fills",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._curve = Curve()

    def title_parts(self, view: View) -> list[Shown]:
        """Source of the data and the clock."""
        session = view["session"].first()
        if session is None:
            return []
        return [cell(session.get("source") or "·"), clock_text(view)]

    def nothing(self) -> tuple[Line, ...]:
        """All cards, from the most to the least important."""
        view = self.view
        if view is None or view["session"].first() is None:
            return super().nothing()
        width = self.size.width
        cards = [
            *regime_card(view, width),
            *equity_lines(view),
            *position_lines(view, 5),
            *order_lines(view, 3),
            *alert_lines(view, 2),
            *fill_lines(view, 2),
            decision_line(view, width),
        ]
        spare = self.size.height - 1 - len(cards)
        return (*cards, *(self._curve.lines(view, width - 2, spare) if spare > 1 else ()))


def _card(
    name: Shown, reading: Reading, lines: Sequence[Line], more: int, none: Shown
) -> list[Line]:
    """A heading with its lines; without lines one line that says why there are none."""
    label = say(" {} ", fit(name, 9))
    if reading.failed:
        failed = say("READ FAILED {}", safe(reading.failed, 100))
        return [line(label, Span(failed, "danger")), *lines]
    if not reading.known:
        return [line(label, UNKNOWN)]
    if not lines:
        return [line(label, Span(none, "quiet"))]
    extra = say(" +{} more", Shown(str(more))) if more > 0 else BLANK
    return [line(Span(say(" {}{}", name, extra), "head"), ink="head"), *lines]


def position_lines(view: View, limit: int) -> list[Line]:
    """Return the largest positions."""
    held = [row for row in view["positions"].rows or () if row["quantity"]]
    held.sort(key=lambda r: -abs(r["market_value"] or 0))
    lines = [
        line(
            say(
                "  {} {} @ {}  {}  weight {} %  ",
                fit(cell(r["symbol"]), 6),
                fit(quantity(r["quantity"], 7), 7, right=True),
                fit(price(r["market_price"], 8), 8),
                fit(money(r["market_value"], width=11), 11, right=True),
                fit(percent(r.get("weight")), 5, right=True),
            ),
            Span(
                fit(money(r["unrealized_pnl"], signed=True, width=10), 10, right=True),
                sign_ink(r["unrealized_pnl"]),
            ),
        )
        for r in held[:limit]
    ]
    more = len(held) - limit
    return _card(Shown("Positions"), view["positions"], lines, more, Shown("no open positions"))


def order_lines(view: View, limit: int) -> list[Line]:
    """Return the newest working orders."""
    working = [row for row in view["orders"].rows or () if is_working(row)]
    lines = [
        line(
            say(
                "  {} {} {}/{} {} {} {}",
                short_id(r["order_id"]),
                fit(cell(r["side"]), 4),
                quantity(r["filled"]),
                quantity(r["quantity"]),
                fit(cell(r["symbol"]), 6),
                word(r["status"]),
                age(view.moment.age(instant(r, "created_at"))),
            )
        )
        for r in working[:limit]
    ]
    more = len(working) - limit
    return _card(Shown("Orders"), view["orders"], lines, more, Shown("none working"))


def fill_lines(view: View, limit: int) -> list[Line]:
    """Return the newest fills."""
    rows = view["fills"].rows or ()
    lines = [
        line(
            say("  {} ", when(instant(r, "at"), view.moment.session_date)),
            Span(fit(cell(r["side"]), 4), "gain" if r["side"] == "BUY" else "loss"),
            say(
                " {} {} @ {}",
                fit(quantity(r["quantity"], 7), 7, right=True),
                fit(cell(r["symbol"]), 6),
                price(r["price"], 9),
            ),
        )
        for r in rows[:limit]
    ]
    more = len(rows) - limit
    return _card(Shown("Fills"), view["fills"], lines, more, Shown("none yet"))


def alert_lines(view: View, limit: int) -> list[Line]:
    """Return the gravest open alerts."""
    rows = [row for row in view["alerts"].rows or () if row["state"] == "OPEN"]
    rows.sort(key=lambda r: RANK.get(r["severity"], 3))
    lines = [
        line(
            Span(say("  {}", severity(r["severity"])), severity_ink(r)),
            say(" {} {}", word(r["kind"]), safe(r["text"] or "", 200)),
        )
        for r in rows[:limit]
    ]
    more = len(rows) - limit
    return _card(Shown("Alerts"), view["alerts"], lines, more, Shown("none open"))


def decision_line(view: View, width: int) -> Line:
    """Return the last decision and the next slot."""
    decision = shown_decision(view)
    if decision is None:
        return line(Shown(" Decision  none yet"), ink="quiet")
    return line(
        Span(Shown(" Decision  "), "quiet"),
        say("{} {}: ", cell(str(decision["session_date"])), slot(decision["slot"])),
        Span(word(decision["result"]), "key"),
    )

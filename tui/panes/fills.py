"""Fills: executions newest first, with cost and signed slippage (+ is worse)."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from storage.queries.pages import Window
from tui.actions import bindings
from tui.format import (
    EXCHANGE_ZONE,
    UNKNOWN,
    Number,
    Shown,
    cell,
    day,
    money,
    number,
    price,
    quantity,
    say,
    short_id,
    when,
)
from tui.panes.long import LongPane
from tui.panes.orders import side, side_ink
from tui.panes.positions import provenance
from tui.view import Moment, Row, View, instant
from tui.widgets.table import Column


def _commission(row: Row, _: Moment) -> Shown:
    known: Number | None = row["commission"]
    return Shown("…") if known is None else money(known, width=6)


COLUMNS = (
    Column(Shown("Time"), 8, lambda r, m: when(instant(r, "at"), m.session_date), of="at"),
    Column(Shown("Sym"), 6, lambda r, m: cell(r["symbol"]), of="symbol"),
    Column(Shown("S"), 1, side, side_ink, of="side"),
    Column(Shown("Qty"), 7, lambda r, m: quantity(r["quantity"], 7), right=True, of="quantity"),
    Column(Shown("Price"), 8, lambda r, m: price(r["price"], 8), right=True, of="price"),
    Column(
        Shown("Slip"),
        6,
        lambda r, m: number(r["slippage_bps"], 1, signed=True, width=6),
        right=True,
        of="slippage_bps",
    ),
    Column(Shown("Comm"), 6, _commission, right=True, of="commission"),
    Column(
        Shown("RefPx"),
        8,
        lambda r, m: price(r.get("reference_price"), 8),
        right=True,
        of="reference_price",
    ),
    Column(Shown("Order"), 6, lambda r, m: short_id(r["order_id"]), of="order_id"),
    Column(
        Shown("From"),
        8,
        lambda r, m: cell(r["strategy_id"] or "no owner"),
        grows=True,
        of="strategy_id",
    ),
    Column(Shown("Exec"), 24, lambda r, m: cell(r["exec_id"]), level=1, grows=True, of="exec_id"),
)


class FillsPane(LongPane):
    """Executions of this session."""

    pane = "fills"
    title = Shown("Fills")
    topics = ("fills",)
    resting = Window("fills")
    id_columns = ("order_id",)
    columns = COLUMNS

    BINDINGS = [*bindings("fills")]

    def __init__(self) -> None:
        super().__init__()
        self.today_only = False

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """Newest first, as read."""
        rows = self.reading.rows or ()
        if self.today_only:
            rows = tuple(row for row in rows if exchange_day(row) == view.moment.session_date)
        return ((row["exec_id"], row) for row in rows)

    def title_parts(self, view: View) -> list[Shown]:
        """Count, and sums of what is shown."""
        rows = self.reading.rows or ()
        parts = [self.how_many()]
        if self.today_only:
            parts.append(say("of {} only, d shows all", day(view.moment.session_date)))
        if rows and self.part is None:
            known = [r["commission"] for r in rows if r["commission"] is not None]
            total = sum((Decimal(str(value)) for value in known), Decimal(0))
            parts.append(say("fees {}", money(total) if len(known) == len(rows) else UNKNOWN))
        return [*parts, *provenance(view)]

    def empty_text(self, view: View) -> Shown:
        """Known to have none."""
        if self.today_only:
            return Shown("no fills on this date; d shows all")
        return Shown("no fills in this session")

    def action_this_date(self) -> None:
        """Only fills of the session's date, and back."""
        self.today_only = not self.today_only
        if self.view is not None:
            self.show(self.view)
        self.flush()


def exchange_day(row: Row) -> date | None:
    """Return the exchange's date of a fill."""
    at = instant(row, "at")
    return None if at is None else at.astimezone(EXCHANGE_ZONE).date()

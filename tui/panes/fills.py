"""Fills: executions newest first, with cost and signed slippage (+ is worse)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

from engine.domain.fill import INFERRED
from engine.domain.times import utc_text
from storage.queries.long import Condition
from storage.queries.pages import Window
from tui.actions import bindings
from tui.format import (
    BLANK,
    EXCHANGE_ZONE,
    UNKNOWN,
    Number,
    Shown,
    age,
    cell,
    day,
    money,
    number,
    price,
    quantity,
    say,
    short_id,
    when,
    whole,
)
from tui.messages import ExportWanted
from tui.panes.long import LongPane
from tui.panes.orders import side, side_ink
from tui.panes.pane import sign_ink
from tui.panes.positions import provenance
from tui.view import Moment, Row, View, instant
from tui.widgets.table import Column


def _commission(row: Row, _: Moment) -> Shown:
    known: Number | None = row["commission"]
    return Shown("…") if known is None else money(known, width=6)


def _realized(row: Row, _: Moment) -> Shown:
    """What a fill realized; blank where it opened a position or added to one."""
    known: Number | None = row.get("realized_pnl")
    return BLANK if known is None else money(known, signed=True, width=9)


def _cell(row: Row, _: Moment) -> Shown:
    """The cell of the decision behind it; blank where it read none."""
    return BLANK if row.get("cell") is None else say("C{}", whole(row["cell"]))


def _lag(row: Row, _: Moment) -> Shown:
    at, known = instant(row, "at"), instant(row, "known_at")
    return UNKNOWN if at is None or known is None else seconds((known - at).total_seconds())


def seconds(late: float) -> Shown:
    """Return how long it took until it was known, in six cells."""
    return say("{}s", number(late, 2)) if late < 60 else age(late)


def source_of(row: Row) -> Shown:
    """Return who told of a fill: the simulated exchange, the broker, or nobody any more."""
    id = str(row["exec_id"])
    if id.startswith(INFERRED):
        return Shown("inferred")
    return Shown("sim") if id.startswith("sim.") else Shown("broker")


COLUMNS = (
    Column(Shown("Time"), 8, lambda r, m: when(instant(r, "at"), m.session_date), of="at"),
    Column(Shown("Sym"), 6, lambda r, m: cell(r["symbol"]), of="symbol"),
    Column(Shown("S"), 1, side, side_ink, of="side"),
    Column(Shown("Qty"), 6, lambda r, m: quantity(r["quantity"], 6), right=True, of="quantity"),
    Column(Shown("Price"), 8, lambda r, m: price(r["price"], 8), right=True, of="price"),
    Column(
        Shown("Slip"), 6, lambda r, m: number(r["slippage_bps"], 1, signed=True, width=6),
        right=True, of="slippage_bps",
    ),
    Column(Shown("Comm"), 6, _commission, right=True, of="commission"),
    Column(
        Shown("rPnL"), 9, _realized, lambda r, m: sign_ink(r.get("realized_pnl")), right=True,
        of="realized_pnl",
    ),
    Column(Shown("Cell"), 4, _cell, right=True, of="cell"),
    Column(Shown("Order"), 6, lambda r, m: short_id(r["order_id"]), of="order_id"),
    Column(
        Shown("From"), 8, lambda r, m: cell(r["strategy_id"] or "no owner"), grows=True,
        of="strategy_id",
    ),
    Column(
        Shown("Signal"), 6, lambda r, m: short_id(r["signal_id"]) if r.get("signal_id") else BLANK,
        level=1, of="signal_id",
    ),
    Column(Shown("Exec"), 20, lambda r, m: cell(r["exec_id"]), level=1, grows=True, of="exec_id"),
    Column(
        Shown("RefPx"), 8, lambda r, m: price(r.get("reference_price"), 8), right=True, level=1,
        of="reference_price",
    ),
    Column(Shown("Lag"), 6, _lag, right=True, level=2),
    Column(Shown("Source"), 8, lambda r, m: source_of(r), level=2),
    Column(
        Shown("Ref"), 40, lambda r, m: cell(r["order_ref"]) if r.get("order_ref") else BLANK,
        level=2, of="order_ref",
    ),
)  # fmt: skip


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

    def own_conditions(self) -> tuple[Condition, ...]:
        """In a long table the database leaves out the dates before."""
        today = None if self.view is None else self.view.moment.session_date
        if not self.today_only or today is None:
            return ()
        begins = datetime.combine(today, time(), EXCHANGE_ZONE).astimezone(UTC)
        return (Condition("at", "since", utc_text(begins)),)

    def title_parts(self, view: View) -> list[Shown]:
        """Count, and sums of what is shown."""
        parts = [self.how_many()]
        if self.today_only:
            parts.append(say("of {} only, d shows all", day(view.moment.session_date)))
        if self.part is None:
            parts += self._sums([row for _, row in self.shown_rows()])
        return [*parts, *provenance(view)]

    def _sums(self, rows: Sequence[Row]) -> list[Shown]:
        """Realized profit and fees of the rows; unknown as long as one is not reported."""
        if not rows:
            return []
        valid = [r for r in rows if not r.get("corrected_by")]  # the fees of others went back
        fees = [Decimal(str(r["commission"])) for r in valid if r["commission"] is not None]
        gains = [Decimal(str(r["realized_pnl"])) for r in rows if r.get("realized_pnl") is not None]
        paid = money(sum(fees, Decimal(0))) if len(fees) == len(valid) else UNKNOWN
        made = [say("rPnL {}", money(sum(gains, Decimal(0)), signed=True))] if gains else []
        return [*made, say("fees {}", paid)]

    def how_many(self) -> Shown:
        """Executions that stand: what was replaced is shown, and counts no more."""
        if self.part is not None:
            return super().how_many()
        return whole(sum(not row.get("corrected_by") for row in self._all.values()))

    def _chosen(self) -> Window:
        """Around an execution that was replaced means around the one that stands."""
        found, row = super()._chosen(), self.row
        if row is None or not row.get("corrected_by"):
            return found
        return replace(found, around=str(row["corrected_by"]))

    def export_of(
        self, name: str, rows: tuple[Row, ...], columns: tuple[Column, ...], moment: Moment
    ) -> ExportWanted:
        """What was replaced stands in no file: there it would count twice."""
        valid = tuple(row for row in rows if not row.get("corrected_by"))
        return super().export_of(name, valid, columns, moment)

    def dims(self, row: Row) -> bool:
        """What was replaced is over."""
        return super().dims(row) or bool(row.get("corrected_by"))

    def sign_of(self, row: Row) -> str:
        """`x` before one that was replaced, `c` before what replaced it, `i` before inferred."""
        if row.get("corrected_by"):
            return "x"
        if row.get("corrects"):
            return "c"
        return "i" if source_of(row) == "inferred" else " "

    def empty_text(self, view: View) -> Shown:
        """Known to have none."""
        if self.today_only:
            return Shown("no fills on this date; d shows all")
        return Shown("no fills in this session")

    def action_this_date(self) -> None:
        """Only fills of the session's date, and back."""
        self.today_only = not self.today_only
        self.chosen_anew()


def exchange_day(row: Row) -> date | None:
    """Return the exchange's date of a fill."""
    at = instant(row, "at")
    return None if at is None else at.astimezone(EXCHANGE_ZONE).date()

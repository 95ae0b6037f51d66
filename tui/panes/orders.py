"""Orders: working newest first, then those that ended."""

from collections.abc import Iterable

from engine.domain.ticket import Action
from storage.queries.pages import Window
from tui.actions import bindings
from tui.format import (
    BLANK,
    UNKNOWN,
    Shown,
    age,
    cell,
    percent,
    price,
    quantity,
    say,
    short_id,
    whole,
    word,
)
from tui.messages import CancelShownWanted, CancelWanted, SettleWanted, TicketWanted
from tui.panes.long import LongPane, counted
from tui.view import Moment, Row, View, instant
from tui.widgets.table import Column

UNANSWERED_S = 5.0
DONE = frozenset({"DENIED", "FILLED", "CANCELED", "EXPIRED", "REJECTED", "DRY_RUN"})

TYPES = {
    "MARKET": Shown("MKT"), "LIMIT": Shown("LMT"), "STOP": Shown("STP"),
    "STOP_LIMIT": Shown("STPL"), "TRAIL": Shown("TRL"), "MARKET_ON_OPEN": Shown("MOO"),
    "MARKET_ON_CLOSE": Shown("MOC"), "LIMIT_ON_OPEN": Shown("LOO"), "LIMIT_ON_CLOSE": Shown("LOC"),
}  # fmt: skip


def is_working(order: Row) -> bool:
    """Say whether an order can still fill."""
    return order["status"] not in DONE


def side(row: Row, _: Moment) -> Shown:
    """Return B or S."""
    return cell(row["side"][:1])


def side_ink(row: Row, _: Moment) -> str:
    """Buys and sells differ in ink as well as in letter."""
    return "gain" if row["side"] == "BUY" else "loss"


def _status_ink(row: Row, _: Moment) -> str:
    status = row["status"]
    if status in ("DENIED", "REJECTED", "UNKNOWN"):
        return "danger" if status == "UNKNOWN" else "warn"
    return "plain" if status in DONE else "key"


def _price(row: Row, _: Moment) -> Shown:
    wanted = row["limit_price"] if row["limit_price"] is not None else row.get("stop_price")
    if wanted is not None:
        return price(wanted, 8)
    return price(row["average_price"], 8) if row["average_price"] is not None else BLANK


def _progress(row: Row, _: Moment) -> Shown:
    return say("{}/{}", quantity(row["filled"]), quantity(row["quantity"]))


def _status(row: Row, moment: Moment) -> Shown:
    """The status; in doubt until reconciled, unanswered for a while, held back by the broker."""
    status = word(row["status"])
    if row.get("in_doubt") and is_working(row):
        return say("?{}", status)
    if row["status"] == "SUBMITTED" and not row.get("recorded_clock"):
        waited = moment.age(instant(row, "sent_at"))
        if waited is not None and waited > UNANSWERED_S:
            return say("{} ?{}", status, age(waited))
    return say("{} held", status) if row.get("held") and is_working(row) else status


def _distance(row: Row, _: Moment) -> Shown:
    """How far the price has to go to a working order's limit or stop."""
    wanted, last = row["limit_price"] or row.get("stop_price"), row.get("last")
    if wanted is None or not is_working(row):
        return BLANK
    return UNKNOWN if not last else percent(wanted / last - 1, 2, signed=True, width=6)


COLUMNS = (
    Column(Shown("Id"), 6, lambda r, m: short_id(r["order_id"]), of="order_id"),
    Column(Shown("Sym"), 6, lambda r, m: cell(r["symbol"]), of="symbol"),
    Column(Shown("S"), 1, side, side_ink, of="side"),
    Column(Shown("Done/Qty"), 11, _progress, right=True, of="filled", flashes=True),
    Column(
        Shown("Type"),
        4,
        lambda r, m: TYPES.get(r["order_type"], word(r["order_type"])),
        of="order_type",
    ),
    Column(Shown("Price"), 8, _price, right=True, of="limit_price"),
    Column(Shown("TIF"), 3, lambda r, m: word(r["time_in_force"]), of="time_in_force"),
    Column(Shown("Status"), 16, _status, _status_ink, of="status", flashes=True),
    Column(
        Shown("Age"),
        4,
        lambda r, m: age(m.age(instant(r, "created_at"))),
        right=True,
        of="created_at",
    ),
    Column(Shown("From"), 8, lambda r, m: word(r["strategy_id"]), grows=True, of="strategy_id"),
    Column(Shown("Signal"), 6, lambda r, m: short_id(r["signal_id"]), level=1, of="signal_id"),
    Column(
        Shown("Reason"), 25, lambda r, m: cell(r["reason"] or ""), level=1, grows=True, of="reason"
    ),
    Column(Shown("Dist%"), 6, _distance, right=True, level=1),
    Column(Shown("Ref"), 40, lambda r, m: cell(r["order_ref"]), level=2, of="order_ref"),
    Column(Shown("PermId"), 10, lambda r, m: cell(str(r["perm_id"] or "")), level=2, of="perm_id"),
    Column(Shown("OCA"), 8, lambda r, m: cell(r.get("oca_group") or ""), level=2, of="oca_group"),
    Column(
        Shown("Avg"), 8, lambda r, m: BLANK if r["average_price"] is None
        else price(r["average_price"], 8), right=True, level=2, of="average_price",
    ),
)  # fmt: skip


class OrdersPane(LongPane):
    """Working and ended orders."""

    BINDINGS = [*bindings("orders")]

    pane = "orders"
    title = Shown("Orders")
    topics = ("orders", "quotes")
    resting = Window("orders", by="working", down=True)
    id_columns = ("order_id",)
    columns = COLUMNS

    def __init__(self) -> None:
        super().__init__()
        self.only = ""  # working, UNKNOWN, or all
        self._quotes: tuple[Row, ...] | None = None
        self._prices: dict[str, float] = {}  # what those quotes say

    @property
    def long(self) -> bool:
        """What works is always read whole."""
        return super().long and not self.only

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """Working first; within each the order of the query, newest first."""
        rows = tuple(self.as_shown(view, row) for row in self.reading.rows or ())
        if self.only:
            shown = (row for row in rows if is_working(row))
            return (
                (row["order_id"], row) for row in shown
                if self.only == "working" or row["status"] == self.only
            )  # fmt: skip
        if self.part is not None:
            return ((row["order_id"], row) for row in rows)
        working = [row for row in rows if is_working(row)]
        done = [row for row in rows if not is_working(row)]
        return ((row["order_id"], row) for row in (*working, *done))

    def as_shown(self, view: View, row: Row) -> Row:
        """A working order with the price of its instrument, and whether its link is in doubt."""
        if not is_working(row):
            return row
        session = view["session"].first() or {}
        quotes = view["quotes"].rows
        if quotes is not self._quotes:
            self._quotes = quotes
            self._prices = {quote["instrument"]: quote["price"] for quote in quotes or ()}
        doubt = session.get("link") not in (None, "LIVE") and row["status"] != "APPROVED"
        return {
            **row,
            "last": self._prices.get(row["instrument"]),
            "in_doubt": doubt,
            "recorded_clock": session.get("recorded_clock"),
        }

    def title_parts(self, view: View) -> list[Shown]:
        """Working of shown."""
        rows = view["orders"].rows or ()
        working = sum(1 for row in rows if is_working(row))  # all of them are always read
        total = len(rows) if self.part is None else self.part.total
        if self.only:
            return [
                say("{} working", whole(working)),
                say("{} only, esc shows all", word(self.only)),
            ]
        complete = self.part is None or self.part.whole
        ended = counted(max(0, total - working), complete=complete)
        return [say("{} working", whole(working)), say("{} ended", ended)]

    def empty_text(self, view: View) -> Shown:
        """Known to have none."""
        if self.only:
            return say("no {} order; esc shows all", word(self.only))
        return Shown("no orders in this session")

    def dims(self, row: Row) -> bool:
        """Ended orders step back."""
        return super().dims(row) or not is_working(row)

    def action_replace(self) -> None:
        """Ask for what is to take the place of the order under the cursor."""
        self.post_message(TicketWanted(Action.REPLACE, self.row, selection_changed=self.row_left))

    def back(self) -> bool:
        """All orders again, before anything else."""
        if not self.only or self.explained is not None or self.detail_of is not None:
            return super().back()
        self._show_only("")
        return True

    def action_hide_ended(self) -> None:
        """Only what works, and back."""
        self._show_only("" if self.only == "working" else "working")

    def action_unknown_only(self) -> None:
        """Only what nobody knows the end of, and back."""
        self._show_only("" if self.only == "UNKNOWN" else "UNKNOWN")

    def _show_only(self, which: str) -> None:
        self.only = which
        if self.view is not None:
            self.show(self.view)
        self.flush()

    def action_cancel_shown(self) -> None:
        """Ask whether to cancel every working order that the filter lets through."""
        shown = tuple(row for _, row in self.shown_rows() if is_working(row))
        rows = self.view["orders"].rows if self.view is not None else ()
        working = sum(1 for row in rows or () if is_working(row))
        self.post_message(CancelShownWanted(shown, hidden=working - len(shown)))

    def action_settle(self) -> None:
        """Ask what became of the UNKNOWN order under the cursor."""
        self.post_message(SettleWanted(self.row, selection_changed=self.row_left))
        self.row_left = False

    def action_cancel(self) -> None:
        """Ask whether to cancel the order under the cursor."""
        self.post_message(CancelWanted(self.row, selection_changed=self.row_left))
        self.row_left = False

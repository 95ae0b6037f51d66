"""Positions: what each strategy owns, what nobody owns, target beside actual weight."""

from collections.abc import Iterable

from engine.domain.ticket import Action
from tui.actions import bindings
from tui.format import UNKNOWN, Number, Shown, age, cell, money, percent, price, quantity, say
from tui.messages import TicketWanted
from tui.panes.pane import Pane, clock_text, sign_ink
from tui.view import Moment, Row, View, instant
from tui.widgets.table import Column

AGING_S, STALE_S, EXPIRED_S = 30.0, 60.0, 300.0


def position_key(row: Row) -> str:
    """Return what a position is known by: its owner and its symbol."""
    return f"{row['strategy_id']}|{row['symbol']}"


def staleness(row: Row, moment: Moment) -> float | None:
    """Return the age of a position's price on the session's clock."""
    return moment.age(instant(row, "priced_at"))


def expired(row: Row, moment: Moment) -> bool:
    """Say whether a price is too old for a value: it keeps its age, the value is unknown."""
    seconds = staleness(row, moment)
    return not row.get("recorded_clock") and (seconds is None or seconds > EXPIRED_S)


def valued(row: Row, moment: Moment, name: str) -> Number | None:
    """Return what hangs on a position's price, unknown where the price is too old."""
    return None if expired(row, moment) else row.get(name)


def _side(row: Row, _: Moment) -> Shown:
    held = row["quantity"]
    return Shown("L" if held > 0 else "S" if held < 0 else " ")


def _gap(row: Row, moment: Moment) -> Shown:
    weight, target = valued(row, moment, "weight"), row.get("target_weight")
    if weight is None or target is None:
        return UNKNOWN
    return percent(float(weight) - float(target), signed=True)


COLUMNS = (
    Column(Shown("Sym"), 6, lambda r, m: cell(r["symbol"]), of="symbol"),
    Column(Shown("S"), 1, _side, lambda r, m: sign_ink(r["quantity"])),
    Column(
        Shown("Qty"),
        7,
        lambda r, m: quantity(r["quantity"], 7),
        right=True,
        of="quantity",
        flashes=True,
    ),
    Column(
        Shown("Avg"), 8, lambda r, m: price(r["average_cost"], 8), right=True, of="average_cost"
    ),
    Column(
        Shown("Last"),
        8,
        lambda r, m: price(r["market_price"], 8),
        right=True,
        of="market_price",
        flashes=True,
    ),
    Column(Shown("Age"), 3, lambda r, m: age(staleness(r, m)), right=True, of="priced_at"),
    Column(
        Shown("uPnL"),
        9,
        lambda r, m: money(valued(r, m, "unrealized_pnl"), signed=True, width=9),
        lambda r, m: sign_ink(valued(r, m, "unrealized_pnl")),
        right=True,
        of="unrealized_pnl",
        flashes=True,
    ),
    Column(
        Shown("rPnL"),
        9,
        lambda r, m: money(r["realized_pnl"], signed=True, width=9),
        lambda r, m: sign_ink(r["realized_pnl"]),
        right=True,
        of="realized_pnl",
    ),
    Column(
        Shown("Wgt%"),
        5,
        lambda r, m: percent(valued(r, m, "weight"), width=5),
        right=True,
        of="weight",
    ),
    Column(
        Shown("Tgt%"),
        5,
        lambda r, m: percent(r.get("target_weight"), width=5),
        right=True,
        of="target_weight",
    ),
    Column(Shown("Δ%"), 6, _gap, right=True),
    Column(
        Shown("Value"),
        11,
        lambda r, m: money(valued(r, m, "market_value"), width=11),
        right=True,
        level=1,
        of="market_value",
    ),
    Column(
        Shown("Strategy"),
        10,
        lambda r, m: cell(r["strategy_id"]) if r["strategy_id"] else Shown("no owner"),
        level=1,
        of="strategy_id",
    ),
    Column(
        Shown("Work"),
        7,
        lambda r, m: quantity(r.get("working"), 7),
        right=True,
        level=1,
        of="working",
    ),
)


class PositionsPane(Pane):
    """Owned positions by strategy and symbol, unowned ones last."""

    BINDINGS = [*bindings("positions")]

    pane = "positions"
    title = Shown("Positions")
    topics = ("positions", "decision")
    id_columns = ("last_order_id",)
    columns = COLUMNS

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """Order by strategy, then symbol; nobody's last."""
        held = [row for row in view["positions"].rows or () if row["quantity"]]
        held.sort(key=lambda r: (r["strategy_id"] is None, r["strategy_id"] or "", r["symbol"]))
        return ((position_key(row), row) for row in held)

    def title_parts(self, view: View) -> list[Shown]:
        """Count, stale prices, total open P&L, as-of of the prices."""
        held = [row for row in view["positions"].rows or () if row["quantity"]]
        parts = [Shown(str(len(held)))]
        old = sum(
            1
            for r in held
            if not r.get("recorded_clock") and (staleness(r, view.moment) or 0) > STALE_S
        )
        if old:
            parts.append(Shown(f"{old} STALE"))
        values = [valued(row, view.moment, "unrealized_pnl") for row in held]
        unknown = sum(1 for value in values if value is None)
        if held and not unknown:
            total = sum(value for value in values if value is not None)
            parts.append(say("open P&L {}", money(total, signed=True)))
        elif unknown:
            parts.append(Shown(f"open P&L · ({unknown} unknown)"))
        return [*parts, clock_text(view), *provenance(view)]

    def empty_text(self, view: View) -> Shown:
        """Known to be flat."""
        return Shown("no open positions")

    def sign_of(self, row: Row) -> str:
        """`~` where the price is stale."""
        old = self.moment is not None and (staleness(row, self.moment) or 0) > STALE_S
        return "~" if old and not row.get("recorded_clock") else " "

    def dims(self, row: Row) -> bool:
        """Aging prices dim the row."""
        if self.moment is None or row.get("recorded_clock"):
            return super().dims(row)
        seconds = staleness(row, self.moment)
        return super().dims(row) or seconds is None or seconds > AGING_S

    def action_close(self) -> None:
        """Ask whether to close the position under the cursor."""
        self._want(Action.CLOSE)

    def action_reduce(self) -> None:
        """Ask how much of the position under the cursor to sell."""
        self._want(Action.REDUCE)

    def _want(self, action: Action) -> None:
        self.post_message(TicketWanted(action, self.row, selection_changed=self.row_left))
        self.row_left = False


def provenance(view: View) -> list[Shown]:
    """Return what stands next to every simulated figure: fill rule, and SYNTHETIC if it is."""
    session = view["session"].first()
    if session is None or session["mode"] in ("paper", "live"):
        return []
    rule = cell(session["fill_rule"])
    parts = [say("{}: not achievable", rule) if rule == "same_close" else rule]
    return [*parts, Shown("SYNTHETIC")] if session["feed"] == "SYNTHETIC" else parts

"""Positions: what each strategy owns, what nobody owns, target beside actual weight."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from engine.domain.ticket import Action
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
    exchange_time,
    fit,
    money,
    percent,
    price,
    quantity,
    say,
    whole,
    word,
)
from tui.messages import TicketWanted
from tui.panes.orders import DONE
from tui.panes.pane import Pane, clock_text, sign_ink
from tui.view import Moment, Row, View, compared_at, instant
from tui.widgets.lines import Line, Span, line
from tui.widgets.table import PLUS_PLUS_WIDTH, Column, columns_for

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
    return percent(float(weight) - float(target), signed=True, width=5)


def _quantity(row: Row, _: Moment) -> Shown:
    """`≠` before a quantity that the broker does not have so."""
    if row.get("differs"):
        return say("≠{}", quantity(row["quantity"], 6))
    return quantity(row["quantity"], 7)


def _owner(row: Row, _: Moment) -> Shown:
    return cell(row["strategy_id"]) if row["strategy_id"] else Shown("no owner")


def _opened(row: Row, _: Moment) -> Shown:
    at = instant(row, "opened_at")
    return UNKNOWN if at is None else day(at.astimezone(EXCHANGE_ZONE).date())


def _gain(label: str, name: str, width: int, level: int = 0) -> Column:
    """A signed amount that hangs on the price."""
    return Column(
        Shown(label), width, lambda r, m: money(valued(r, m, name), signed=True, width=width),
        lambda r, m: sign_ink(valued(r, m, name)), right=True, of=name, level=level,
        flashes=name == "unrealized_pnl",
    )  # fmt: skip


FEEDS = {"SYNTHETIC": Shown("synth")}

COLUMNS = (
    Column(Shown("Sym"), 6, lambda r, m: cell(r["symbol"]), of="symbol"),
    Column(Shown("S"), 1, _side, lambda r, m: sign_ink(r["quantity"])),
    Column(
        Shown("Qty"), 7, _quantity, lambda r, m: "danger" if r.get("differs") else "plain",
        right=True, of="quantity", flashes=True,
    ),
    Column(
        Shown("Avg"), 8, lambda r, m: price(r["average_cost"], 8), right=True, of="average_cost"
    ),
    Column(
        Shown("Last"), 8, lambda r, m: price(r["market_price"], 8), right=True,
        of="market_price", flashes=True,
    ),
    Column(Shown("Age"), 3, lambda r, m: age(staleness(r, m)), right=True, of="priced_at"),
    _gain("uPnL", "unrealized_pnl", 9),
    _gain("Day", "day_pnl", 8),
    Column(
        Shown("Wgt%"), 5, lambda r, m: percent(valued(r, m, "weight"), width=5), right=True,
        of="weight",
    ),
    Column(
        Shown("Tgt%"), 5, lambda r, m: percent(r.get("target_weight"), width=5), right=True,
        of="target_weight",
    ),
    Column(Shown("Δ%"), 5, _gap, right=True),
    Column(
        Shown("Value"), 10, lambda r, m: money(valued(r, m, "market_value"), width=10),
        right=True, level=1, of="market_value",
    ),
    Column(
        Shown("rPnL"), 9, lambda r, m: money(r["realized_pnl"], signed=True, width=9),
        lambda r, m: sign_ink(r["realized_pnl"]), right=True, level=1, of="realized_pnl",
    ),
    Column(
        Shown("Work"), 6, lambda r, m: quantity(r.get("working"), 6), right=True, level=1,
        of="working",
    ),
    Column(
        Shown("Feed"), 7, lambda r, m: FEEDS.get(str(r.get("feed")), word(r.get("feed"))), level=1,
        of="feed",
    ),
    Column(Shown("Strategy"), 8, _owner, level=2, of="strategy_id", grows=True),
    Column(
        Shown("Stop"), 8, lambda r, m: BLANK if r.get("stop_price") is None
        else price(r["stop_price"], 8), right=True, level=2, of="stop_price",
    ),
    Column(Shown("Opened"), 10, _opened, level=2, of="opened_at"),
    Column(
        Shown("Cost"), 11, lambda r, m: money(r.get("cost"), width=11), right=True, level=2,
        of="cost",
    ),
    Column(
        Shown("Broker"), 9, lambda r, m: word(r.get("broker")), right=True, level=2, of="broker"
    ),
)  # fmt: skip


class PositionsPane(Pane):
    """Owned positions by strategy and symbol, unowned ones last; totals stay under the title."""

    BINDINGS = [*bindings("positions")]

    pane = "positions"
    title = Shown("Positions")
    topics = (
        "positions", "decision", "last_close", "quotes", "reconciliation", "differences", "orders",
    )  # fmt: skip
    id_columns = ("last_order_id",)
    columns = COLUMNS

    @property
    def more_topics(self) -> frozenset[str]:
        """Since when each is held, where there is room to say it."""
        return frozenset({"opened"} if self.size.width >= PLUS_PLUS_WIDTH else ())

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """Order by strategy, then symbol; nobody's last."""
        held = [row for row in view["positions"].rows or () if row["quantity"]]
        held.sort(key=lambda r: (r["strategy_id"] is None, r["strategy_id"] or "", r["symbol"]))
        beside = Beside(view)
        return ((position_key(row), beside.of(row)) for row in held)

    def title_parts(self, view: View) -> list[Shown]:
        """Count, stale prices, as-of of the prices."""
        held = [row for row in view["positions"].rows or () if row["quantity"]]
        parts = [Shown(str(len(held)))]
        old = sum(
            1
            for r in held
            if not r.get("recorded_clock") and (staleness(r, view.moment) or 0) > STALE_S
        )
        if old:
            parts.append(Shown(f"{old} STALE"))
        newest = max((str(r["priced_at"]) for r in held if r["priced_at"]), default=None)
        at = instant({"at": newest}, "at")
        prices = clock_text(view) if at is None else priced_text(at, view)
        return [*parts, say("prices {}", prices), *provenance(view)]

    def heading(self) -> tuple[Line, ...]:
        """Title, then the totals of each currency: they stay while rows scroll."""
        if self.view is None or self.detail_of is not None or not self.keys:
            return super().heading()
        moment, columns = self.view.moment, columns_for(self.columns, self.size.width)
        of: dict[str, list[Row]] = {}
        for _, row in self.shown_rows():
            of.setdefault(currency_of(row), []).append(row)
        totals = [totals_line(name, rows, moment, columns) for name, rows in sorted(of.items())]
        return (*super().heading(), *totals)

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


class Beside:
    """What other rows say of a position: its day, its quote, its stop, the broker's count."""

    def __init__(self, view: View) -> None:
        session = view["session"].first() or {}
        self._feed = session.get("feed")
        self._closes = {
            (r["strategy_id"], r["instrument"]): r for r in view["last_close"].rows or ()
        }
        self._quotes = {q["instrument"]: q for q in view["quotes"].rows or ()}
        self._opened = {
            (r["strategy_id"], r["instrument"]): r["opened_at"] for r in view["opened"].rows or ()
        }
        self._stops = {
            (o["strategy_id"], o["instrument"]): o["stop_price"]
            for o in view["orders"].rows or ()
            if o.get("stop_price") is not None and o["status"] not in DONE
        }
        self._run = view["reconciliation"].first()
        self._compared_at = compared_at(view)
        self._differing = {d["item"]: d for d in view["differences"].rows or ()}

    def of(self, row: Row) -> Row:
        """Return a position with what stands beside it."""
        key = row["strategy_id"], row["instrument"]
        quote = self._quotes.get(row["instrument"])
        priced_by_quote = quote is not None and quote["at"] == row["priced_at"]
        return {
            **row,
            "day_pnl": self._day(row),
            "feed": quote["feed"] if quote is not None and priced_by_quote else self._feed,
            "stop_price": self._stops.get(key),
            "opened_at": self._opened.get(key),
            "broker": self._broker(row),
            "differs": row["instrument"] in self._differing,
        }

    def _day(self, row: Row) -> float | None:
        """Value now, what fills brought since the last close, less what it was worth then."""
        if (row["strategy_id"], "") not in self._closes or row["market_value"] is None:
            return None
        close = self._closes.get((row["strategy_id"], row["instrument"]))
        if close is None:
            return float(row["market_value"])
        if close["flow"] is None:
            return None
        return float(row["market_value"]) + float(close["flow"]) - float(close["value"])

    def _broker(self, row: Row) -> str | None:
        """The broker's quantity by the last comparison; unknown where it changed since."""
        found = self._differing.get(row["instrument"])
        if found is not None:
            return str(found["theirs"] or 0)
        changed, run = instant(row, "changed_at"), self._run
        if run is None or run["verdict"] == "UNKNOWN" or changed is None:
            return None
        if self._compared_at is None or self._compared_at < changed:
            return None
        return quantity(row["quantity"])


def currency_of(row: Row) -> str:
    """Return the currency of a position, by its instrument's id."""
    return str(row["instrument"]).rpartition(":")[2]


SUMMED = ("unrealized_pnl", "day_pnl", "market_value", "weight", "realized_pnl")


def totals_line(
    name: str, rows: Sequence[Row], moment: Moment, columns: Sequence[tuple[Column, int]]
) -> Line:
    """Return sums under their columns; one with an unknown part is `·` and names how many."""
    total: dict[str, float | None] = {}
    unknown = 0
    priced = [row for row in rows if not expired(row, moment)]
    for field in SUMMED:
        known = rows if field == "realized_pnl" else priced
        values = [row.get(field) for row in known]
        missing = len(rows) - len(known) + values.count(None)
        if field == "unrealized_pnl":
            unknown = missing
        total[field] = None if missing else sum(float(v) for v in values if v is not None)
    if len({r["strategy_id"] for r in rows}) > 1:
        del total["weight"]  # weights of several strategies have no sum
    row = {**total, "recorded_clock": 1, "strategy_id": ""}
    spans = [Span(Shown(" "))]
    for n, (column, size) in enumerate(columns):
        text = column.show(row, moment) if column.of in total else BLANK
        ink = column.ink(row, moment) if column.ink and column.of in total else "quiet"
        if not n:
            text = cell(name)
        if column.of == "average_cost" and unknown:
            text = say("{} unkn.", whole(unknown))
        spans.append(Span(say("{} ", fit(text, size, right=column.right)), ink))
    return line(*spans)


def priced_text(at: datetime, view: View) -> Shown:
    """Return when the newest price is of: the time of day, on a recorded clock its date."""
    session = view["session"].first() or {}
    there = at.astimezone(EXCHANGE_ZONE)
    if session.get("recorded_clock"):
        return say("{} {}", day(there.date()), exchange_time(at, seconds=False))
    return say("{} ET", exchange_time(at))


def provenance(view: View) -> list[Shown]:
    """Return what stands next to every simulated figure: fill rule, and SYNTHETIC if it is."""
    session = view["session"].first()
    if session is None or session["mode"] in ("paper", "live"):
        return []
    rule = cell(session["fill_rule"])
    parts = [say("{}: not achievable", rule) if rule == "same_close" else rule]
    return [*parts, Shown("SYNTHETIC")] if session["feed"] == "SYNTHETIC" else parts

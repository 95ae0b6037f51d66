"""A listener that remembers, and a few words to place orders with."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from engine.brokers.practice.clock import in_new_york
from engine.brokers.practice.faults import parse_fault
from engine.brokers.practice.feed import Scripted
from engine.brokers.practice.model import (
    AccountValue,
    Commission,
    Contract,
    Execution,
    ExecutionFilter,
    Fired,
    Item,
    OrderRequest,
    OrderView,
    PortfolioRow,
    PositionRow,
    SubKey,
)
from engine.brokers.practice.venue import PracticeVenue

FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
"""10:00 in New York, half an hour after the open."""

D = Decimal
CLIENT = 17


class Ear:
    """Everything announced, in order."""

    def __init__(self, venue: PracticeVenue) -> None:
        self.log: list[tuple[datetime, str, Any]] = []
        self._venue = venue
        venue.listen(self)

    def _note(self, kind: str, fact: Any) -> None:
        self.log.append((self._venue.now(), kind, fact))

    def open_order(self, view: OrderView) -> None:
        self._note("open", view)

    def order_status(self, view: OrderView) -> None:
        self._note("status", view)

    def execution(self, execution: Execution) -> None:
        self._note("execution", execution)

    def commission(self, commission: Commission) -> None:
        self._note("commission", commission)

    def position(self, row: PositionRow) -> None:
        self._note("position", row)

    def portfolio(self, row: PortfolioRow) -> None:
        self._note("portfolio", row)

    def account_value(self, value: AccountValue) -> None:
        self._note("value", value)

    def item(self, key: SubKey, item: Item) -> None:
        self._note("item", (key, item))

    def error(self, client_id: int, request_id: int, code: int, text: str) -> None:
        self._note("error", (client_id, request_id, code, text))

    def link(self, code: int, text: str) -> None:
        self._note("link", code)

    def fault(self, fired: Fired) -> None:
        self._note("fault", fired)

    # -- questions

    def all(self, kind: str) -> list[Any]:
        return [fact for _, said, fact in self.log if said == kind]

    def statuses(self, order_id: int) -> list[str]:
        return [v.status for v in self.all("status") if v.order_id == order_id]

    def codes(self, order_id: int | None = None) -> list[int]:
        return [e[2] for e in self.all("error") if order_id in (None, e[1])]

    def order_log(self) -> list[str]:
        """The order's life in short: 5, 3, 11, 59, 4 with what matters."""
        short = []
        for _, kind, fact in self.log:
            if kind == "open":
                short.append(f"5 {fact.status} {fact.filled}")
            elif kind == "status":
                short.append(f"3 {fact.status} {fact.filled}")
            elif kind == "execution":
                short.append(f"11 {fact.shares} @ {fact.price}")
            elif kind == "commission":
                short.append(f"59 {fact.commission.normalize():f}")
            elif kind == "position":
                short.append(f"61 {fact.position}")
            elif kind == "portfolio":
                short.append("7")
            elif kind == "error":
                short.append(f"4 {fact[2]}")
        return short


def fixed(symbol: str, *quotes: str) -> list[Scripted]:
    """Script quotes of a symbol: `10:00 50.00 50.02 [last] [size]`, New York, that Friday.

    The first holds from the day before, so that nothing invented is ever seen.
    """
    lines = []
    for n, quote in enumerate(quotes):
        clock, bid, ask, *rest = quote.split()
        at = in_new_york(FRIDAY.date(), time.fromisoformat(clock))
        size = D(rest[1]) if len(rest) > 1 else D(100_000)
        last = D(rest[0]) if rest else D(bid)
        if n == 0:
            at = min(at, datetime(2026, 11, 2, tzinfo=UTC))
        lines.append(Scripted(at, symbol, D(bid), D(ask), last, size, size))
    return lines


def open_venue(script: Iterable[Scripted] = (), **options: Any) -> tuple[PracticeVenue, Ear]:
    options.setdefault("start", FRIDAY)
    venue = PracticeVenue(script=script, **options)
    return venue, Ear(venue)


def stock(symbol: str) -> Contract:
    return Contract(symbol=symbol, sec_type="STK", exchange="SMART", currency="USD")


def order(order_id: int, kind: str, symbol: str = "KO", **more: Any) -> OrderRequest:
    """`order(1, "BUY 100 LMT 49.50", tif="GTC")`: a second price is a stop or a trail."""
    action, quantity, *words = kind.split()
    types = {"STP LMT"} if words[:2] == ["STP", "LMT"] else set()
    name = " ".join(words[:2]) if types else words[0]
    prices = [D(word) for word in words[len(name.split()) :]]
    if name in ("LMT", "LOC", "STP LMT") and prices:
        more.setdefault("limit_price", prices.pop(0))
    if name in ("STP", "STP LMT", "TRAIL") and prices:
        more.setdefault("aux_price", prices.pop(0))
    more.setdefault("order_ref", f"ref-{order_id}")
    more.setdefault("client_id", CLIENT)
    more.setdefault("contract", stock(symbol))
    return OrderRequest(order_id=order_id, action=action, quantity=D(quantity), type=name, **more)


def fault(venue: PracticeVenue, name: str, **words: object) -> int:
    return venue.add_fault(parse_fault(name, words))


def executions(venue: PracticeVenue) -> Sequence[Execution]:
    return [execution for execution, _ in venue.executions(ExecutionFilter())]


def held(venue: PracticeVenue, symbol: str = "KO") -> Decimal:
    rows = [row for row in venue.positions() if row.contract.symbol == symbol]
    return sum((row.position for row in rows), D(0))


def value(venue: PracticeVenue, key: str, currency: str = "USD") -> Decimal:
    return next(
        D(v.value) for v in venue.account_values() if (v.key, v.currency) == (key, currency)
    )

"""A small exchange floor for the tests: orders, quotes and bars in one line each."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.domain.ids import Book, InstrumentId, OrderId, OrderRef, StrategyId
from engine.domain.input import BarsClosed, QuotesSeen
from engine.domain.instrument import Stock
from engine.domain.market import Bar, Feed, Quote
from engine.domain.money import text
from engine.domain.order import Order, OrderType, Side
from engine.domain.report import Executed, Report
from engine.exchange.book import SimulatedExchange
from engine.exchange.costs import Costs

BUY, SELL = Side.BUY, Side.SELL
D = Decimal
DAY = date(2026, 11, 16)
OPEN = datetime(2026, 11, 16, 14, 30, tzinfo=UTC)
BOOK = Book("offline:test")
FREE = Costs(half_spread_bps=D(0), slippage_bps=D(0))
QQQ = Stock(symbol="QQQ")
TLT = Stock(symbol="TLT")


def opens(day: int) -> datetime:
    """The opening instant of a numbered session."""
    return OPEN + timedelta(days=day)


def closes(day: int) -> datetime:
    """The closing instant of a numbered session."""
    return OPEN + timedelta(days=day, hours=6.5)


def exchange(cash: str = "100000", costs: Costs = FREE, seed: int = 7) -> SimulatedExchange:
    """An account that may trade QQQ and TLT."""
    return SimulatedExchange(costs, seed, {QQQ.id: QQQ, TLT.id: TLT}, BOOK, D(cash))


def order(
    ref: str, side: Side, quantity: int | str, kind: OrderType = OrderType.MARKET, **more: Any
) -> Order:
    """An order; prices may be given as text."""
    prices = {"limit": "limit_price", "stop": "stop_price", "trail": "trail"}
    fields: dict[str, Any] = {
        prices.get(key, key): D(value) if key in prices else value for key, value in more.items()
    }
    fields.setdefault("instrument", QQQ.id)
    fields.setdefault("created_at", OPEN)
    return Order(
        order_id=OrderId(f"ord_{ref}"),
        order_ref=OrderRef(ref),
        strategy=StrategyId("script"),
        signal_id=None,
        decision_id=None,
        side=side,
        quantity=D(quantity),
        type=kind,
        **fields,
    )


def quotes(day: int, price: str | None, *, at: datetime | None = None, **more: Any) -> QuotesSeen:
    """The opening prices of a session, or quotes at another instant."""
    at = at or opens(day)
    seen = {}
    if price is not None:
        bid, _, ask = price.partition("/")
        seen[QQQ.id] = quote(QQQ.id, bid, ask or bid, at)
    return QuotesSeen(at, DAY + timedelta(days=day), day, seen, **more)


def quote(instrument: InstrumentId, bid: str, ask: str, at: datetime) -> Quote:
    """One quote."""
    return Quote(instrument=instrument, bid=D(bid), ask=D(ask), at=at, feed=Feed.RECORDED)


def bars(day: int, prices: str | None, volume: int = 1_000_000) -> BarsClosed:
    """The bar of a session: "open high low close", or one price for all four."""
    closed = {}
    if prices is not None:
        four = [D(price) for price in prices.split()]
        o, h, low, c = four if len(four) == 4 else four * 4
        closed[QQQ.id] = Bar(
            instrument=QQQ.id,
            session_date=DAY + timedelta(days=day),
            open=o,
            high=h,
            low=low,
            close=c,
            volume=D(volume),
        )
    return BarsClosed(closes(day), DAY + timedelta(days=day), day, closed)


def said(reports: Iterable[Report]) -> list[str]:
    """Reports in short: their kind, and quantity and price of fills."""
    return [
        f"{text(report.quantity)}@{text(report.price)}"
        if isinstance(report, Executed)
        else type(report).__name__
        for report in reports
    ]

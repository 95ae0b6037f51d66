"""The simulated exchange fills the reference run of the specification row for row."""

import csv
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain.input import QuotesSeen
from engine.domain.instrument import Stock, stock_id
from engine.domain.order import Side
from engine.domain.report import Executed
from engine.exchange.book import SimulatedExchange
from engine.exchange.costs import Costs
from tests.engine.floor import BOOK, order, quote

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
COSTS = Costs(half_spread_bps=Decimal(5), slippage_bps=Decimal(0))


def _rows(name: str) -> list[dict[str, str]]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_orders_of_the_reference_run_fill_at_its_prices_and_leave_its_cash() -> None:
    fills = _rows("portfolio_2010_2018_fills.csv")
    opens: dict[str, dict[str, str]] = {}
    for symbol in sorted({fill["symbol"] for fill in fills}):
        for bar in _rows(f"market/{symbol}.csv"):
            opens.setdefault(bar["date"], {})[symbol] = bar["open"]
    stocks = {
        stock_id(symbol): Stock(symbol=symbol, tick=None)
        for symbol in sorted({fill["symbol"] for fill in fills})
    }
    ex = SimulatedExchange(COSTS, 7, stocks, BOOK, Decimal(10_000))
    for n, fill in enumerate(fills):
        day = date.fromisoformat(fill["session_date"])
        at = datetime.combine(day, time(14, 30), UTC)
        seen = {
            stock_id(symbol): quote(stock_id(symbol), price, price, at)
            for symbol, price in opens[fill["session_date"]].items()
        }
        ex.on_quotes(QuotesSeen(at, day, n, seen))
        asked = order(
            f"g{n}", Side(fill["side"]), fill["quantity"], instrument=stock_id(fill["symbol"])
        )
        executed = ex.submit(asked, at)[-1]
        assert isinstance(executed, Executed), fill
        assert executed.price == Decimal(fill["price"]), fill
        assert ex.account().cash == Decimal(fill["cash_after"]), fill
    assert len(fills) == 332

"""Small markets: eight instruments, half a year, some with bars that are missing or mad."""

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from engine.domain.ids import InstrumentId
from engine.domain.instrument import stock_id
from engine.domain.market import Adjustment, Bar, Feed, Series
from engine.market.history import FUNDS, assemble
from engine.ports import MarketHistory
from engine.schedule.calendar import AlwaysCalendar

MARKETS = 24
BEFORE = 62  # sessions of history: the regime strategy is warm after 60
SESSIONS = 100
_FIRST = date(2020, 1, 2)
_CENT = Decimal("0.01")
_PRICES = {"QQQ": 200.0, "TLT": 120.0, "SPY": 300.0, "IWM": 90.0}
_FUND_PRICES = {"TQQQ": 60.0, "PSQ": 40.0, "TMF": 25.0, "TMV": 80.0}
_STEADY, _THIN = (1_000_000,), (200, 3_000, 60_000)
_VOLUMES = dict.fromkeys(_FUND_PRICES, _STEADY) | {
    "QQQ": _STEADY,
    "TLT": _STEADY,
    "SPY": (3_000, 4_000),
    "IWM": _THIN,  # what fills by a bar fills in parts
}


class Market(NamedTuple):
    """A history with its calendar and its days."""

    history: MarketHistory
    calendar: AlwaysCalendar
    days: tuple[date, ...]


@lru_cache(maxsize=MARKETS)
def market(number: int) -> Market:
    """Return one of the markets; the same number gives the same bars for ever."""
    rng = random.Random(f"market {number}")
    days = _weekdays(BEFORE + SESSIONS)
    adjustment = Adjustment.SPLIT if number % 2 else Adjustment.NONE
    moves = {symbol: _moves(rng, len(days)) for symbol in _PRICES}
    bars: dict[InstrumentId, list[Bar]] = {}
    for symbol, price in {**_PRICES, **_FUND_PRICES}.items():
        of, times = FUNDS.get(symbol, (symbol, 1))
        bars[stock_id(symbol)] = _bars(rng, symbol, price, days, moves[of], times)
    if number % 3 == 0:
        _spoil(rng, bars)
    series = {
        key: Series(
            instrument=key,
            bars=tuple(some),
            source=f"SIMULATION {number}",
            feed=Feed.SYNTHETIC,
            adjustment=adjustment,
        )
        for key, some in bars.items()
    }
    calendar = AlwaysCalendar(days)
    history = assemble(series, f"SIMULATION {number}", calendar)
    return Market(history, calendar, tuple(days))


def _weekdays(count: int) -> list[date]:
    days: list[date] = []
    day = _FIRST
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    return days


def _moves(rng: random.Random, count: int) -> list[tuple[float, float]]:
    """Overnight and daytime returns, in quiet and in wild weeks."""
    moves, size = [], 0.01
    for n in range(count):
        if n % 10 == 0:
            size = rng.choice((0.004, 0.01, 0.025))
        drift = 0.004 * rng.choice((-1, 0, 1))
        moves.append((rng.gauss(0, size / 2), rng.gauss(drift, size)))
    return moves


def _bars(
    rng: random.Random,
    symbol: str,
    price: float,
    days: list[date],
    moves: list[tuple[float, float]],
    times: int,
) -> list[Bar]:
    bars = []
    for day, (night, daytime) in zip(days, moves, strict=True):
        opened = price * (1 + times * night)
        price = opened * (1 + times * daytime)
        wick = abs(rng.gauss(0, 0.004))
        four = (opened, max(opened, price) * (1 + wick), min(opened, price) * (1 - wick), price)
        o, h, low, c = (Decimal(repr(round(p, 6))).quantize(_CENT) for p in four)
        volume = Decimal(rng.choice(_VOLUMES[symbol]) + rng.randrange(100))
        bars.append(
            Bar(
                instrument=stock_id(symbol),
                session_date=day,
                open=o,
                high=h,
                low=low,
                close=c,
                volume=volume,
            )
        )
    return bars


def _spoil(rng: random.Random, bars: dict[InstrumentId, list[Bar]]) -> None:
    """Leave a bar out, blow a price up, take a volume away: late, so that trading has begun."""
    key = rng.choice(sorted(bars))
    n = rng.randrange(BEFORE + SESSIONS // 2, BEFORE + SESSIONS - 5)
    kind = rng.choice(("gap", "jump", "no_volume"))
    if kind == "gap":
        del bars[key][n]
    elif kind == "jump":
        bar = bars[key][n]
        bars[key][n] = replace(bar, high=bar.high * 10, close=bar.close * 10)
    else:
        bars[key][n] = replace(bars[key][n], volume=Decimal(0))

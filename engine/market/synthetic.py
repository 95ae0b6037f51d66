"""The built-in market: six invented instruments that behave like the real ones.

QQQ moves through three weathers (calm, rough, crash) that follow each other by chance; each
has its volatility and its drift. TLT rises and falls in long waves and tends to rise when
QQQ falls. TQQQ, PSQ, TMF and TMV repeat the daily move of their underlying times their
multiple, reset every day, less fees and financing, with a little noise. Everything is
labelled SYNTHETIC.

A path cannot be entered in the middle: it is always walked from `EPOCH`, and each session's
chance comes from a hash of (seed, date). So a date has the same bars whatever range is asked
for. Only exact operations are used (integers, and + - × ÷ of floats, no exp or log), so the
bars are the same on every machine.
"""

import struct
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from hashlib import shake_128
from typing import NamedTuple

from engine.domain.ids import InstrumentId
from engine.domain.instrument import stock_id
from engine.domain.market import Adjustment, Bar, Feed, Series
from engine.errors import MarketDataError
from engine.market.history import CENT, FUNDS, data_hash, stock
from engine.ports import Calendar, MarketHistory

EPOCH = date(1990, 1, 2)
"""The first session of the built-in market."""

SYMBOLS = ("QQQ", "TLT", "TQQQ", "TMF", "TMV", "PSQ")

_YEAR = 252
_ROOT = 0.0629940788348712  # 1 / √252
_FEE, _RATE = 0.0095, 0.03  # a year: a fund's fee, and what it pays or earns on money


class _Weather(NamedTuple):
    """One state of the stock market; volatility and drift are annual fractions."""

    volatility: float
    drift: float
    stay: float  # chance to last another session
    next: tuple[int, int]  # weathers that may follow
    first: float  # chance of the first of them


_CALM, _ROUGH, _CRASH = 0, 1, 2
_WEATHERS = (
    _Weather(volatility=0.10, drift=0.22, stay=1 - 1 / 45, next=(_ROUGH, _CRASH), first=0.85),
    _Weather(volatility=0.22, drift=0.02, stay=1 - 1 / 22, next=(_CALM, _CRASH), first=0.70),
    _Weather(volatility=0.34, drift=-0.60, stay=1 - 1 / 35, next=(_ROUGH, _CALM), first=0.75),
)


class _Base(NamedTuple):
    """What the two underlyings are like."""

    start: float  # dollars at the epoch
    growth: float  # a year: the trend that the price is drawn to
    pull: float  # a year: how strongly
    move_max: float  # of a night, and of a day: fractions
    volume: float  # shares on an ordinary session


_STOCKS = _Base(start=10.0, growth=0.10, pull=1.0, move_max=0.06, volume=42e6)
_BONDS = _Base(start=80.0, growth=0.01, pull=0.6, move_max=0.035, volume=15e6)
_BOND_WAVE = 0.12  # drift a year, up or down
_BOND_TURN = 1 / 110  # chance a session that it turns
_FUND_STARTS = {"TQQQ": 6.0, "PSQ": 500.0, "TMF": 800.0, "TMV": 120.0}
_FUND_SHARES = {"TQQQ": 0.7, "PSQ": 0.07, "TMF": 0.1, "TMV": 0.05}  # of the underlying's volume
_FUND_PLACES = {"TQQQ": 6, "PSQ": 9, "TMF": 12, "TMV": 15}  # where their chance stands


class _Day(NamedTuple):
    """Prices of one session as floats, before they are rounded to cents."""

    open: float
    high: float
    low: float
    close: float
    volume: float


def synthetic_market(calendar: Calendar, seed: int, first: date, last: date) -> MarketHistory:
    """Return the built-in market's bars from first to last, both included."""
    if first < EPOCH:
        raise MarketDataError(f"the built-in market begins on {EPOCH}; {first} is before it")
    source = f"SYNTHETIC seed {seed}"
    ids = {symbol: stock_id(symbol) for symbol in SYMBOLS}
    bars: dict[str, list[Bar]] = {symbol: [] for symbol in SYMBOLS}
    sessions = calendar.sessions(EPOCH, last)
    for day, session in zip(sessions, _walk(seed, sessions), strict=True):
        if day >= first:
            for symbol, one in _shape(session).items():
                bars[symbol].append(_bar(ids[symbol], day, one))
    if not bars["QQQ"]:
        raise MarketDataError(f"no session from {first} to {last}")
    series = {
        ids[symbol]: Series(
            instrument=ids[symbol],
            bars=tuple(bars[symbol]),
            source=source,
            feed=Feed.SYNTHETIC,
            adjustment=Adjustment.NONE,
        )
        for symbol in SYMBOLS
    }
    return MarketHistory(
        instruments={ids[symbol]: stock(symbol, Adjustment.NONE) for symbol in SYMBOLS},
        series=series,
        findings=(),
        source=source,
        data_hash=data_hash(series),
    )


def _bar(instrument: InstrumentId, day: date, one: _Day) -> Bar:
    return Bar(
        instrument=instrument,
        session_date=day,
        open=_cents(one.open),
        high=_cents(one.high),
        low=_cents(one.low),
        close=_cents(one.close),
        volume=Decimal(int(one.volume) // 100 * 100),
    )


def _cents(price: float) -> Decimal:
    return Decimal(max(1, int(price * 100 + 0.5))) * CENT


# -- chance --------------------------------------------------------------------------------

_LAYOUT = struct.Struct("<4Q28H")
_UNIT = 1 / 65536


class _Chance(NamedTuple):
    """The random numbers of one session."""

    normals: list[float]  # 4: night and day of stocks, night and day of bonds
    parts: list[float]  # 24 in 0..1


def _chance(seed: int, day: date) -> _Chance:
    """Draw a session's random numbers from a hash.

    A normal number is the count of ones among 64 bits, smoothed by a uniform one: exact on
    every machine, and within four deviations.
    """
    drawn = _LAYOUT.unpack(shake_128(f"{seed}|{day.isoformat()}".encode()).digest(_LAYOUT.size))
    parts = [n * _UNIT for n in drawn[4:]]
    normals = [
        (word.bit_count() - 32.5 + part) * 0.25
        for word, part in zip(drawn[:4], parts[:4], strict=True)
    ]
    return _Chance(normals, parts[4:])


# -- the path: closes, which is all that the next session needs ----------------------------


class _Move(NamedTuple):
    """One session of an underlying: from the close before to open and close."""

    before: float
    open: float
    close: float
    volatility: float  # annual


class _Path:
    """One underlying on its way: price, trend, and the volatility that follows the weather."""

    def __init__(self, base: _Base, volatility: float) -> None:
        self._base = base
        self._price = self._trend = base.start
        self._volatility = volatility
        self._growth = 1 + base.growth / _YEAR

    def step(self, volatility: float, drift: float, night: float, day: float) -> _Move:
        """Move by one session; night and day are standard normal numbers."""
        base, before, most = self._base, self._price, self._base.move_max
        self._volatility += 0.3 * (volatility - self._volatility)
        self._trend *= self._growth
        away = max(-0.5, min(0.5, self._trend / before - 1))
        deviation = self._volatility * _ROOT
        drift = (drift + base.pull * away) / _YEAR
        opened = before * (1 + max(-most, min(most, 0.45 * deviation * night)))
        self._price = opened * (1 + max(-most, min(most, drift + 0.89 * deviation * day)))
        return _Move(before, opened, self._price, self._volatility)


class _Session(NamedTuple):
    """One session of the whole market."""

    stocks: _Move
    bonds: _Move
    funds: dict[str, float]  # closes before
    parts: Sequence[float]  # chance that is left for everything else


def _walk(seed: int, sessions: Sequence[date]) -> Iterator[_Session]:
    """Yield every session from the epoch on."""
    weather, wave = _CALM, 1.0
    stocks = _Path(_STOCKS, _WEATHERS[_CALM].volatility)
    bonds = _Path(_BONDS, 0.12)
    funds = dict(_FUND_STARTS)
    for day in sessions:
        (stock_night, stock_day, bond_night, bond_day), parts = _chance(seed, day)
        now = _WEATHERS[weather]
        if parts[0] > now.stay:
            weather = now.next[0] if parts[1] < now.first else now.next[1]
            now = _WEATHERS[weather]
        if parts[2] < _BOND_TURN:
            wave = -wave
        tie = 0.5 if weather == _CRASH else 0.25  # bonds are sought when stocks fall
        made = _Session(
            stocks.step(now.volatility, now.drift, stock_night, stock_day),
            bonds.step(
                0.09 + 0.2 * now.volatility,
                wave * _BOND_WAVE,
                bond_night,
                0.92 * bond_day - tie * stock_day,
            ),
            funds,
            parts[3:],
        )
        yield made
        funds = {symbol: _fund_close(symbol, before, made) for symbol, before in made.funds.items()}


def _fund_close(symbol: str, before: float, session: _Session) -> float:
    """Repeat the underlying's move times a multiple, less cost, with a little noise."""
    _, multiple, move, place = _fund(symbol, session)
    cost = (_FEE + (multiple - 1) * _RATE) / _YEAR
    noise = (session.parts[place] - 0.5) * 0.003
    return before * (1 + multiple * (move.close / move.before - 1) - cost + noise)


def _fund(symbol: str, session: _Session) -> tuple[str, int, _Move, int]:
    """Return underlying, multiple, the underlying's move, and the place of its own chance."""
    underlying, multiple = FUNDS[symbol]
    move = session.stocks if underlying == "QQQ" else session.bonds
    return underlying, multiple, move, _FUND_PLACES[symbol]


# -- the shape of a session: everything between the closes ---------------------------------


def _shape(session: _Session) -> dict[str, _Day]:
    """Return open, high, low, close and volume of all six."""
    parts = session.parts
    days = {
        "QQQ": _underlying_day(_STOCKS, session.stocks, parts[0:3]),
        "TLT": _underlying_day(_BONDS, session.bonds, parts[3:6]),
    }
    for symbol, before in session.funds.items():
        underlying, multiple, move, place = _fund(symbol, session)
        base, swing = days[underlying], (parts[place + 1] - 0.5) * 0.004
        opened = before * (1 + multiple * (move.open / move.before - 1) + swing)
        closed = _fund_close(symbol, before, session)
        ends = [before * (1 + multiple * (x / move.before - 1)) for x in (base.high, base.low)]
        days[symbol] = _Day(
            open=opened,
            high=max(opened, closed, *ends),
            low=min(opened, closed, *ends),
            close=closed,
            volume=base.volume * _FUND_SHARES[symbol] * (0.8 + 0.4 * parts[place + 2]),
        )
    return days


def _underlying_day(base: _Base, move: _Move, parts: Sequence[float]) -> _Day:
    """High and low reach beyond open and close; volume grows with the size of the move."""
    deviation = move.volatility * _ROOT
    surprise = min(3.0, abs(move.close / move.before - 1) / deviation)
    volume = base.volume * (0.55 + 0.3 * surprise + 1.2 * move.volatility)
    return _Day(
        open=move.open,
        high=max(move.open, move.close) * (1 + 0.9 * deviation * parts[0] * parts[0]),
        low=min(move.open, move.close) * (1 - 0.9 * deviation * parts[1] * parts[1]),
        close=move.close,
        volume=volume * (0.75 + 0.5 * parts[2]),
    )

"""Invented prices that can be asked for at any instant, in any order, and never change.

Every session has returns drawn from a hash of (seed, date): one factor for the whole market
and one of its own for each stock, for the night and for the day. Between the anchors (04:00,
open, close, end of after hours) a path is bridged by midpoints, each with its own hash, so the
price at an instant costs a descent of a few steps and is the same whether it is looked at live,
as history, at any pace, or only once. Leveraged funds repeat the move of their underlying since
the last close times their multiple. Only + − × ÷ and √ of floats: equal on every machine.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from hashlib import blake2b
from math import sqrt
from typing import NamedTuple, cast

from engine.brokers.practice.sessions import Hall, Hours
from engine.ports import Calendar

EPOCH = date(2015, 1, 2)
"""Where the walk begins."""

_YEAR = 252
_FACTOR = 0.16  # volatility a year of the market as a whole
_NIGHT, _DAY = 0.44, 0.9  # parts of a day's deviation: 0.44² + 0.9² ≈ 1
_MOVE_MAX = 0.07  # of a factor or an own return, night or day
_EDGE = 0.15  # deviation before the open and after the close, in parts of a day's
_DEPTH = 18  # 2¹⁸ cells bridge a segment: below a tick of 100 ms
_CELLS = 1 << _DEPTH
_COARSE = 4  # depth of a descent to a sixteenth of a session
_MARKS = 1 << _COARSE


class Nature(NamedTuple):
    """What a stock is like; volatility and growth a year."""

    start: float  # dollars at the epoch
    growth: float
    beta: float  # to the factor
    own: float  # volatility of its own
    volume: float  # shares a day


NATURES = {
    "SPY": Nature(200, 0.105, 1.0, 0.02, 70e6),
    "QQQ": Nature(100, 0.16, 1.15, 0.078, 45e6),
    "TLT": Nature(125, -0.03, -0.25, 0.145, 30e6),
    "AAPL": Nature(28, 0.20, 1.2, 0.20, 55e6),
    "IWM": Nature(118, 0.06, 1.1, 0.12, 30e6),
    "GLD": Nature(115, 0.08, 0.05, 0.14, 8e6),
    "MSFT": Nature(46, 0.22, 1.1, 0.17, 22e6),
    "NVDA": Nature(3, 0.40, 1.6, 0.35, 180e6),
    "KO": Nature(42, 0.045, 0.6, 0.12, 14e6),
    "PNNY": Nature(0.8, 0.0, 0.8, 0.45, 3e6),
}
FUNDS = {
    "TQQQ": ("QQQ", 3, 1.5, 60e6),
    "PSQ": ("QQQ", -1, 220.0, 6e6),
    "TMF": ("TLT", 3, 1500.0, 9e6),
    "TMV": ("TLT", -3, 12.0, 2e6),
}
"""Daily multiples: underlying, multiple, dollars at the epoch, shares a day."""

_OTHER = Nature(80, 0.07, 1.0, 0.22, 5e6)


class Day(NamedTuple):
    """One regular session."""

    open: float
    high: float
    low: float
    close: float
    volume: int


@dataclass(slots=True)
class _Session:
    """Returns of one path in one session, against the close before."""

    night: float
    day: float  # open to close, as part of the close before
    after: float


class _Bridge:
    """A path from one value to another with random midpoints; keeps its last descent."""

    __slots__ = ("_key", "_spread", "_stack")

    def __init__(self, key: str, first: float, last: float, deviation: float) -> None:
        self._key = key
        self._spread = [deviation * 0.5 * sqrt(1 / 2**level) for level in range(_DEPTH)]
        self._stack = [(0, _CELLS, first, last)]

    def at(self, part: float, depth: int = _DEPTH) -> float:
        """Return the value after a part (0..1) of the way, to a depth of 2^depth cells."""
        index = min(int(part * _CELLS), _CELLS - 1)
        stack = self._stack
        while not stack[-1][0] <= index < stack[-1][0] + stack[-1][1] or len(stack) > depth + 1:
            stack.pop()
        while len(stack) <= depth:
            low, size, first, last = stack[-1]
            half = size >> 1
            middle = (first + last) / 2 + self._spread[len(stack) - 1] * _normal(
                f"{self._key}|{low + half}"
            )
            if index < low + half:
                stack.append((low, half, first, middle))
            else:
                stack.append((low + half, half, middle, last))
        low, size, first, last = stack[-1]
        rest = (part * _CELLS - low) / size
        return first + (last - first) * rest


@lru_cache(maxsize=2)
def paths(seed: int, calendar: Hashable) -> "Paths":
    """Return the prices of a seed, once for all venues of a calendar: they never change."""
    return Paths(seed, Hall(cast(Calendar, calendar)))


class Paths:
    """All invented prices of one seed."""

    def __init__(self, seed: int, hall: Hall) -> None:
        self._seed = seed
        self._hall = hall
        self._days: list[date] = []  # sessions walked, from the epoch
        self._index: dict[date, int] = {}
        self._closes: dict[str, list[float]] = {}
        self._trends: dict[str, float] = {}
        self._marks: dict[str, tuple[date, list[float]]] = {}
        self._sessions: dict[tuple[str, date], _Session] = {}
        self._bridges: dict[tuple[str, date, int], _Bridge] = {}
        self._whole: dict[tuple[str, date], Day] = {}  # sessions that have closed

    def price(self, symbol: str, at: datetime) -> float:
        """Return the price at an instant; outside all hours the last one."""
        hours = self._hall.current(at)
        return self.before(symbol, hours.day) * (1 + self._move(symbol, hours, at, _DEPTH))

    def before(self, symbol: str, day: date) -> float:
        """Return the close before a session."""
        closes = self._walk(symbol, day)
        return closes[self._index[day]]

    def close(self, symbol: str, day: date) -> float:
        """Return the official close of a session."""
        return self.before(symbol, day) * (1 + self._day_move(symbol, day))

    def day(self, symbol: str, day: date, until: datetime) -> Day:
        """Return a regular session up to an instant (after its open)."""
        hours = self._hall.hours(day)
        known = self._whole.get((symbol, day))
        if known is not None and until >= hours.closes:
            return known
        before = self.before(symbol, day)
        until = min(until, hours.closes)
        moves = self._marked(symbol, hours, until)
        last = (
            self._day_move(symbol, day)
            if until == hours.closes
            else self._move(symbol, hours, until, _DEPTH)
        )
        made = Day(
            before * (1 + moves[0]),
            before * (1 + max(last, *moves)),
            before * (1 + min(last, *moves)),
            before * (1 + last),
            self.volume(symbol, hours, until),
        )
        if until == hours.closes:
            self._whole[symbol, day] = made
        return made

    def _marked(self, symbol: str, hours: Hours, until: datetime) -> list[float]:
        """Return the moves at the sixteenths of a session that an instant has passed.

        The points of a coarse descent lie on the path itself: cheap, and never beyond it. Those
        of the newest session asked for are kept, or every look would cost a whole session.
        """
        kept_day, kept = self._marks.get(symbol, (None, []))
        if kept_day != hours.day:
            kept = []
            self._marks[symbol] = (hours.day, kept)
        span = (hours.closes - hours.opens) / _MARKS
        passed = min(_MARKS, int((until - hours.opens) / span) + 1)
        while len(kept) < passed:
            kept.append(self._move(symbol, hours, hours.opens + span * len(kept), _COARSE))
        return kept[:passed]

    def volume(self, symbol: str, hours: Hours, until: datetime) -> int:
        """Return the shares traded since the open, growing evenly."""
        part = (until - hours.opens) / (hours.closes - hours.opens)
        fund = FUNDS.get(symbol)
        usual = fund[3] if fund else NATURES.get(symbol, _OTHER).volume
        whole = usual * (0.6 + 0.8 * _unit(f"{self._seed}|volume|{symbol}|{hours.day}"))
        return int(whole * max(0.0, min(1.0, part)) / 100) * 100

    # -- moves since the close before ----------------------------------------------------------

    def _move(self, symbol: str, hours: Hours, at: datetime, depth: int) -> float:
        fund = FUNDS.get(symbol)
        if fund:
            return fund[1] * self._move(fund[0], hours, at, depth)
        nature = NATURES.get(symbol, _OTHER)
        factor = self._return("*", _FACTOR, hours, at, depth)
        return nature.beta * factor + self._return(symbol, nature.own, hours, at, depth)

    def _return(
        self, name: str, volatility: float, hours: Hours, at: datetime, depth: int
    ) -> float:
        session = self._session(name, volatility, hours.day)
        edge = volatility * _EDGE / sqrt(_YEAR)
        if at < hours.opens:
            part = (at - hours.starts) / (hours.opens - hours.starts)
            return self._bridge(name, hours.day, 0, 0.0, session.night, edge).at(part, depth)
        done = session.night + session.day
        if at < hours.closes:
            part = (at - hours.opens) / (hours.closes - hours.opens)
            spread = volatility * _DAY / sqrt(_YEAR)
            return self._bridge(name, hours.day, 1, session.night, done, spread).at(part, depth)
        if at < hours.ends:
            part = (at - hours.closes) / (hours.ends - hours.closes)
            end = done + session.after
            return self._bridge(name, hours.day, 2, done, end, edge).at(part, depth)
        return done + session.after

    def _bridge(
        self, name: str, day: date, segment: int, first: float, last: float, deviation: float
    ) -> _Bridge:
        key = (name, day, segment)
        known = self._bridges.get(key)
        if known is None:
            if len(self._bridges) > 4000:
                self._bridges.clear()
            known = _Bridge(f"{self._seed}|{name}|{day}|{segment}", first, last, deviation)
            self._bridges[key] = known
        return known

    def _session(self, name: str, volatility: float, day: date) -> _Session:
        known = self._sessions.get((name, day))
        if known is None:
            deviation = volatility / sqrt(_YEAR)
            growth = 0.0 if name == "*" else NATURES.get(name, _OTHER).growth
            night, whole, after = _normals(f"{self._seed}|{name}|{day}")
            known = _Session(
                _clamp(deviation * _NIGHT * night),
                _clamp(deviation * _DAY * whole + growth / _YEAR),
                deviation * 0.05 * after,
            )
            if len(self._sessions) > 20_000:
                self._sessions.clear()
            self._sessions[(name, day)] = known
        return known

    def _day_move(self, symbol: str, day: date) -> float:
        """Return the official move of a session."""
        fund = FUNDS.get(symbol)
        if fund:
            return fund[1] * self._day_move(fund[0], day)
        nature = NATURES.get(symbol, _OTHER)
        factor = self._session("*", _FACTOR, day)
        own = self._session(symbol, nature.own, day)
        return nature.beta * (factor.night + factor.day) + own.night + own.day

    def _walk(self, symbol: str, day: date) -> list[float]:
        """Return the closes of a symbol from the epoch to the close before a session.

        A price is drawn back to its trend, a little every night, or sixteen years of chance
        would take it anywhere. That pull is part of the close before, not of a move, so that
        funds repeat the move exactly; it is a few hundredths of a percent.
        """
        if day not in self._index:
            first = self._days[-1] if self._days else EPOCH
            for one in self._hall.calendar.sessions(first, day):
                if one not in self._index:
                    self._index[one] = len(self._days)
                    self._days.append(one)
        fund = FUNDS.get(symbol)
        nature = NATURES.get(symbol, _OTHER)
        closes = self._closes.setdefault(symbol, [fund[2] if fund else nature.start])
        while len(closes) <= self._index[day]:
            n = len(closes)
            price = closes[-1] * (1 + self._day_move(symbol, self._days[n - 1]))
            if not fund:
                trend = self._trends.get(symbol, nature.start) * (1 + nature.growth / _YEAR)
                self._trends[symbol] = trend
                price += 0.004 * max(-0.5, min(0.5, trend / price - 1)) * price
            closes.append(price)
        return closes


def _normal(key: str) -> float:
    """Return a standard normal number of a key: ones among 64 bits, smoothed by a uniform."""
    drawn = int.from_bytes(blake2b(key.encode(), digest_size=10).digest(), "big")
    return ((drawn >> 16).bit_count() - 32.5 + (drawn & 0xFFFF) / 65536) * 0.25


def _normals(key: str) -> tuple[float, float, float]:
    digest = blake2b(key.encode(), digest_size=30).digest()
    drawn = [int.from_bytes(digest[n : n + 10], "big") for n in (0, 10, 20)]
    a, b, c = (((d >> 16).bit_count() - 32.5 + (d & 0xFFFF) / 65536) * 0.25 for d in drawn)
    return a, b, c


def _unit(key: str) -> float:
    return int.from_bytes(blake2b(key.encode(), digest_size=4).digest(), "big") / 2**32


def _clamp(move: float) -> float:
    return max(-_MOVE_MAX, min(_MOVE_MAX, move))

"""The practice market: quotes and sessions of every contract at any instant.

Three layers, the first that knows a symbol answers: a script (quotes given in time, halts),
recorded daily bars (each walked through its open, extremes and close, a quarter of the session
each), and the invented paths. Options follow their underlying by Black–Scholes. Asking has no
effect: the same question has the same answer however often and in whatever order it is put.
"""

from bisect import bisect_right, insort
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from hashlib import blake2b
from typing import NamedTuple, Protocol, cast

from engine.brokers.practice import options
from engine.brokers.practice.model import ZERO, MarketRule
from engine.brokers.practice.paths import EPOCH, FUNDS, NATURES, Day, Paths, paths
from engine.brokers.practice.sessions import Hall, Hours
from engine.brokers.practice.universe import CENT, Traded, step_at

_TWO = Decimal(2)
_BP = Decimal("0.0001")
_OPTION_SPREAD = Decimal("0.02")


class RecordedBar(Protocol):
    """A final daily bar, as engine.domain.market has it."""

    @property
    def session_date(self) -> date: ...
    @property
    def open(self) -> Decimal: ...
    @property
    def high(self) -> Decimal: ...
    @property
    def low(self) -> Decimal: ...
    @property
    def close(self) -> Decimal: ...
    @property
    def volume(self) -> Decimal: ...


class Quote(NamedTuple):
    """The market in one contract at one instant."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal
    bid_size: Decimal
    ask_size: Decimal
    last_size: Decimal
    halted: bool
    trades: bool  # inside any hours

    @property
    def mark(self) -> Decimal:
        """Return what a position is worth: the middle inside hours, else the last price."""
        if self.bid is None or self.ask is None or not self.trades:
            return self.last
        return (self.bid + self.ask) / _TWO


class Stats(NamedTuple):
    """The regular session so far; before its open only the close before is known."""

    before: Decimal
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    volume: Decimal


@dataclass(frozen=True, slots=True, order=True)
class Scripted:
    """A quote that holds from an instant until the next one of its symbol."""

    at: datetime
    symbol: str = field(compare=False)
    bid: Decimal | None = field(compare=False, default=None)
    ask: Decimal | None = field(compare=False, default=None)
    last: Decimal | None = field(compare=False, default=None)
    bid_size: Decimal = field(compare=False, default=Decimal(10_000))
    ask_size: Decimal = field(compare=False, default=Decimal(10_000))
    halted: bool = field(compare=False, default=False)
    released: bool = field(compare=False, default=False)  # from here on the layer below again


class SessionPrices(NamedTuple):
    """A regular session, or its part so far."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


class Market:
    """All prices."""

    def __init__(
        self,
        hall: Hall,
        seed: int,
        *,
        bars: Mapping[str, Sequence[RecordedBar]] | None = None,
        script: Iterable[Scripted] = (),
    ) -> None:
        self.hall = hall
        self.seed = seed
        self._paths: Paths = paths(seed, cast(Hashable, hall.given))
        self._bars = {
            symbol: {bar.session_date: bar for bar in rows} for symbol, rows in (bars or {}).items()
        }
        self._bar_days = {symbol: sorted(rows) for symbol, rows in self._bars.items()}
        self._script: dict[str, list[Scripted]] = {}
        for line in script:
            self.direct(line)
        self.halts: dict[str, datetime] = {}  # by symbol, empty for all: until

    def direct(self, line: Scripted) -> None:
        """Add a scripted quote; the newest of equal instants holds."""
        insort(self._script.setdefault(line.symbol, []), line)

    # -- one instant ---------------------------------------------------------------------------

    def quote(self, traded: Traded, at: datetime) -> Quote:
        """Return the market in a contract."""
        if traded.is_option:
            return self._option_quote(traded, at)
        symbol = traded.listing.symbol
        line = self._line(symbol, at)
        hours = self.hall.current(at)
        trades = at < hours.ends
        halted = traded.listing.halted or self._is_halted(symbol, at)
        if line is not None:
            last = line.last if line.last is not None else _middle(line)
            if last is None:
                last = self.price(symbol, at)
            return Quote(
                line.bid,
                line.ask,
                last,
                line.bid_size,
                line.ask_size,
                Decimal(100),
                halted or line.halted,
                trades,
            )
        price = self.price(symbol, at)
        return self._around(traded, price, at, halted, trades, hours)

    def price(self, symbol: str, at: datetime) -> Decimal:
        """Return a stock's price itself, at most four decimals."""
        line = self._line(symbol, at)
        if line is not None:
            scripted = line.last if line.last is not None else _middle(line)
            if scripted is not None:
                return scripted
        bar = self._bar(symbol, at)
        if bar is not None:
            return bar
        return _money(self._paths.price(symbol, at))

    def stats(self, traded: Traded, at: datetime) -> Stats:
        """Return the session so far."""
        hours = self.hall.current(at)
        if traded.is_option:
            before = self.option_at(traded, self.hall.hours(self._before(hours.day)).closes)
            now = self.option_at(traded, at)
            first = self.option_at(traded, min(at, hours.opens))
            return Stats(before, first, max(first, now), min(first, now), Decimal(100))
        symbol = traded.listing.symbol
        before = self.close(symbol, self._before(hours.day))
        if at < hours.opens:
            return Stats(before, None, None, None, ZERO)
        day = self.session(symbol, hours.day, at)
        last = self.price(symbol, at) if at < hours.closes else day.close
        high, low = max(day.high, last), min(day.low, last)
        return Stats(cents(before), cents(day.open), cents(high), cents(low), Decimal(day.volume))

    def _is_halted(self, symbol: str, at: datetime) -> bool:
        return at < max(self.halts.get(symbol, at), self.halts.get("", at))

    def _line(self, symbol: str, at: datetime) -> Scripted | None:
        lines = self._script.get(symbol)
        if not lines:
            return None
        index = bisect_right(lines, Scripted(at, "")) - 1
        return None if index < 0 or lines[index].released else lines[index]

    def _around(
        self,
        traded: Traded,
        price: Decimal,
        at: datetime,
        halted: bool,
        trades: bool,
        hours: Hours,
    ) -> Quote:
        """Return a quote around a price: a spread of one tick or one basis point."""
        rule = traded.rule
        tick = step_at(rule, price)
        spread = max(tick, _down(price * _BP, tick))
        bid = max(tick, _down(price - spread / _TWO, tick))
        ask = bid + spread
        # sizes and the side of the last trade change every second
        moment = int(at.timestamp()) if trades else int(hours.ends.timestamp())
        drawn = blake2b(
            f"{self.seed}|{traded.contract.con_id}|{moment}".encode(), digest_size=6
        ).digest()
        scale = 1 if traded.is_option else 100
        last = price if traded.listing.symbol in self._bars else (ask if drawn[0] & 1 else bid)
        return Quote(
            bid,
            ask,
            last,
            Decimal((20 + drawn[1]) * scale),
            Decimal((20 + drawn[2]) * scale),
            Decimal((1 + drawn[3] % 5) * scale),
            halted,
            trades,
        )

    # -- sessions ------------------------------------------------------------------------------

    def session(self, symbol: str, day: date, until: datetime) -> SessionPrices:
        """Return a regular session up to an instant."""
        hours = self.hall.hours(day)
        recorded = self._bars.get(symbol, {}).get(day)
        if recorded is None:
            one: Day = self._paths.day(symbol, day, until)
            first, high, low, last = (_money(x) for x in (one.open, one.high, one.low, one.close))
            return SessionPrices(first, high, low, last, one.volume)
        if until >= hours.closes:
            points, volume = [recorded.low, recorded.high], recorded.volume
        else:
            quarter = _quarter(hours, until)
            points = _walk(recorded)[: quarter + 1]
            volume = recorded.volume * (quarter + 1) / 4
        last = recorded.close if until >= hours.closes else points[-1]
        return SessionPrices(recorded.open, max(points), min(points), last, int(volume))

    def opening(self, symbol: str, day: date) -> Decimal:
        """Return the official opening price."""
        recorded = self._bars.get(symbol, {}).get(day)
        at = self.hall.hours(day).opens
        line = self._line(symbol, at)
        if recorded is not None and line is None:
            return recorded.open
        return cents(self.price(symbol, at))

    def close(self, symbol: str, day: date) -> Decimal:
        """Return the official closing price."""
        line = self._line(symbol, self.hall.hours(day).closes)
        if line is not None:
            return self.price(symbol, self.hall.hours(day).closes)
        days = self._bar_days.get(symbol)
        if days:
            index = bisect_right(days, day) - 1
            if index >= 0:
                return self._bars[symbol][days[index]].close
        return cents(_money(self._paths.close(symbol, day)))

    def volume(self, symbol: str, hours: Hours, until: datetime) -> int:
        """Return the shares traded in a session up to an instant, growing evenly."""
        recorded = self._bars.get(symbol, {}).get(hours.day)
        if recorded is None:
            return self._paths.volume(symbol, hours, until)
        part = (min(until, hours.closes) - hours.opens) / (hours.closes - hours.opens)
        return int(float(recorded.volume) * max(0.0, part))

    def is_recorded(self, symbol: str) -> bool:
        """Say whether a symbol's prices come from recorded bars."""
        return symbol in self._bars

    def first_day(self, symbol: str) -> date:
        """Return where the history of a symbol begins."""
        days = self._bar_days.get(symbol)
        return days[0] if days else EPOCH

    def has_day(self, symbol: str, day: date) -> bool:
        """Say whether there is history of a session."""
        days = self._bar_days.get(symbol)
        return day in self._bars[symbol] if days else day >= self.first_day(symbol)

    def _before(self, day: date) -> date:
        return self.hall.calendar.previous_session(day)

    def _bar(self, symbol: str, at: datetime) -> Decimal | None:
        """Return the recorded price at an instant; None where nothing is recorded."""
        rows = self._bars.get(symbol)
        if not rows:
            return None
        hours = self.hall.current(at)
        recorded = rows.get(hours.day)
        if recorded is None or at < hours.opens:
            days = self._bar_days[symbol]
            index = bisect_right(days, self._before(hours.day) if recorded else hours.day) - 1
            return rows[days[max(0, index)]].close
        if at >= hours.closes:
            return recorded.close
        return _walk(recorded)[_quarter(hours, at)]

    # -- options -------------------------------------------------------------------------------

    def greeks(self, traded: Traded, at: datetime) -> options.Greeks:
        """Return an option's fair price and greeks."""
        under = float(self.price(traded.listing.symbol, at))
        years = options.years_left(self._expiry(traded), at)
        volatility = self.volatility(traded.listing.symbol)
        wanted = options.smile(volatility, under, float(traded.contract.strike), years)
        return options.black_scholes(traded, under, wanted, years)

    def volatility(self, symbol: str) -> float:
        """Return the yearly volatility that options on a symbol are priced with."""
        fund = FUNDS.get(symbol)
        if fund:
            return abs(fund[1]) * self.volatility(fund[0])
        nature = NATURES.get(symbol)
        if nature is None:
            return 0.28
        return float((0.0256 * nature.beta * nature.beta + nature.own * nature.own) ** 0.5)

    def option_at(self, traded: Traded, at: datetime) -> Decimal:
        """Return an option's fair price on its steps, at least one step."""
        price = _money(self.greeks(traded, at).price)
        tick = step_at(traded.rule, price)
        return max(tick, _near(price, tick))

    def settlement(self, traded: Traded) -> Decimal:
        """Return what an option is worth at its end."""
        assert traded.expires is not None, f"{traded.contract.symbol} is no option"
        gap = self.close(traded.listing.symbol, traded.expires) - traded.contract.strike
        return max(ZERO, gap if traded.contract.right == "C" else -gap)

    def years(self, traded: Traded, at: datetime) -> float:
        """Return an option's time to its end."""
        return options.years_left(self._expiry(traded), at)

    def _expiry(self, traded: Traded) -> datetime:
        assert traded.expires is not None, f"{traded.contract.symbol} is no option"
        return self.hall.hours(traded.expires).closes

    def _option_quote(self, traded: Traded, at: datetime) -> Quote:
        hours = self.hall.current(at)
        symbol = traded.listing.symbol
        line = self._line(traded.contract.local_symbol, at)
        trades = hours.is_regular(at)
        seen_at = at if trades else (hours.closes if at >= hours.closes else hours.opens)
        halted = self._is_halted(symbol, at)
        if line is not None:
            last = line.last if line.last is not None else _middle(line)
            if last is None:
                last = self.option_at(traded, at)
            return Quote(
                line.bid, line.ask, last, line.bid_size, line.ask_size, Decimal(1), halted, trades
            )
        fair = _money(self.greeks(traded, seen_at).price)
        tick = step_at(traded.rule, fair)
        spread = max(tick, _up(fair * _OPTION_SPREAD, tick))
        bid = max(ZERO, _down(fair - spread / _TWO, tick))
        moment = int(seen_at.timestamp())
        drawn = blake2b(
            f"{self.seed}|{traded.contract.con_id}|{moment}".encode(), digest_size=6
        ).digest()
        return Quote(
            bid,
            bid + spread,
            max(tick, _near(fair, tick)),
            Decimal(20 + drawn[1]),
            Decimal(20 + drawn[2]),
            Decimal(1 + drawn[3] % 5),
            halted,
            trades,
        )


def cents(price: Decimal) -> Decimal:
    """Round an invented price to a cent; a recorded one of less stays as it is."""
    return price if price < 1 else price.quantize(CENT, ROUND_HALF_EVEN)


def nearest_step(rule: MarketRule, price: Decimal) -> Decimal:
    """Return the price on the steps that is nearest."""
    return _near(price, step_at(rule, price))


def _middle(line: Scripted) -> Decimal | None:
    return None if line.bid is None or line.ask is None else (line.bid + line.ask) / _TWO


def _quarter(hours: Hours, at: datetime) -> int:
    return min(3, int(4 * ((at - hours.opens) / (hours.closes - hours.opens))))


def _walk(bar: RecordedBar) -> list[Decimal]:
    """Return the four prices of a recorded bar in the order in which they are met."""
    if abs(bar.open - bar.low) <= abs(bar.high - bar.open):
        return [bar.open, bar.low, bar.high, bar.close]
    return [bar.open, bar.high, bar.low, bar.close]


def _money(price: float) -> Decimal:
    return Decimal(max(1, round(price * 10_000))).scaleb(-4)


def _down(price: Decimal, tick: Decimal) -> Decimal:
    return (price / tick).to_integral_value(ROUND_FLOOR) * tick


def _up(price: Decimal, tick: Decimal) -> Decimal:
    return (price / tick).to_integral_value(ROUND_CEILING) * tick


def _near(price: Decimal, tick: Decimal) -> Decimal:
    return (price / tick).to_integral_value(ROUND_HALF_EVEN) * tick

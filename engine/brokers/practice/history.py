"""History of the practice market: bars, sessions, ticks and histograms of what has been."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from engine.brokers.practice.clock import DAY, new_york
from engine.brokers.practice.feed import Market, Quote, nearest_step
from engine.brokers.practice.model import (
    ZERO,
    Bar,
    BidAskTick,
    History,
    HistoryAsk,
    MidTick,
    Refusal,
    Schedule,
    TradeTick,
)
from engine.brokers.practice.sessions import Hours
from engine.brokers.practice.universe import Traded, step_at

_MINUTE, _HOUR = 60, 3600
SIZES = {
    **{f"{n} secs": n for n in (1, 5, 10, 15, 30)},
    "1 min": _MINUTE,
    **{f"{n} mins": n * _MINUTE for n in (2, 3, 5, 10, 15, 20, 30)},
    "1 hour": _HOUR,
    **{f"{n} hours": n * _HOUR for n in (2, 3, 4, 8)},
}
"""Intraday bar sizes in seconds."""

DAILY = {"1 day": "day", "1 week": "week", "1W": "week", "1 month": "month", "1M": "month"}
WHATS = frozenset({"TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST", "SCHEDULE"})
_UNITS = {"D": 1, "W": 7, "M": 30, "Y": 365}
_COUNT = re.compile(r"[1-9][0-9]{0,8}")
FLOOR = date(2000, 1, 1)
"""No history is looked for before it."""

_FIRST = datetime(2000, 1, 1, 12, tzinfo=UTC)

_BARS_MAX = 25_000
_MANY = 2_000
_PREFIX = "Historical Market Data Service error message:"


class Span(NamedTuple):
    """What was asked for."""

    start: datetime
    end: datetime
    sessions: int | None  # that many sessions rather than a stretch of time


@dataclass(slots=True)
class Pacing:
    """The broker's limits on small bars: identical, per contract, in all."""

    asked: deque[tuple[datetime, int, HistoryAsk]] = field(default_factory=deque)
    refuses_until: datetime | None = None  # by fault: everything

    def refusal(self, ask: HistoryAsk, now: datetime) -> Refusal | None:
        """Count a request and say whether it comes too soon."""
        if self.refuses_until is not None and now < self.refuses_until:
            return _too_soon()
        if SIZES.get(ask.bar_size, _MINUTE) >= _MINUTE:
            return None
        while self.asked and now - self.asked[0][0] > timedelta(minutes=10):
            self.asked.popleft()
        weight = 2 if ask.what == "BID_ASK" else 1
        same = [at for at, _, one in self.asked if one == ask]
        recent = sum(
            w
            for at, w, one in self.asked
            if now - at <= timedelta(seconds=2)
            and (one.contract, one.what) == (ask.contract, ask.what)
        )
        self.asked.append((now, weight, ask))
        repeated = bool(same) and now - same[-1] < timedelta(seconds=15)
        if repeated or recent + weight >= 6 or sum(w for _, w, _ in self.asked) > 60:
            return _too_soon()
        return None


def _too_soon() -> Refusal:
    return Refusal(162, f"{_PREFIX}Historical data request pacing violation")


def no_data(traded: Traded, what: str) -> Refusal:
    """Return the answer where there is no history."""
    symbol = traded.contract.symbol
    return Refusal(162, f"{_PREFIX}HMDS query returned no data: {symbol}@SMART {what.title()}")


class Past:
    """Reads the market backwards."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._hall = market.hall

    # -- bars --------------------------------------------------------------------------------------

    def bars(self, traded: Traded, ask: HistoryAsk, now: datetime) -> History | Refusal:
        """Return the bars of a request, none of them after now."""
        span = self._span(ask, now)
        if isinstance(span, Refusal):
            return span
        if ask.bar_size in DAILY:
            bars = self._daily(traded, ask, span, now)
        elif ask.bar_size in SIZES:
            found = self._intraday(traded, ask, span, now)
            if isinstance(found, Refusal):
                return found
            bars = found
        else:
            return _invalid(f"Invalid bar size '{ask.bar_size}'")
        if not bars:
            return no_data(traded, ask.what)
        return History(span.start, span.end, tuple(bars))

    def schedule(self, ask: HistoryAsk, now: datetime) -> Schedule | Refusal:
        """Return the sessions of a request."""
        span = self._span(ask, now)
        if isinstance(span, Refusal):
            return span
        rows = []
        for day in self._days(span):
            hours = self._hall.hours(day)
            begin, end = _edges(hours, ask.use_rth)
            rows.append((begin, end, day))
        return Schedule(span.start, span.end, tuple(rows))

    def bar(
        self, traded: Traded, start: datetime, end: datetime, what: str, *, samples: int = 5
    ) -> Bar:
        """Return one bar from samples between two instants, both included."""
        step = (end - start) / samples
        seen = [self._price(traded, start + step * n) for n in range(samples + 1)]
        if what == "BID_ASK":
            edges = [self._sides(traded, price) for price in seen]
            first = sum((bid for bid, _ in edges), ZERO) / len(edges)
            last = sum((ask for _, ask in edges), ZERO) / len(edges)
            prices = (first, max(ask for _, ask in edges), min(bid for bid, _ in edges), last)
        else:
            side = [self._side(traded, price, what) for price in seen]
            prices = (side[0], max(side), min(side), side[-1])
        volume = self._volume(traded, start, end) if what in ("TRADES", "ADJUSTED_LAST") else None
        return _shaped(start, prices, volume)

    def _price(self, traded: Traded, at: datetime) -> Decimal:
        if traded.is_option:
            return self._market.option_at(traded, at)
        return self._market.price(traded.listing.symbol, at)

    def _sides(self, traded: Traded, price: Decimal) -> tuple[Decimal, Decimal]:
        half = step_at(traded.rule, price) / 2
        bid = nearest_step(traded.rule, price - half)
        return bid, bid + 2 * half

    def _side(self, traded: Traded, price: Decimal, what: str) -> Decimal:
        if what == "MIDPOINT":
            return price
        if what in ("BID", "ASK"):
            return self._sides(traded, price)[what == "ASK"]
        is_recorded = self._market.is_recorded(traded.listing.symbol)
        return price if is_recorded else nearest_step(traded.rule, price)

    def _volume(self, traded: Traded, start: datetime, end: datetime) -> Decimal:
        hours = self._hall.current(start)
        if traded.is_option:
            return Decimal(10)
        symbol = traded.listing.symbol
        if end <= hours.opens or start >= hours.closes:
            return Decimal(100)
        return Decimal(
            self._market.volume(symbol, hours, end)
            - self._market.volume(symbol, hours, max(start, hours.opens))
        )

    def _daily(self, traded: Traded, ask: HistoryAsk, span: Span, now: datetime) -> list[Bar]:
        symbol = traded.listing.symbol
        until = min(span.end, now)
        rows = []
        for day in self._days(span):
            hours = self._hall.hours(day)
            if hours.opens > until or not self._market.has_day(symbol, day):
                continue
            if traded.is_option:
                rows.append(
                    _dated(self.bar(traded, hours.opens, min(until, hours.closes), ask.what), day)
                )
                continue
            one = self._market.session(symbol, day, until)
            prices = tuple(
                self._side(traded, price, ask.what)
                for price in (one.open, one.high, one.low, one.close)
            )
            volume = Decimal(one.volume) if ask.what in ("TRADES", "ADJUSTED_LAST") else None
            rows.append(_dated(_shaped(hours.opens, prices, volume), day))
        unit = DAILY[ask.bar_size]
        return rows if unit == "day" else _joined(rows, unit)

    def _intraday(
        self, traded: Traded, ask: HistoryAsk, span: Span, now: datetime
    ) -> list[Bar] | Refusal:
        seconds, until = SIZES[ask.bar_size], min(span.end, now)
        starts = list(self._starts(traded, ask, span, until))
        if len(starts) > _BARS_MAX:
            return Refusal(162, f"{_PREFIX}Time length exceed max.")
        samples = 4 if len(starts) > _MANY else min(12, max(1, seconds))
        return [
            self.bar(traded, start, min(end, until), ask.what, samples=samples)
            for start, end in starts
        ]

    def _starts(
        self, traded: Traded, ask: HistoryAsk, span: Span, until: datetime
    ) -> Iterator[tuple[datetime, datetime]]:
        step = timedelta(seconds=SIZES[ask.bar_size])
        for day in self._days(span):
            if not self._market.has_day(traded.listing.symbol, day):
                continue
            begin, end = _edges(self._hall.hours(day), ask.use_rth or traded.is_option)
            at = begin
            while at < min(end, until):
                if at >= span.start:
                    yield at, min(at + step, end)
                at += step

    def _days(self, span: Span) -> Sequence[date]:
        first, last = max(FLOOR, new_york(span.start).date()), new_york(span.end).date()
        if last < first:
            return []
        days = self._hall.calendar.sessions(first, last)
        if days and self._hall.hours(days[-1]).starts > span.end:
            days = days[:-1]
        return days if span.sessions is None else days[-span.sessions :]

    def _span(self, ask: HistoryAsk, now: datetime) -> Span | Refusal:
        if ask.what not in WHATS:
            return _invalid(f"Invalid what to show '{ask.what}'")
        if ask.what == "ADJUSTED_LAST" and ask.end is not None:
            return _invalid("End date not supported with adjusted last")
        count, _, unit = ask.duration.partition(" ")
        if unit not in ("S", *_UNITS) or not _COUNT.fullmatch(count):
            return _invalid(f"Invalid duration '{ask.duration}'")
        number, end = int(count), min(ask.end or now, now)
        end = max(end, _FIRST)
        length = timedelta(seconds=number) if unit == "S" else DAY * _UNITS[unit] * number
        if unit == "D":
            length = length * 2 + DAY * 10  # so many sessions are not so many days
        start = end - min(length, end - _FIRST)
        return Span(start, end, number if unit == "D" else None)

    # -- ticks -------------------------------------------------------------------------------------

    def ticks(
        self,
        traded: Traded,
        start: datetime | None,
        end: datetime | None,
        count: int,
        what: str,
        now: datetime,
    ) -> Sequence[TradeTick | BidAskTick | MidTick] | Refusal:
        """Return one tick a second, from the start on or up to the end; at most 1,000."""
        if what not in ("TRADES", "BID_ASK", "MIDPOINT") or (start is None and end is None):
            return _invalid(f"Invalid historical ticks request '{what}'")
        count = max(1, min(1000, count))
        step = timedelta(seconds=1)
        at = start if start is not None else min(end or now, now)
        at = at.replace(microsecond=0)
        if at.date() <= FLOOR:
            return no_data(traded, what)
        found: list[TradeTick | BidAskTick | MidTick] = []
        for _ in range(4 * 86_400):
            if len(found) >= count or at > now:
                break
            hours = self._hall.current(at)
            if at >= hours.ends:  # nobody trades: skip the night
                following = self._hall.calendar.next_session(hours.day)
                at = hours.ends - step if start is None else self._hall.hours(following).starts
                continue
            found.append(_tick(at, self._market.quote(traded, at), what))
            at = at - step if start is None else at + step
        return found[::-1] if start is None else found

    def histogram(
        self, traded: Traded, period: str, now: datetime, *, use_rth: bool
    ) -> Sequence[tuple[Decimal, Decimal]] | Refusal:
        """Return (price, size) over some days, weeks or months."""
        words = period.split()
        units = {"day": 1, "week": 5, "month": 21}
        unit = words[1].rstrip("s") if len(words) == 2 else ""
        if unit not in units or not _COUNT.fullmatch(words[0]):
            return _invalid(f"Invalid period '{period}'")
        days = min(60, int(words[0]) * units[unit])
        ask = HistoryAsk(
            contract=traded.contract,
            bar_size="30 mins",
            duration=f"{max(1, days)} D",
            use_rth=use_rth,
        )
        bars = self.bars(traded, ask, now)
        if isinstance(bars, Refusal):
            return bars
        found: dict[Decimal, Decimal] = {}
        for bar in bars.bars:
            found[bar.close] = found.get(bar.close, ZERO) + bar.volume
        return sorted(found.items())


def _tick(at: datetime, quote: Quote, what: str) -> TradeTick | BidAskTick | MidTick:
    if what == "BID_ASK":
        bid, ask = quote.bid or ZERO, quote.ask or ZERO
        return BidAskTick(at, bid, ask, quote.bid_size, quote.ask_size)
    if what == "MIDPOINT":
        return MidTick(at, quote.mark)
    return TradeTick(at, quote.last, quote.last_size)


def _invalid(why: str) -> Refusal:
    return Refusal(321, f"Error validating request.-'bN' : cause - {why}")


def _edges(hours: Hours, use_rth: bool) -> tuple[datetime, datetime]:
    return (hours.opens, hours.closes) if use_rth else (hours.starts, hours.ends)


def _shaped(at: datetime, prices: Sequence[Decimal], volume: Decimal | None) -> Bar:
    first, high, low, last = prices
    return Bar(
        at=at,
        open=first,
        high=high,
        low=low,
        close=last,
        volume=Decimal(-1) if volume is None else volume,
        wap=Decimal(-1)
        if volume is None
        else ((first + high + low + last) / 4).quantize(Decimal("0.0001")),
        count=-1 if volume is None else int(volume / 150) + 1,
    )


def _dated(bar: Bar, day: date) -> Bar:
    return Bar(
        at=bar.at,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=bar.volume,
        wap=bar.wap,
        count=bar.count,
        day=day,
    )


def _joined(rows: Sequence[Bar], unit: str) -> list[Bar]:
    """Join days to weeks or months; dated by their last session."""
    groups: dict[tuple[int, int], list[Bar]] = {}
    for row in rows:
        assert row.day is not None, "a daily bar without its day"
        year, week, _ = row.day.isocalendar()
        key = (year, week) if unit == "week" else (row.day.year, row.day.month)
        groups.setdefault(key, []).append(row)
    return [
        Bar(
            at=part[0].at,
            open=part[0].open,
            high=max(row.high for row in part),
            low=min(row.low for row in part),
            close=part[-1].close,
            volume=sum((row.volume for row in part), ZERO),
            wap=part[-1].wap,
            count=sum(row.count for row in part),
            day=part[-1].day,
        )
        for part in groups.values()
    ]

"""Ticks of the broker's data connection as quotes that know their age and their kind. Pure.

The wire says "unknown" as NaN, −1, 0 and 1.797e308, and puts delayed prices into ticks of their
own or into the same ones. A quote that is not both sided, or not of the kind that decides, is no
quote.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from engine.domain.ids import InstrumentId
from engine.domain.market import Feed, Quote
from engine.domain.money import MICRO

_LARGEST = 1e12
_BID, _ASK, _LAST, _CLOSE = "bid", "ask", "last", "close"
_PRICES = {1: _BID, 2: _ASK, 4: _LAST, 9: _CLOSE, 66: _BID, 67: _ASK, 68: _LAST, 75: _CLOSE}
_SIZES = {0: _BID, 3: _ASK, 5: _LAST, 69: _BID, 70: _ASK, 71: _LAST}
_DELAYED = range(66, 84)
_HALTED = 49

_FEEDS = {1: Feed.LIVE, 2: Feed.FROZEN, 3: Feed.DELAYED, 4: Feed.DELAYED}
"""By the kind of data that the broker announces; 4 is delayed and frozen."""


def price(value: float) -> Decimal | None:
    """Return a price in dollars; None where the wire means "unknown"."""
    if not math.isfinite(value) or value <= 0 or value >= _LARGEST:
        return None
    return Decimal(repr(float(value))).quantize(MICRO).normalize() + 0


def size(value: float) -> Decimal | None:
    """Return a size in shares; None where the wire means "unknown"."""
    if not math.isfinite(value) or value < 0 or value >= _LARGEST:
        return None
    return Decimal(repr(float(value))).quantize(MICRO).normalize() + 0


@dataclass(slots=True)
class Tape:
    """The newest of everything that is said about one instrument's price."""

    instrument: InstrumentId
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    close: Decimal | None = None  # of the session before
    sizes: dict[str, Decimal | None] = field(default_factory=dict)
    data_type: int = 1
    has_delayed: bool = False  # a price came in a tick that is for delayed data
    halted: bool = False
    trouble: str = ""  # why nothing of it may be used: the broker's words
    at: datetime | None = None  # newest bid, ask or last
    heard: float | None = None  # monotonic, newest tick of any kind

    def on_price(self, tick: int, value: float, at: datetime) -> None:
        """Take a price tick; an unknown price clears its side."""
        name = _PRICES.get(tick)
        if name is None:
            return
        found = price(value)
        setattr(self, name, found)
        if name is not _CLOSE:
            self.has_delayed = tick in _DELAYED
            self.at = at
            self.trouble = ""

    def on_size(self, tick: int, value: float, at: datetime) -> None:
        """Take a size tick; it says that the side still stands."""
        name = _SIZES.get(tick)
        if name is not None:
            self.sizes[name] = size(value)
            self.at = at

    def on_value(self, tick: int, value: float) -> None:
        """Take a generic tick: 49 says whether trading is halted; −1 is unknown."""
        if tick == _HALTED:
            self.halted = value > 0

    def on_data_type(self, data_type: int) -> None:
        """The kind of data from now on."""
        self.data_type = data_type

    def clear(self) -> None:
        """Forget prices: the stream has ended, what it said has no meaning any more."""
        self.bid = self.ask = self.last = None
        self.at = None
        self.has_delayed = False

    @property
    def feed(self) -> Feed:
        """How real the prices are: by the announcement and by the ticks."""
        return Feed.DELAYED if self.has_delayed else _FEEDS.get(self.data_type, Feed.DELAYED)

    @property
    def quote(self) -> Quote | None:
        """The two-sided quote, None while a side is unknown."""
        if self.bid is None or self.ask is None or self.at is None:
            return None
        return Quote(
            instrument=self.instrument, bid=self.bid, ask=self.ask, at=self.at, feed=self.feed
        )

    def refusal(self, now: datetime, *, allow_delayed: bool, age_max: timedelta) -> str:
        """Say why nothing may be decided from it, empty if it may."""
        if self.trouble:
            return self.trouble
        if self.halted:
            return "trading is halted"
        if self.at is None or self.quote is None:
            return "no two-sided quote"
        if self.feed is not Feed.LIVE and not (allow_delayed and self.feed is Feed.DELAYED):
            return f"the feed is {self.feed.value}"
        if self.bid is not None and self.ask is not None and self.bid > self.ask:
            return f"crossed: bid {self.bid} above ask {self.ask}"
        age = now - self.at
        if age > age_max:
            return f"{age.total_seconds():.0f} s old, {age_max.total_seconds():.0f} s allowed"
        return ""

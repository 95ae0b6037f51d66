"""The prices of an opening or closing auction as quotes, bid = ask.

A quote is made when somebody asks for it: on most sessions nobody trades, and of a price alone
none has to be made.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Literal

from engine.domain.ids import InstrumentId
from engine.domain.market import Bar, Feed, Quote

_PRICES = {"open": attrgetter("open"), "close": attrgetter("close")}


class AuctionQuotes(Mapping[InstrumentId, Quote]):
    """Quotes by instrument, each at its bar's open or close."""

    __slots__ = ("_at", "_bars", "_feeds", "_held_back", "_made", "_price")

    def __init__(
        self,
        bars: Mapping[InstrumentId, Bar],
        which: Literal["open", "close"],
        at: datetime,
        feeds: Mapping[InstrumentId, Feed],
        held_back: Collection[InstrumentId],
    ) -> None:
        """held_back: instruments whose price is not to be believed."""
        self._bars = bars
        self._price = _PRICES[which]
        self._at = at
        self._feeds = feeds
        self._held_back = held_back
        self._made: dict[InstrumentId, Quote] = {}

    def price(self, key: InstrumentId) -> Decimal | None:
        """Return what an instrument costs in the auction; None where it takes no part."""
        bar = self._bars.get(key)
        if bar is None or key in self._held_back:
            return None
        price: Decimal = self._price(bar)
        return price

    def __getitem__(self, key: InstrumentId) -> Quote:
        quote: Quote | None = self.get(key)
        if quote is None:
            raise KeyError(key)
        return quote

    def get(self, key: InstrumentId, default: Any = None) -> Any:
        """Return a quote, or the default."""
        quote = self._made.get(key)
        if quote is None:
            price = self.price(key)
            if price is None:
                return default
            quote = self._made[key] = Quote(
                instrument=key, bid=price, ask=price, at=self._at, feed=self._feeds[key]
            )
        return quote

    def __contains__(self, key: object) -> bool:
        return key in self._bars and key not in self._held_back

    def __iter__(self) -> Iterator[InstrumentId]:
        return (key for key in self._bars if key not in self._held_back)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def mid_of(quotes: Mapping[InstrumentId, Quote], instrument: InstrumentId) -> Decimal | None:
    """Return the middle of an instrument's quote; None without one. Asked a dozen times a slot."""
    if type(quotes) is AuctionQuotes:
        return quotes.price(instrument)
    quote = quotes.get(instrument)
    return None if quote is None else quote.mid

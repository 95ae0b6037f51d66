"""Prices as they were seen: final bars and quotes, always with their feed and their age."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from engine.domain.ids import InstrumentId
from engine.domain.value import value


class Feed(Enum):
    """How real a price is; shown wherever the price is shown."""

    LIVE = "LIVE"
    DELAYED = "DELAYED"
    FROZEN = "FROZEN"
    RECORDED = "RECORDED"
    SYNTHETIC = "SYNTHETIC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One final daily bar, keyed by session date. Prices in dollars per share."""

    instrument: InstrumentId
    session_date: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal  # shares


@value
class Quote:
    """The best bid and ask of one instrument at one instant."""

    instrument: InstrumentId
    bid: Decimal
    ask: Decimal
    at: datetime  # of the source
    feed: Feed

    @property
    def mid(self) -> Decimal:
        """Half-way between bid and ask."""
        return self.bid if self.bid == self.ask else (self.bid + self.ask) / 2


class Adjustment(Enum):
    """Which corporate actions a series has been corrected for."""

    NONE = "none"
    SPLIT = "split"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All final bars of one instrument from one source, ascending, one per session date."""

    instrument: InstrumentId
    bars: tuple[Bar, ...]
    source: str  # provider and place, for people: "CSV ../data/QQQ.csv", "SYNTHETIC seed 7"
    feed: Feed
    adjustment: Adjustment


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFinding:
    """One thing wrong or odd in a series, named so that a person can find it."""

    kind: str  # gap, zero_volume, own_close, underlying, suspected_split, ...
    symbol: str
    session_date: date | None
    text: str  # values and limit
    blocks: bool  # True: nothing may be decided from this session on until it is mended

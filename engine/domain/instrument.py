"""What is traded. Stocks (funds are stocks) today; options have their place from the first day."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum

from engine.domain.ids import InstrumentId


class Right(Enum):
    """Side of an option contract."""

    CALL = "C"
    PUT = "P"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """A share or fund."""

    symbol: str
    currency: str = "USD"
    tick: Decimal | None = Decimal("0.01")  # None: split-adjusted history has no tick
    lot: Decimal = Decimal(1)
    underlying: str | None = None  # a leveraged fund's underlying symbol
    multiple: Decimal = Decimal(1)  # daily multiple of the underlying, e.g. 3 or -1
    con_id: int = 0

    @property
    def id(self) -> InstrumentId:
        """STK:<symbol>:<currency>."""
        return InstrumentId(f"STK:{self.symbol}:{self.currency}")

    @property
    def multiplier(self) -> Decimal:
        """Dollars of value per dollar of price and share: 1."""
        return Decimal(1)

    @property
    def leverage(self) -> Decimal:
        """Absolute daily multiple of the underlying."""
        return abs(self.multiple)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A listed option (vocabulary only: nothing trades it yet)."""

    symbol: str
    expiry: date
    strike: Decimal
    right: Right
    currency: str = "USD"
    tick: Decimal | None = Decimal("0.01")
    lot: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(100)
    con_id: int = 0

    @property
    def id(self) -> InstrumentId:
        """OPT:<symbol>:<yyyymmdd>:<strike>:<C|P>:<currency>."""
        return InstrumentId(
            f"OPT:{self.symbol}:{self.expiry:%Y%m%d}:{self.strike:f}"
            f":{self.right.value}:{self.currency}"
        )


Instrument = Stock | Option


def stock_id(symbol: str, currency: str = "USD") -> InstrumentId:
    """Return the instrument id of a stock symbol."""
    return InstrumentId(f"STK:{symbol}:{currency}")


def symbol_of(instrument_id: InstrumentId) -> str:
    """Return the symbol inside an instrument id."""
    return instrument_id.split(":", 2)[1]

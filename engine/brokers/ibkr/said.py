"""What the broker said, as plain values: one class for each kind of callback.

Numbers are Decimal, and None where the wire had NaN, infinity or the largest double, which
all mean "not set". Nothing here holds an object of the library.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.ids import InstrumentId
from engine.domain.instrument import stock_id
from engine.domain.money import MICRO, text

_UNSET = 1.7976931348623157e308
_LARGEST = 1e15  # beyond it a price or quantity is nonsense, and Decimal would lose its places


def number(value: float | str | None) -> Decimal | None:
    """Return a finite number rounded to 1e-6; None for unset, NaN, infinity and nonsense."""
    try:
        found = float(value) if value not in (None, "") else math.nan
    except ValueError:
        return None
    if not math.isfinite(found) or abs(found) >= _LARGEST or abs(found) >= _UNSET:
        return None
    return Decimal(repr(found)).quantize(MICRO).normalize() + 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractKey:
    """What a callback tells of a contract."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = "STK"
    currency: str = "USD"
    expiry: str = ""
    strike: Decimal | None = None
    right: str = ""

    @property
    def instrument(self) -> InstrumentId:
        """Our id of the instrument; kinds that we do not know keep their contract id."""
        if self.sec_type == "STK":
            return stock_id(self.symbol, self.currency)
        if self.sec_type == "OPT" and self.strike is not None:
            return InstrumentId(
                f"OPT:{self.symbol}:{self.expiry[:8]}:{text(self.strike)}"
                f":{self.right[:1]}:{self.currency}"
            )
        return InstrumentId(f"{self.sec_type}:{self.symbol}:{self.con_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An order as the broker has it."""

    order_id: int  # 0 or negative: not ours
    client_id: int
    perm_id: int
    order_ref: str
    account: str
    contract: ContractKey
    action: str
    quantity: Decimal | None
    type: str
    tif: str
    status: str
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The answer to a what-if: the account after the order, in dollars."""

    order_id: int
    margin: Decimal | None
    margin_change: Decimal | None
    maintenance: Decimal | None
    equity: Decimal | None
    commission: Decimal | None
    warning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatus:
    """Where an order stands."""

    order_id: int
    client_id: int
    perm_id: int
    status: str
    filled: Decimal | None
    remaining: Decimal | None
    average_price: Decimal | None = None
    why_held: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A fill, live or in the answer to a request."""

    request: int  # −1: live
    exec_id: str
    order_id: int
    client_id: int
    perm_id: int
    order_ref: str
    account: str
    contract: ContractKey
    side: str
    quantity: Decimal | None
    price: Decimal | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """What an execution cost."""

    exec_id: str
    commission: Decimal | None
    currency: str = "USD"
    realized: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrder:
    """An order that ended today."""

    perm_id: int
    order_ref: str
    account: str
    contract: ContractKey
    status: str
    filled: Decimal | None
    completed_status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """A message with a code; `id` is an order's, a request's, or −1."""

    id: int
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class NextId:
    """The lowest order id that the gateway will take."""

    next_id: int


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts that this login manages."""

    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What is held of one contract."""

    account: str
    contract: ContractKey
    quantity: Decimal | None
    average_cost: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """A position in the account updates."""

    account: str
    contract: ContractKey
    quantity: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountValue:
    """One number or word of the account."""

    account: str
    key: str
    value: str
    currency: str


@dataclass(frozen=True, slots=True)
class End:
    """An answer is complete: positions, orders, completed, account."""

    kind: str


@dataclass(frozen=True, slots=True)
class ExecutionsEnd:
    """The answer to a request for executions is complete."""

    request: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pnl:
    """Profit and loss of the day."""

    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None


@dataclass(frozen=True, slots=True)
class Time:
    """The broker's clock, whole seconds."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A frame that the library could not decode: nothing of its kind is certain any more."""

    kind: int
    frame: str


Said = (
    OpenOrder
    | Preview
    | OrderStatus
    | Execution
    | Commission
    | CompletedOrder
    | Error
    | NextId
    | Accounts
    | Position
    | Portfolio
    | AccountValue
    | End
    | ExecutionsEnd
    | Pnl
    | Time
    | Lost
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One thing said, with where and when it arrived; `seq` counts within a connection."""

    connection: str
    epoch: int
    seq: int
    at: datetime  # UTC, on arrival
    monotonic: float
    said: Said

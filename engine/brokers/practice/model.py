"""What the practice broker and its gateway say to each other: plain facts, no protocol.

The venue (orders, executions, account, market) knows nothing of sockets or fields; the gateway
knows nothing of matching; `seam` has the calls between them. Money, prices and quantities are
Decimal; None is "unset"; instants are aware UTC datetimes. Greeks and volatilities are floats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

ZERO = Decimal(0)
NOTHING: Mapping[str, str] = {}
ZONE = "US/Eastern"
"""The time zone that the gateway writes."""


# -- contracts ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ComboLeg:
    """One leg of a combination."""

    con_id: int
    ratio: int = 1
    action: str = "BUY"
    exchange: str = "SMART"
    open_close: int = 0
    short_sale_slot: int = 0
    designated_location: str = ""
    exempt_code: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A contract as a client names it, or in full as the universe knows it."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    expiry: str = ""  # YYYYMMDD, YYYYMM in a question
    strike: Decimal = ZERO
    right: str = ""  # C, P, empty
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    include_expired: bool = False
    sec_id_type: str = ""
    sec_id: str = ""
    legs: tuple[ComboLeg, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDetails:
    """Everything that a details request tells about one contract."""

    contract: Contract
    min_tick: Decimal
    market_name: str = ""
    order_types: str = ""  # joined by commas, as on the wire
    valid_exchanges: str = ""  # likewise; market_rule_ids has one id for each
    market_rule_ids: str = ""
    price_magnifier: int = 1
    under_con_id: int = 0
    under_symbol: str = ""
    under_sec_type: str = ""
    long_name: str = ""
    contract_month: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    time_zone_id: str = ZONE
    trading_hours: str = ""
    liquid_hours: str = ""
    ev_rule: str = ""
    ev_multiplier: Decimal = ZERO
    sec_ids: tuple[tuple[str, str], ...] = ()
    agg_group: int = 1
    real_expiration_date: str = ""
    stock_type: str = ""
    min_size: Decimal = Decimal(1)
    size_increment: Decimal = Decimal(1)
    suggested_size_increment: Decimal = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One answer to a search for symbols."""

    contract: Contract
    derivatives: tuple[str, ...]  # OPT, WAR, …
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The options of one underlying at one exchange."""

    exchange: str
    under_con_id: int
    trading_class: str
    multiplier: str
    expirations: tuple[str, ...]  # YYYYMMDD, ascending
    strikes: tuple[Decimal, ...]  # ascending


@dataclass(frozen=True, slots=True)
class MarketRule:
    """Price steps: from each low edge on the increment beside it."""

    rule_id: int
    steps: tuple[tuple[Decimal, Decimal], ...]  # (low edge, increment), ascending


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that cannot be answered: the code and text of the error message."""

    code: int
    text: str


# -- orders ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order as a client sent it. What matters is typed; what is only echoed is in `echo`."""

    client_id: int
    order_id: int
    contract: Contract
    action: str  # BUY, SELL
    quantity: Decimal
    type: str  # MKT, LMT, STP, STP LMT, TRAIL, MOC, LOC
    limit_price: Decimal | None = None
    aux_price: Decimal | None = None  # stop price, or the trail's amount
    tif: str = "DAY"  # DAY, GTC, GTD, IOC, FOK, OPG; empty: DAY
    oca_group: str = ""
    oca_type: int = 0  # 1 cancel with block, 2 and 3 reduce; 0 with a group counts as 3
    account: str = ""
    order_ref: str = ""
    transmit: bool = True
    parent_id: int = 0
    outside_rth: bool = False
    all_or_none: bool = False
    good_after_time: str = ""  # as sent
    good_till_date: str = ""  # as sent
    trail_stop_price: Decimal | None = None
    trailing_percent: Decimal | None = None
    trigger_method: int = 0
    what_if: bool = False
    unsupported: tuple[str, ...] = ()  # features read in full that are refused with 387
    echo: Mapping[str, str] = field(default_factory=dict)  # by the name of the field in 25


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What an order would change; before, change, after of each margin number."""

    init_margin: tuple[Decimal, Decimal, Decimal]
    maint_margin: tuple[Decimal, Decimal, Decimal]
    equity_with_loan: tuple[Decimal, Decimal, Decimal]
    commission: Decimal | None = None
    min_commission: Decimal | None = None
    max_commission: Decimal | None = None
    currency: str = "USD"
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """One broker order at this moment: what openOrder, orderStatus and completedOrder tell."""

    request: OrderRequest  # newest accepted version: contract complete, tif and account filled
    client_id: int  # as shown: 0 for an order that came by hand
    order_id: int  # as shown: 0 or negative for an order that came by hand
    perm_id: int  # 0 in a what-if only
    status: str  # PendingSubmit, PreSubmitted, Submitted, PendingCancel, Cancelled, Filled, …
    filled: Decimal = ZERO
    remaining: Decimal = ZERO
    avg_fill_price: Decimal = ZERO
    last_fill_price: Decimal = ZERO
    parent_id: int = 0
    why_held: str = ""
    stop_price: Decimal | None = None  # where a trailing stop stands now
    what_if: WhatIf | None = None
    completed_at: datetime | None = None
    completed_status: str = ""  # "Filled Size: 100", "Cancelled by Trader", …

    @property
    def is_done(self) -> bool:
        """Say whether nothing can happen to the order any more."""
        return self.status in DONE and not self.why_held


DONE = frozenset({"Filled", "Cancelled", "ApiCancelled", "Inactive"})
"""Statuses that end an order; Inactive with whyHeld is the one that may come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One fill, or with a higher last part of its id a correction of one (shares 0: bust)."""

    exec_id: str
    client_id: int
    order_id: int
    perm_id: int
    contract: Contract
    at: datetime
    account: str
    side: str  # BOT, SLD
    shares: Decimal
    price: Decimal
    cum_qty: Decimal
    avg_price: Decimal
    exchange: str = "SMART"
    order_ref: str = ""
    liquidation: int = 0
    ev_rule: str = ""
    ev_multiplier: Decimal = ZERO
    model_code: str = ""
    last_liquidity: int = 2
    zone: str = ZONE  # to be written behind the time; empty: none (fault `time_zone`)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """What an execution cost, and what it earned if it closed something."""

    exec_id: str
    client_id: int  # owner of the order, for routing
    order_id: int
    commission: Decimal
    currency: str = "USD"
    realized_pnl: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilter:
    """Which executions are asked for; empty means all."""

    client_id: int = 0
    account: str = ""
    since: datetime | None = None
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    side: str = ""  # BUY or BOT, SELL or SLD


# -- account -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AccountValue:
    """One number (or word) of the account, as text."""

    key: str
    value: str
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """What is held of one contract; average cost with commission and multiplier."""

    account: str
    contract: Contract
    position: Decimal
    avg_cost: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioRow:
    """A position with its worth."""

    account: str
    contract: Contract
    position: Decimal
    market_price: Decimal
    market_value: Decimal
    average_cost: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal


# -- market ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TickPrice:
    """A price tick: 1 bid, 2 ask, 4 last, 6 high, 7 low, 9 close, 14 open, 37 mark; 66 … 76."""

    type: int
    price: Decimal | None  # None: unset; −1 and 0 as written by a fault
    size: Decimal = ZERO
    mask: int = 0  # 1 automatic execution, 2 past limit, 4 before the open


@dataclass(frozen=True, slots=True)
class TickSize:
    """A size tick: 0, 3, 5, 8 volume, 21 average volume, 27, 28 open interest; 69 … 74."""

    type: int
    size: Decimal


@dataclass(frozen=True, slots=True)
class TickValue:
    """A generic tick: 49 halted, 24 implied volatility."""

    type: int
    value: float


@dataclass(frozen=True, slots=True)
class TickText:
    """A text tick: 45 time of the last trade, in epoch seconds."""

    type: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionTick:
    """An option computation: 10 bid, 11 ask, 12 last, 13 model, 53 as asked; 80 … 83."""

    type: int
    implied_vol: float | None
    delta: float | None
    price: float | None
    pv_dividend: float | None
    gamma: float | None
    vega: float | None
    theta: float | None
    und_price: float | None
    attrib: int = 0


@dataclass(frozen=True, slots=True)
class DataType:
    """The kind of data from now on: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen."""

    type: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar; `day` is set for daily and longer ones, which are dated by session."""

    at: datetime  # its beginning
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    wap: Decimal
    count: int
    day: date | None = None


@dataclass(frozen=True, slots=True)
class TradeTick:
    """One trade."""

    at: datetime
    price: Decimal
    size: Decimal
    mask: int = 0
    exchange: str = "ISLAND"
    conditions: str = ""


@dataclass(frozen=True, slots=True)
class BidAskTick:
    """One change of bid or ask."""

    at: datetime
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    bid_past_low: bool = False
    ask_past_high: bool = False


@dataclass(frozen=True, slots=True)
class MidTick:
    """One change of the midpoint."""

    at: datetime
    price: Decimal
    size: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Pnl:
    """Profit and loss of the account; position and value with a single contract only."""

    daily: Decimal
    unrealized: Decimal
    realized: Decimal | None
    position: Decimal | None = None
    value: Decimal | None = None


Item = (
    TickPrice
    | TickSize
    | TickValue
    | TickText
    | OptionTick
    | DataType
    | Bar
    | TradeTick
    | BidAskTick
    | MidTick
    | Pnl
)


class Kind(Enum):
    """What a subscription brings."""

    QUOTES = "quotes"
    BARS_5S = "5-s bars"
    KEEP_UP = "keepUpToDate"
    TICKS = "tick by tick"
    PNL = "pnl"
    PNL_SINGLE = "pnl of one contract"


SubKey = tuple[int, int]
"""(client id, request id)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One stream of one client; a known key is replaced."""

    key: SubKey
    kind: Kind
    contract: Contract = field(default_factory=Contract)  # complete (from `qualify`)
    what: str = "TRADES"  # bars: TRADES MIDPOINT BID ASK; ticks: Last AllLast BidAsk MidPoint
    use_rth: bool = False
    bar_size: str = "5 secs"
    generic_ticks: str = ""  # as sent
    data_type: int = 1  # of message 59


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryAsk:
    """A request for history."""

    contract: Contract
    end: datetime | None = None  # None: now
    bar_size: str = "1 day"
    duration: str = "1 D"
    use_rth: bool = True
    what: str = "TRADES"
    client_id: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """The bars of a request, ascending, and the span that was asked for."""

    start: datetime
    end: datetime
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Sessions: (start, end, reference date) each."""

    start: datetime
    end: datetime
    sessions: tuple[tuple[datetime, datetime, date], ...]
    zone: str = ZONE


# -- faults ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One entry of the fault script.

    It fires when its trigger comes true, at most `count` times (0: without end), each time by
    chance `probability`. Without `on`, `at` and `after_ms` it fires at its own natural point.
    """

    name: str
    params: Mapping[str, object] = field(default_factory=dict)
    on: str = ""  # place, ack, fill, cancel, modify, connect, request:N, callback
    nth: int = 1  # the how manieth match of the trigger is the first to fire
    after_ms: int | None = None  # of the venue's clock, from when it was given
    at: str = ""  # HH:MM:SS in New York, each day
    client: int | None = None
    order_ref: str = ""
    symbol: str = ""
    kind: int | None = None  # message id of a callback
    count: int = 1
    probability: float = 1.0
    fault_id: int = 0  # given by the script


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault that fires now, for whom (None: for all)."""

    fault: Fault
    client_id: int | None = None

    def number(self, name: str, default: float) -> float:
        """Return a numeric parameter."""
        value = self.fault.params.get(name)
        return default if value is None else float(str(value))

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter as text."""
        value = self.fault.params.get(name)
        return default if value is None else str(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a yes-or-no parameter: true, 1, yes."""
        value = self.fault.params.get(name)
        return default if value is None else str(value).lower() in {"1", "true", "yes", "on"}

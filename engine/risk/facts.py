"""What the gate is told about the world: plain values, None where something is not known."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from engine.domain.ids import InstrumentId
from engine.domain.money import ONE, ZERO
from engine.domain.session import SessionState, TradingState

Values = Mapping[InstrumentId, Decimal | None]
"""Signed dollars by instrument: positions at reference prices, working orders as if filled.

None: something is held there and has no price. The order that is being checked is not in it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """The world around one order. "Strategy" is the order's own ledger, "book" the account."""

    # -- the run
    mode_agrees: bool | None = None  # account, mode and dry run
    mode: str = ""  # for people: "offline on SIM"
    trading_state: TradingState
    session_state: SessionState
    link_live: bool | None = None  # False in a blackout too
    link: str = ""  # why it is not live: "UPSTREAM_DOWN"
    # -- the instrument
    reconciled: bool | None = None  # instrument and account CLEAN, no connectivity latch
    broker_quantity: Decimal | None = None  # the broker's position
    qualified: bool | None = None  # the broker or the data source knows it
    listed: bool = False  # in the strategy's list
    lot: Decimal = ONE
    tick: Decimal | None = None
    leverage: Decimal = ONE  # of the fund
    hours_open: bool | None = None
    quote_age_s: float | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    last_close: Decimal | None = None
    mean_volume: Decimal | None = None  # of the last 20 sessions
    # -- the strategy
    signal_ordered: bool | None = None  # its signal has an order already
    owned: Decimal | None = None  # shares of this instrument from fills
    working_sells: Decimal = ZERO  # its shares of this instrument in working sells
    opposite_working: Decimal = ZERO  # shares of ours, any strategy, working on the other side
    equity: Decimal | None = None
    capital_share: Decimal = ONE  # of the book's equity
    cash: Decimal | None = None  # confirmed
    reserved_cash: Decimal = ZERO  # by its working buys
    buy_cost: Decimal | None = None  # what a buy takes at worst; None: quantity × reference
    values: Values = field(default_factory=dict)
    entries_today: int | None = None  # filled in this session date
    status: str | None = None  # ACTIVE or anything else
    latches: Collection[str] = ()  # in force for the book or the strategy
    loss_day: Decimal | None = None  # fraction of equity lost since the last snapshot
    drawdown: Decimal | None = None  # fraction below the peak, zero or more
    # -- the book
    book_equity: Decimal | None = None
    book_values: Values = field(default_factory=dict)  # all strategies
    beside: Values = field(default_factory=dict)  # what no strategy owns, others' orders as filled
    account_equity: Decimal | None = None  # of strategies and what is beside them
    leverages: Mapping[InstrumentId, Decimal] = field(default_factory=dict)  # missing: 1
    at_broker: bool = False  # orders go to a real account, which may be one on margin
    has_margin: bool = False  # the broker tells what margin an order would need
    margin_after: Decimal | None = None  # fraction of equity in margin after the order
    orders_minute: int | None = None
    orders_working: int | None = None
    orders_today: int | None = None
    notional_today: Decimal | None = None
    order_usd: Decimal | None = None  # caps in dollars, of mode live; None: none
    day_usd: Decimal | None = None

"""Everything needed to decide, in one value that only `evolve` and `absorb` change.

Two halves. The *ledger* half (orders, positions, cash, plans, latches, states) is the fold of
the journal. The *market* half (quotes, last bars, strategy memories) is the fold of the market
inputs, which a recorded feed can give again. `evolve` never reads the market half, so the two
can be rebuilt one after the other.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol

from engine.domain.alert import AlertState
from engine.domain.auction import mid_of
from engine.domain.ids import (
    AlertId,
    DecisionId,
    ExecId,
    InstrumentId,
    OrderId,
    SignalId,
    StrategyId,
)
from engine.domain.input import BarsClosed
from engine.domain.instrument import Stock
from engine.domain.link import SIMULATED, Link
from engine.domain.market import Bar, DataFinding, Quote
from engine.domain.money import ZERO
from engine.domain.order import WorkingOrder
from engine.domain.position import FLAT, Position
from engine.domain.reconciliation import Difference
from engine.domain.request import Request
from engine.domain.session import SessionContext, SessionState, TradingState, Verdict
from engine.domain.signal import Signal, SignalState
from engine.domain.snapshot import QuietDays, Snapshot
from engine.risk.latches import CONNECTIVITY, Quality
from engine.risk.limits import Limits
from engine.strategy.base import Strategy

NO_QUOTES: Mapping[InstrumentId, Quote] = MappingProxyType({})


REMEMBERED = 6
"""Rows that a latch looks back on: five session dates ago and today."""


@dataclass(slots=True)
class PlanLeg:
    """One leg of a decision on its way to being carried out."""

    signal: Signal
    pass_no: int
    price: Decimal
    order_id: OrderId | None = None
    done: bool = False
    carried: bool = False

    def is_late(self, at: datetime) -> bool:
        """Say whether its signal's time is over."""
        return at > self.signal.expires_at


@dataclass(slots=True)
class Plan:
    """A decision's legs: pass 1 (exits, reductions) before pass 2 (buys)."""

    decision_id: DecisionId
    cell: int | None
    equity: Decimal
    prices: dict[InstrumentId, Decimal]
    legs: list[PlanLeg]

    def open_legs(self, pass_no: int) -> list[PlanLeg]:
        """Return legs of a pass that have not ended."""
        return [leg for leg in self.legs if leg.pass_no == pass_no and not leg.done]

    def leg_of(self, order_id: OrderId) -> PlanLeg | None:
        """Return the leg that an order carries out."""
        return next((leg for leg in self.legs if leg.order_id == order_id), None)

    @property
    def is_done(self) -> bool:
        """Say whether every leg has ended."""
        return all(leg.done for leg in self.legs)


@dataclass(slots=True)
class StrategyBook:
    """One strategy's own ledger and memory."""

    strategy: Strategy
    memory: Any
    capital: Decimal
    share: Decimal  # of the account's equity it may use
    limits: Limits
    cash: Decimal = ZERO
    positions: dict[InstrumentId, Position] = field(default_factory=dict)
    carried: dict[InstrumentId, Decimal] = field(default_factory=dict)  # m
    held_cell: int | None = None
    plan: Plan | None = None
    decided: int = -1  # ordinal of the last session with a stored decision
    last_reading: date | None = None  # last session whose final reading is stored
    status: str = "ACTIVE"  # WARMING n/N, ACTIVE, PAUSED, LATCHED, ERROR
    errors: int = 0  # raised in a row
    broken: str = ""  # why its memory cannot be trusted; it decides nothing more
    equity: Decimal = ZERO  # at the last snapshot
    high_water: Decimal = ZERO
    before_last: Decimal = ZERO  # equity at the snapshot before
    recent_equity: deque[Decimal] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    marked: date | None = None  # newest session date with a row, written or pending
    equity_at_fill: Decimal | None = None
    fees: Decimal = ZERO
    traded: Decimal = ZERO  # Σ |quantity × price| of fills
    closing: list[Decimal] = field(default_factory=list)  # realised P&L of closing fills
    written: list[Sequence[Snapshot]] = field(default_factory=list)  # recorded clock: its rows
    baseline_start: Decimal | None = None  # close of the signal instrument before the range
    entries_today: int = 0
    quality: Quality = field(default_factory=Quality)  # how its orders went

    @property
    def snapshots(self) -> list[Snapshot]:
        """The rows written on a recorded clock, for the result."""
        return [row for rows in self.written for row in rows]

    def position(self, instrument: InstrumentId) -> Position:
        """Return the owned position, flat if there is none."""
        return self.positions.get(instrument, FLAT)


@dataclass(slots=True)
class LatchRow:
    """A latch in force."""

    latch: str
    scope: str
    until: str
    text: str
    session_date: date | None  # on which it was set


BROKEN_LINK = (CONNECTIVITY, "book")
"""Key of the latch from the loss of the link to the next clean reconciliation."""


@dataclass(slots=True)
class Replacing:
    """A new order that waits until the cancel of the old one is confirmed."""

    request: Request
    since: datetime


@dataclass(slots=True)
class AlertRow:
    """An alert that is not resolved."""

    kind: str
    subject: str
    state: AlertState
    last_at: datetime  # when it was raised, the last time
    state_at: datetime


class ExpectedCosts(Protocol):
    """What an order is expected to cost at worst; the exchange charges by the same keys."""

    def expected(
        self, price: Decimal, tick: Decimal | None = None
    ) -> tuple[Decimal, Decimal, Decimal]:
        """Return (s, f, minimum): price fraction lost, dollars a share, dollars an order."""

    def worst_cost(self, quantity: Decimal, price: Decimal, tick: Decimal | None) -> Decimal:
        """Return the most cash that a market buy at this reference price can take."""


@dataclass(slots=True)
class Terms:
    """What a session trades under; fixed when it starts."""

    costs: ExpectedCosts
    minimum: Decimal  # dollars below which no order is made
    entry_ttl_s: int
    limits: Limits  # of the account
    rebuild: Callable[[Strategy, str, str], Strategy]  # with one parameter changed
    share_instruments: bool = False
    close_at_end: bool = False
    reissue_lost: bool = False  # limit orders that never reached the broker are made anew, once
    order_usd: Decimal | None = None  # the most of one entry; mode live has both
    day_usd: Decimal | None = None  # the most ordered on a session date before entries stop


COUNTED = ("decisions", "orders", "fills", "denied", "rejected", "short_history", "sessions")


@dataclass(slots=True)
class State:
    """The engine's whole knowledge."""

    context: SessionContext
    terms: Terms
    instruments: dict[InstrumentId, Stock]
    books: dict[StrategyId, StrategyBook]
    # -- ledger half: fold of the journal
    session_state: SessionState = SessionState.CREATED
    end_as: SessionState | None = None
    end_reason: str = ""
    trading_state: TradingState = TradingState.ACTIVE
    trading_reason: str = ""
    trading_actor: str = ""
    orders: dict[OrderId, WorkingOrder] = field(default_factory=dict)
    working: dict[OrderId, WorkingOrder] = field(default_factory=dict)  # the live ones
    signals: dict[SignalId, SignalState] = field(default_factory=dict)
    order_of_signal: dict[SignalId, OrderId] = field(default_factory=dict)
    execs: dict[str, ExecId] = field(default_factory=dict)  # root → newest revision
    fills: dict[ExecId, Any] = field(default_factory=dict)  # those a correction could replace
    fills_of: dict[OrderId, int] = field(default_factory=dict)
    commissions: dict[ExecId, Decimal] = field(default_factory=dict)  # that came before their fill
    latches: dict[tuple[str, str], LatchRow] = field(default_factory=dict)
    alerts: dict[AlertId, AlertRow] = field(default_factory=dict)  # that are not resolved
    day_ended_at: datetime | None = None  # the newest daily reconciliation
    link: Link = SIMULATED
    link_at: datetime | None = None  # since when it is as it is
    next_order_id: int = 1  # the broker's number for our next order; never goes back
    baseline: dict[InstrumentId, Decimal] | None = None  # the account's own at the book's start
    baseline_cash: Decimal = ZERO
    verdict: Verdict = Verdict.UNKNOWN
    blocked: set[str] = field(default_factory=set)  # items that differ from the broker
    accepted: dict[str, str] = field(default_factory=dict)  # item → the gap a person accepted
    differences: dict[str, Difference] = field(default_factory=dict)  # of the last answer
    doubtful: dict[str, tuple[str, datetime]] = field(default_factory=dict)  # item → gap, since
    waiting: set[str] = field(default_factory=set)  # doubtful ones that hold entries meanwhile
    compared: tuple[Verdict, tuple[Difference, ...], tuple[str, ...]] | None = None  # last time
    compared_at: datetime | None = None  # since when comparisons say what the last one said
    requests: set[str] = field(default_factory=set)
    replacing: dict[OrderId, Replacing] = field(default_factory=dict)  # by the old order
    flatten: str | None = None  # request id of a flatten under way
    flatten_actor: str = ""
    jobs: set[tuple[str, date]] = field(default_factory=set)
    order_times: deque[datetime] = field(default_factory=deque)  # of the last minute
    orders_today: int = 0
    notional_today: Decimal = ZERO
    active_since_reconciliation: bool = False
    today: date | None = None  # session date of the day counters
    known_book: bool = False  # capital has been booked
    funded: set[StrategyId] = field(default_factory=set)  # for these
    journal_failed: bool = False
    seq: int = 0
    written_at: datetime | None = None  # of the newest event
    fills_digest: Any = None
    decisions_digest: Any = None
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    results: dict[str, int] = field(default_factory=dict)  # decisions by their result
    latches_fired: list[tuple[date, str, str]] = field(default_factory=list)
    # -- market half: fold of the market inputs
    at: datetime | None = None
    session_date: date | None = None
    ordinal: int = -1
    closes_at: datetime | None = None
    quotes: Mapping[InstrumentId, Quote] = field(
        default_factory=lambda: NO_QUOTES
    )  # of the open session
    quotes_at: datetime | None = None
    bars: dict[InstrumentId, Bar] = field(default_factory=dict)  # last final bar of each
    history: list[BarsClosed] = field(default_factory=list)
    pending: list[Snapshot] | QuietDays = field(default_factory=list)  # rows not written yet
    findings: dict[str, DataFinding] = field(default_factory=dict)  # blocking, by symbol


def price_of(state: State, instrument: InstrumentId) -> Decimal | None:
    """Return the newest price of this very instrument: today's quote, else the last close.

    None if there is neither; never another instrument's price, nor a close that has a session
    after it from which this instrument is missing.
    """
    price = mid_of(state.quotes, instrument)
    if price is not None:
        return price
    bar = state.bars.get(instrument)
    if bar is None or bar.session_date != state.history[-1].session_date:
        return None
    return bar.close


def last_equity(state: State, book: StrategyBook) -> Decimal:
    """Return the equity of a strategy's newest row, written or not."""
    quiet = state.pending
    return quiet.equities[-1] if type(quiet) is QuietDays else book.equity


def equity_of(state: State, book: StrategyBook) -> Decimal | None:
    """Return cash + Σ shares × price of one strategy; None if a held price is unknown."""
    total = book.cash
    for instrument, position in book.positions.items():
        if position.quantity:
            price = price_of(state, instrument)
            if price is None:
                return None
            total += position.quantity * price
    return total


def cost_of(state: State, instrument: InstrumentId) -> Decimal:
    """Return what our strategies' shares have cost, fees included."""
    return sum((book.position(instrument).cost for book in state.books.values()), ZERO)


def is_at_stake(state: State, instrument: InstrumentId) -> bool:
    """Say whether shares or a working order depend on an instrument's price."""
    if any(row.order.instrument == instrument for row in state.working.values()):
        return True
    return any(book.position(instrument).quantity for book in state.books.values())


def left_open(state: State) -> tuple[str, ...]:
    """Return what a person has to look at after a session: what is not confirmed or not equal."""
    return (
        *(f"order {row.order.order_ref} is {row.status.value}" for row in state.working.values()),
        *(f"{item} differs from the broker's" for item in sorted(state.blocked)),
    )


def initial(
    context: SessionContext,
    terms: Terms,
    instruments: dict[InstrumentId, Stock],
    books: dict[StrategyId, StrategyBook],
) -> State:
    """Return the state before the first event of a book."""
    return State(context=context, terms=terms, instruments=instruments, books=books)


def shares_of(state: State, instrument: InstrumentId) -> Decimal:
    """Return all shares the account should hold: our strategies' and what was there before."""
    total = (state.baseline or {}).get(instrument, ZERO)
    for book in state.books.values():
        total += book.position(instrument).quantity
    return total

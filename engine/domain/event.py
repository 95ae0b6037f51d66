"""Every fact that is journaled. The kind of an event is its class name.

An event carries no envelope: instant, causation, session and hash belong to the journal row.
Money is Decimal, analytics are float. What an
event is about says `engine.domain.subject`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from engine.domain.alert import Alert, AlertState
from engine.domain.decision import GateVerdict, PlannedLeg, SeriesFacts, Step
from engine.domain.fill import Fill
from engine.domain.ids import (
    AlertId,
    DecisionId,
    ExecId,
    InstrumentId,
    OrderId,
    RequestId,
    SignalId,
    StrategyId,
)
from engine.domain.link import Link
from engine.domain.order import Order
from engine.domain.order_event import (
    CancelRequested as CancelRequested,
)
from engine.domain.order_event import (
    ChangeRefused as ChangeRefused,
)
from engine.domain.order_event import (
    ChangeRequested as ChangeRequested,
)
from engine.domain.order_event import (
    OrderAccepted as OrderAccepted,
)
from engine.domain.order_event import (
    OrderApproved as OrderApproved,
)
from engine.domain.order_event import (
    OrderCanceled as OrderCanceled,
)
from engine.domain.order_event import (
    OrderChanged as OrderChanged,
)
from engine.domain.order_event import (
    OrderDryRun as OrderDryRun,
)
from engine.domain.order_event import (
    OrderExpired as OrderExpired,
)
from engine.domain.order_event import (
    OrderFilled as OrderFilled,
)
from engine.domain.order_event import (
    OrderHeld as OrderHeld,
)
from engine.domain.order_event import (
    OrderPartiallyFilled as OrderPartiallyFilled,
)
from engine.domain.order_event import (
    OrderPendingCancel as OrderPendingCancel,
)
from engine.domain.order_event import (
    OrderPreviewed as OrderPreviewed,
)
from engine.domain.order_event import (
    OrderRejected as OrderRejected,
)
from engine.domain.order_event import (
    OrderStatusChanged as OrderStatusChanged,
)
from engine.domain.order_event import (
    OrderSubmitted as OrderSubmitted,
)
from engine.domain.order_event import (
    OrderUnknown as OrderUnknown,
)
from engine.domain.order_event import (
    SendClosed as SendClosed,
)
from engine.domain.order_event import (
    SendStarted as SendStarted,
)
from engine.domain.position import Position
from engine.domain.reconciliation import Difference
from engine.domain.regime import RegimeReading
from engine.domain.report import Report
from engine.domain.request import Request
from engine.domain.risk import Check
from engine.domain.session import JobOutcome, SessionContext, SessionState, TradingState, Verdict
from engine.domain.signal import Signal
from engine.domain.snapshot import QuietDays, Snapshot
from engine.domain.value import value


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCreated:
    """A run began; nothing is written before it."""

    context: SessionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStateChanged:
    """A session moved; `decisions_hash` and `fills_hash` are set when it ended by itself."""

    before: SessionState
    after: SessionState
    reason: str
    actor: str
    decisions_hash: str | None = None
    fills_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyStateChanged:
    """WARMING n/N, ACTIVE, PAUSED, LATCHED, ERROR."""

    strategy: StrategyId
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterChanged:
    """A person changed a parameter; it takes effect at the next decision."""

    strategy: StrategyId
    key: str
    old: str
    new: str
    parameter_hash: str  # after the change
    actor: str
    reason: str


# -- inputs, as received -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReceived:
    """A broker report."""

    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReceived:
    """An operator request."""

    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAnswered:
    """What became of an operator request: done, refused, expired."""

    request_id: RequestId
    result: str
    text: str
    preview: str = ""  # JSON of engine.core.manual, where a ticket was asked about


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementEnded:
    """What became of a request to replace an order, once its cancel was answered.

    DONE: the new order went out. Else why it did not: FILLED, WORKS_ON, DENIED, REFUSED, EXPIRED,
    DROPPED, DRY_RUN.
    """

    request_id: RequestId
    order_id: OrderId  # the old one
    outcome: str
    text: str


# -- decision ------------------------------------------------------------------------------


@value
class RegimeRead:
    """The reading of one session date: by the decision step, or final after the close."""

    strategy: StrategyId
    reading: RegimeReading
    days_in_cell: int
    parameter_hash: str


@value
class DecisionMade:
    """What a strategy decided at a slot, with or without orders, and all that it knew."""

    decision_id: DecisionId
    strategy: StrategyId
    parameter_hash: str
    preset: str
    session_date: date
    slot: str
    fill_rule: str
    result: str  # rebalance, no_trade, enter, exit, or the reason code of a hold
    text: str  # one sentence: "cell 3 → 1", "warming up 180/221"
    reading_date: date | None
    cell: int | None
    held_cell: int | None
    series: tuple[SeriesFacts, ...]
    gates: tuple[GateVerdict, ...]
    steps: tuple[Step, ...]
    carried: Mapping[str, Decimal]  # m, by symbol
    targets: Mapping[str, Decimal]  # weights wanted, by symbol
    deviation: Decimal | None  # Σ |m - target|
    drift: Decimal | None  # Σ |actual - target|
    threshold: Decimal | None
    prices: Mapping[str, Decimal]  # reference prices by symbol
    equity: Decimal  # of the strategy, at those prices
    cash: Decimal
    legs: tuple[PlannedLeg, ...]
    late_s: float | None = None  # how late after the slot was due, wall clock only


# -- signal --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRaised:
    """A new signal was accepted for execution."""

    signal: Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRejected:
    """A signal that cannot be acted upon; it is a row too."""

    signal: Signal
    reason: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDuplicated:
    """The same signal came again; the first one counts."""

    signal_id: SignalId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalExpired:
    """A signal's time to live ran out."""

    signal_id: SignalId
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDone:
    """A signal has nothing left to do: filled, no_change, below_minimum, denied, incomplete."""

    signal_id: SignalId
    strategy: StrategyId
    instrument: InstrumentId
    outcome: str  # filled no_change below_minimum denied rejected canceled expired dry_run
    target_weight: Decimal | None
    carried: bool  # True: the target was carried out and moves the strategy's memory m


# -- risk ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskChecked:
    """All checks of one order, whatever their outcome."""

    order_id: OrderId
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDenied:
    """Our gate said no; nothing was sent."""

    order: Order
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LatchSet:
    """A limit was breached; entries of the scope stop until it is released."""

    latch: str  # loss_day loss_severe drawdown quality connectivity
    scope: str  # "book" or a strategy id
    until: str  # "next_open", "person", or an instant
    text: str
    session_date: date | None = None  # on which it was set


@dataclass(frozen=True, slots=True, kw_only=True)
class LatchReleased:
    """A latch was released by itself or by a person."""

    latch: str
    scope: str
    by: str


# -- fill ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FillReceived:
    """One execution, booked once."""

    fill: Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class FillCorrected:
    """An execution was replaced by a later revision."""

    old_exec_id: ExecId
    fill: Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class FillUnmatched:
    """An execution of an order that is not ours; unowned."""

    exec_id: ExecId
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionBooked:
    """A commission that came after its fill."""

    exec_id: ExecId
    order_id: OrderId
    commission: Decimal


# -- ledger --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChanged:
    """Quantity, cost and realised P&L of one owner and instrument."""

    strategy: StrategyId | None
    instrument: InstrumentId
    before: Position
    after: Position
    realized: Decimal  # by this change


@dataclass(frozen=True, slots=True, kw_only=True)
class CashChanged:
    """Cash of one strategy; only ledger entries change it."""

    strategy: StrategyId
    before: Decimal
    after: Decimal
    reason: str  # capital, fill, commission, correction


@value
class SnapshotTaken:
    """Final rows of one or more session dates, ascending. The journal may join neighbors."""

    rows: tuple[Snapshot, ...] | QuietDays


# -- reconciliation ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationDone:
    """One comparison with the broker."""

    run_id: str
    trigger: str
    verdict: Verdict
    matched: int
    differences: tuple[Difference, ...]
    text: str
    doubtful: tuple[str, ...] = ()  # items that count once a second answer has confirmed them


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineAdopted:
    """What the account held when its book began: owned by no strategy, shown, never traded."""

    positions: Mapping[str, Decimal]  # signed shares by instrument id
    cash: Decimal  # dollars beyond the strategies' capital, may be negative


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceAccepted:
    """A person settled a difference."""

    item: str
    actor: str
    reason: str


# -- world ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DataGapFound:
    """Market data that failed a quality gate."""

    gate: str
    symbol: str
    session_date: date | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged:
    """The connection to the broker moved."""

    before: Link
    after: Link


# -- control -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingStateChanged:
    """ACTIVE, REDUCING, HALTED: one state per book."""

    before: TradingState
    after: TradingState
    reason: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised:
    """A condition appeared, or appeared again."""

    alert: Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStateChanged:
    """Acknowledged, snoozed, resolved."""

    alert_id: AlertId
    state: AlertState
    actor: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted:
    """A job was claimed."""

    job: str
    session_date: date
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded:
    """A job ended; once per book, job and session date."""

    job: str
    session_date: date
    due_at: datetime
    outcome: JobOutcome
    detail: str


Event = (
    SessionCreated
    | SessionStateChanged
    | StrategyStateChanged
    | ParameterChanged
    | ReportReceived
    | RequestReceived
    | RequestAnswered
    | ReplacementEnded
    | RegimeRead
    | DecisionMade
    | SignalRaised
    | SignalRejected
    | SignalDuplicated
    | SignalExpired
    | SignalDone
    | RiskChecked
    | OrderDenied
    | LatchSet
    | LatchReleased
    | OrderApproved
    | OrderDryRun
    | OrderPreviewed
    | SendStarted
    | SendClosed
    | OrderSubmitted
    | OrderAccepted
    | OrderPartiallyFilled
    | OrderFilled
    | OrderCanceled
    | OrderExpired
    | OrderRejected
    | OrderUnknown
    | OrderPendingCancel
    | OrderHeld
    | CancelRequested
    | ChangeRequested
    | OrderChanged
    | ChangeRefused
    | FillReceived
    | FillCorrected
    | FillUnmatched
    | CommissionBooked
    | PositionChanged
    | CashChanged
    | SnapshotTaken
    | ReconciliationDone
    | BaselineAdopted
    | DifferenceAccepted
    | DataGapFound
    | LinkChanged
    | TradingStateChanged
    | AlertRaised
    | AlertStateChanged
    | JobStarted
    | JobEnded
)

ORDER_MOVES = (
    OrderSubmitted,
    OrderAccepted,
    OrderPartiallyFilled,
    OrderFilled,
    OrderCanceled,
    OrderExpired,
    OrderRejected,
    OrderUnknown,
    OrderPendingCancel,
)
"""The moves of an order's status."""

"""Sessions, modes and states; the texts are those of product.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from engine.domain.ids import Book, SessionId, StrategyId


class Mode(Enum):
    """What kind of run this is."""

    BACKTEST = "backtest"
    OFFLINE = "offline"
    PAPER = "paper"
    LIVE = "live"


class SessionState(Enum):
    """Where a session stands."""

    CREATED = "CREATED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"


SESSION_ENDS = frozenset(
    {
        SessionState.STOPPED,
        SessionState.COMPLETED,
        SessionState.FAILED,
        SessionState.INTERRUPTED,
    }
)

_S = SessionState
_OPEN_ENDS = {_S.STOPPING, _S.FAILED, _S.INTERRUPTED}

SESSION_TRANSITIONS: dict[SessionState, frozenset[SessionState]] = {
    _S.CREATED: frozenset({_S.STARTING, *_OPEN_ENDS}),
    _S.STARTING: frozenset({_S.RUNNING, *_OPEN_ENDS}),
    _S.RUNNING: frozenset({_S.PAUSED, *_OPEN_ENDS}),
    _S.PAUSED: frozenset({_S.RUNNING, *_OPEN_ENDS}),
    _S.STOPPING: frozenset({_S.STOPPED, _S.COMPLETED, _S.FAILED, _S.INTERRUPTED}),
    _S.STOPPED: frozenset(),
    _S.COMPLETED: frozenset(),
    _S.FAILED: frozenset(),
    _S.INTERRUPTED: frozenset(),
}


class TradingState(Enum):
    """What may be sent."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class FillRule(Enum):
    """Where a daily-bar simulation fills; stands next to every figure."""

    NEXT_OPEN = "next_open"
    NEXT_CLOSE = "next_close"
    SAME_CLOSE = "same_close"


class Slot(Enum):
    """The moment a strategy may act."""

    OPEN = "open"
    AFTER_OPEN_15 = "15min_after_open"
    BEFORE_CLOSE_15 = "15min_before_close"
    BEFORE_CLOSE_5 = "5min_before_close"
    CLOSE = "close"


class JobOutcome(Enum):
    """How a job ended."""

    DONE = "DONE"
    LATE = "LATE"
    FAILED = "FAILED"
    MISSED = "MISSED"
    SKIPPED = "SKIPPED"


class Verdict(Enum):
    """What a reconciliation found."""

    CLEAN = "CLEAN"
    DIFFERENCES = "DIFFERENCES"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyInfo:
    """One strategy of a session, as stored with it."""

    strategy: StrategyId
    preset: str  # "default", "default+2"
    parameter_hash: str
    parameters: Mapping[str, str]
    cash: Decimal  # dollars it started the book with


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionContext:
    """Everything a session is, frozen when it is created and given to constructors."""

    session_id: SessionId
    parent_session_id: SessionId | None
    book: Book
    mode: Mode
    dry_run: bool
    account: str  # "SIM" on the simulated exchange
    strategies: tuple[StrategyInfo, ...]
    capital: Decimal
    fill_rule: FillRule
    costs: Mapping[str, str]  # key → value in force, as printed beside results
    seed: int
    calendar: str
    pace: str
    recorded_clock: bool
    source: str  # data source for people, "SYNTHETIC seed 7" or "CSV ../data"
    feed: str
    data_hash: str  # of the bars, so that a continued session trades the same data
    data_from: date | None
    data_to: date | None
    config_hash: str
    config: Mapping[str, str]  # effective settings, secrets masked
    origins: Mapping[str, str]  # key → where its value came from
    build: str
    started_at: datetime  # wall clock
    pid: int
    host: str

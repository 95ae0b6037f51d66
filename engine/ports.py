"""What the engine needs from the outside, as Protocols. Adapters implement them structurally."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, Protocol

from engine.domain.event import Event
from engine.domain.ids import Book, InstrumentId, OrderId, SessionId
from engine.domain.input import Input
from engine.domain.instrument import Stock
from engine.domain.market import DataFinding, Quote, Series
from engine.domain.order import Order
from engine.domain.request import Request
from engine.domain.session import SessionContext
from engine.domain.unit import Entry as Entry
from engine.domain.unit import Unit as Unit

# -- journal -------------------------------------------------------------------------------


class Recorded(NamedTuple):
    """One journaled event, read back."""

    seq: int
    session_id: SessionId
    at: datetime
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How the way to a broker is; None where nothing was heard."""

    round_trip_ms: float | None = None  # of the newest question for the broker's clock
    clock_offset_s: float | None = None  # local time minus the broker's
    asked_s: float | None = None  # seconds since that question's answer
    tries: int = 0  # attempts since the link was up; 0 while it is
    farms: Mapping[str, str] = field(default_factory=dict)  # by name: OK, BROKEN, IDLE
    quotes_broken: str = ""  # why no quote can be believed


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The engine's pulse: a row of latest values, overwritten at most once a second."""

    session_id: SessionId
    wall_at: datetime
    clock_at: datetime | None  # session clock
    session_date: date | None
    state: str
    trading_state: str
    pace: str
    tick_gap_ms: float  # since the last beat, the longest that the loop was held up for a turn
    reports_waiting: int
    commit_p99_ms: float | None  # None: there was none yet
    next_slot: str  # "open 2026-11-20T14:30:00.000000Z", "" when none
    note: str = ""  # what it is waiting for
    compared_at: datetime | None = None  # session clock, when the broker's account last was
    inputs_done: int = 0
    inputs_total: int = 0  # 0: unknown
    loop_lag_ms: float | None = None  # the latest that it woke up after its time; None: never slept
    reach: Reach | None = None  # None: no broker
    hours: str = ""  # "close 2026-11-20T21:00:00.000000Z" while open, "open …" while shut
    since: Mapping[str, datetime] = field(default_factory=dict)  # wall; an item is as it is since


class Journal(Protocol):
    """The one writer. Sequence numbers are given by put() and are gapless."""

    def put(self, unit: Unit) -> int:
        """Queue a unit for the next commit; return the seq of its first event."""

    async def commit(self) -> None:
        """Write everything queued in one transaction; on return it is written.

        Raises JournalError if it cannot; nothing of a failed unit is stored.
        """

    @property
    def waiting(self) -> int:
        """Units queued and not committed."""

    def replay(self, book: Book) -> Iterator[Recorded]:
        """Yield every event of a book, all its sessions, in order of seq."""

    def cursor(self, book: Book) -> int:
        """Return the last committed cursor of a book, 0 if there is none."""

    async def put_latest(self, beat: Heartbeat, quotes: Sequence[Quote]) -> None:
        """Overwrite the engine's latest rows; not journaled."""


# -- operator requests ---------------------------------------------------------------------


class RequestBox(Protocol):
    """The small file in which screens and commands leave their wishes."""

    def changed(self) -> bool:
        """Say cheaply whether something may be new since take(); True if it cannot be read."""

    def take(self) -> list[Request]:
        """Return the unread requests, oldest first. Raises JournalError if unreadable."""

    def answer(self, request_id: str, result: str, text: str) -> None:
        """Mark a request as taken with what became of it: DONE, REFUSED, EXPIRED."""


# -- broker --------------------------------------------------------------------------------


class ReportSink(Protocol):
    """Where a broker leaves what it has to say: the report lane of the inbox."""

    def __call__(self, given: Input) -> None: ...


class Broker(Protocol):
    """The only door to an exchange. Calls return at once; answers come as reports."""

    def submit(self, order: Order, broker_order_id: int) -> None:
        """Send an order. An exception means: not certainly sent."""

    def preview(self, order: Order) -> None:
        """Ask what an order would do to the account; nothing may work because of it."""

    def cancel(self, order_id: OrderId) -> None:
        """Ask for a cancel."""

    def change(self, order: Order) -> None:
        """Ask for a change of a working order into this; the answer is what is shown then."""

    def look_up(self, order_id: OrderId) -> None:
        """Find out what became of an order by its reference."""

    def read_account(self, trigger: str) -> None:
        """Ask for positions, cash and open orders."""


# -- market --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketHistory:
    """What a source gave: instruments, their series, and what was odd about them."""

    instruments: Mapping[InstrumentId, Stock]
    series: Mapping[InstrumentId, Series]
    findings: tuple[DataFinding, ...]
    source: str  # for people: "SYNTHETIC seed 7", "CSV ../shared/data/market"
    data_hash: str  # SHA-256 over all bars, first 16 hex digits


class Calendar(Protocol):
    """Sessions of an exchange. Instants are UTC."""

    name: str
    zone: str  # IANA name of the exchange's time zone, for people

    def sessions(self, first: date, last: date) -> Sequence[date]:
        """Return the session dates from first to last, both included, ascending."""

    def is_session(self, day: date) -> bool:
        """Say whether the exchange opens that day; SettingsError beyond the known range."""

    def ordinal(self, day: date) -> int:
        """Return the number of a session date: neighbours differ by one, for ever the same."""

    def opens_at(self, day: date) -> datetime:
        """Return the opening instant of a session date."""

    def closes_at(self, day: date) -> datetime:
        """Return the closing instant of a session date; earlier on half days."""

    def next_session(self, after: date) -> date:
        """Return the first session date after a day."""

    def previous_session(self, before: date) -> date:
        """Return the last session date before a day."""

    def session_of(self, at: datetime) -> date | None:
        """Return the session date whose open..close contains the instant."""


# -- clock and ids -------------------------------------------------------------------------


class Clock(Protocol):
    """Wall time and monotonic time; the session's clock is the runtime's business."""

    def wall(self) -> datetime:
        """Return the UTC wall time."""

    def monotonic(self) -> float:
        """Return seconds that never step."""


class IdSource(Protocol):
    """Randomness for ids that do not derive from facts: sessions and requests."""

    def bits(self, n: int) -> int:
        """Return n random bits."""


class SessionStore(Protocol):
    """What the runtime asks of storage before a journal exists."""

    def last_context(self, book_prefix: str) -> SessionContext | None:
        """Return the newest session's context whose book starts with the prefix."""

    def interrupted(self) -> Iterable[SessionContext]:
        """Return contexts of sessions without an end, newest first (their process has died)."""

"""Everything that can arrive. Bars, reports, timers and requests enter the same inbox.

`at` is the session's clock: recorded in a simulation, wall time otherwise. `ordinal` numbers
the calendar's sessions one by one, so that a missing session shows as a gap in the count.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from engine.domain.alert import Severity
from engine.domain.ids import InstrumentId
from engine.domain.link import Link
from engine.domain.market import Bar, DataFinding, Quote
from engine.domain.report import Report
from engine.domain.request import Request
from engine.domain.session import Slot


@dataclass(slots=True)
class QuotesSeen:
    """Opening prices of a session date (bid = ask = open), or live quotes."""

    at: datetime
    session_date: date
    ordinal: int
    quotes: Mapping[InstrumentId, Quote]
    auction: bool = True  # an opening or closing auction: orders of this instant take part
    findings: tuple[DataFinding, ...] = ()  # why an instrument that traded has no quote here


@dataclass(slots=True)
class BarsClosed:
    """The final bars of one session date, those that passed the quality gates."""

    at: datetime
    session_date: date
    ordinal: int
    bars: dict[InstrumentId, Bar]
    findings: tuple[DataFinding, ...] = ()


@dataclass(slots=True)
class SlotDue:
    """A strategy may act now."""

    at: datetime
    due_at: datetime
    slot: Slot
    session_date: date
    ordinal: int
    closes_at: datetime  # of this session


CLOSE_OUT = "close_out"
"""The job at the last close of recorded data where `sim.at_end = close`."""


@dataclass(slots=True)
class JobDue:
    """A stored job is due: snapshot, final, reconcile, backup, close_out."""

    at: datetime
    due_at: datetime
    job: str
    session_date: date


@dataclass(slots=True)
class JobFinished:
    """A job that ran outside the core (backup) has ended."""

    at: datetime
    job: str
    session_date: date
    ok: bool
    detail: str


@dataclass(slots=True)
class Reported:
    """A broker report, as received."""

    at: datetime
    report: Report


@dataclass(slots=True)
class LinkSeen:
    """The connection to the broker is in another state than before."""

    at: datetime
    link: Link


@dataclass(slots=True)
class Requested:
    """An operator request, read from the request file."""

    at: datetime
    request: Request


@dataclass(slots=True)
class Started:
    """The runtime is ready: database checked, broker connected, journal folded."""

    at: datetime


@dataclass(slots=True)
class DataEnded:
    """Recorded data is at its end."""

    at: datetime


@dataclass(slots=True)
class Fault:
    """Something outside the core failed: journal, writer, task, broken invariant."""

    at: datetime
    kind: str
    text: str
    halt: bool
    severity: Severity = Severity.CRITICAL
    reduce: bool = False  # no entries until a person allows them again
    over: bool = False  # it has ended: what was raised for it is resolved


@dataclass(slots=True)
class Tick:
    """Time passed; expiries and time-outs are looked at."""

    at: datetime
    give_up: bool = False  # a session that stops has waited long enough for confirmations


Input = (
    QuotesSeen
    | BarsClosed
    | SlotDue
    | JobDue
    | JobFinished
    | Reported
    | LinkSeen
    | Requested
    | Started
    | DataEnded
    | Fault
    | Tick
)

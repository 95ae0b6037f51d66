"""Every wish of the core. The router carries them out after their cause is written."""

from dataclasses import dataclass
from datetime import date

from engine.domain.ids import OrderId
from engine.domain.order import Order
from engine.domain.session import SessionState


@dataclass(frozen=True, slots=True)
class SubmitOrder:
    """Send this order; its SendStarted is committed."""

    order: Order
    broker_order_id: int = 0  # the address that SendStarted wrote down


@dataclass(frozen=True, slots=True)
class PreviewOrder:
    """Ask the broker what an order of a dry run would do; it is not sent to work."""

    order: Order


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Ask the broker to cancel."""

    order_id: OrderId


@dataclass(frozen=True, slots=True)
class ChangeOrder:
    """Ask the broker to change a working order; its ChangeRequested is committed."""

    order: Order  # as it is wanted


@dataclass(frozen=True, slots=True)
class LookUpOrder:
    """Find out what became of an order by its reference."""

    order_id: OrderId


@dataclass(frozen=True, slots=True)
class ReadAccount:
    """Ask for positions, cash and open orders; the answer comes back as AccountRead."""

    trigger: str


@dataclass(frozen=True, slots=True)
class RunJob:
    """Run a job that lives outside the core: backup."""

    job: str
    session_date: date


@dataclass(frozen=True, slots=True)
class SetPace:
    """Change the pace of a recorded clock: max, realtime, N/s, pause, step."""

    pace: str


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Come back with a Tick once this unit is written: something waits for its effects."""


@dataclass(frozen=True, slots=True)
class EndSession:
    """Everything is written and settled: leave the loop."""

    state: SessionState


Command = (
    SubmitOrder
    | PreviewOrder
    | CancelOrder
    | ChangeOrder
    | LookUpOrder
    | ReadAccount
    | RunJob
    | SetPace
    | LookAgain
    | EndSession
)

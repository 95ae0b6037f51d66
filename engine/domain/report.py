"""What a broker says, already in our words. Order and duplication of reports must not matter."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.ids import ExecId, OrderId
from engine.domain.order import Order
from engine.domain.reconciliation import AnswerFailed, BrokerAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The order was put on the wire."""

    order_id: OrderId
    perm_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The broker works the order."""

    order_id: OrderId
    perm_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """One execution. A correction has the same root id and a higher revision."""

    order_id: OrderId
    exec_id: ExecId
    quantity: Decimal
    price: Decimal
    commission: Decimal | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionReported:
    """The commission of an execution, later and on its own."""

    exec_id: ExecId
    commission: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Canceled:
    """The broker confirms that nothing more will happen."""

    order_id: OrderId
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRefused:
    """The cancel did not take; the order works on."""

    order_id: OrderId
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The broker holds a living order back, as while shares are located; or works it again."""

    order_id: OrderId
    held: bool
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The broker shows the order as the last change wanted it, perhaps after it seemed refused."""

    order_id: OrderId
    order: Order | None = None  # as it is then; None: as the change that is under way wants it


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRefused:
    """The change did not take; the order works on as it was."""

    order_id: OrderId
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The order's time in force is over."""

    order_id: OrderId
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The broker said no."""

    order_id: OrderId
    code: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """A last check before the call said no: certainly nothing left. It may be sent anew."""

    order_id: OrderId
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFailed:
    """The call did not return an answer: perhaps sent, perhaps not."""

    order_id: OrderId
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """Every answered look-up of the broker proves that it never had this order."""

    order_id: OrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """What an order would do to the account, as the broker says; nothing works because of it.

    Dollars of the account after the order; None where the broker does not say.
    """

    order_id: OrderId
    margin: Decimal | None = None  # initial
    margin_change: Decimal | None = None
    maintenance: Decimal | None = None
    equity: Decimal | None = None  # with loan value
    commission: Decimal | None = None
    text: str = ""  # the broker's warning, or why there is no answer


TIMER, AGAIN = "timer", "again"
QUIET = frozenset({TIMER, AGAIN})
"""Triggers of account reads that nobody asked for: in time, and a second look at a difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRead:
    """The answer to a request for positions, cash and open orders."""

    answer: BrokerAccount | AnswerFailed
    trigger: str  # start, daily, request, reconnect, continue; of a timer: timer, again


Report = (
    Submitted
    | Accepted
    | Executed
    | CommissionReported
    | Canceled
    | CancelRefused
    | Held
    | Changed
    | ChangeRefused
    | Expired
    | Rejected
    | NotSent
    | SendFailed
    | NotFound
    | Previewed
    | AccountRead
)

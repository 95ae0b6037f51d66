"""What is known of one of our orders at the broker, and what the translator may ask for."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from engine.brokers.ibkr.infer import Executions, shares_of
from engine.domain import report as rp
from engine.domain.alert import Severity
from engine.domain.fill import INFERRED
from engine.domain.ids import OrderId
from engine.domain.money import ZERO
from engine.domain.order import Order

CANCELED = frozenset({"Cancelled", "ApiCancelled"})
"""Raw statuses of an order that the broker has canceled."""

OVER = CANCELED | {"Filled"}
"""Raw statuses after which a broker order never works again."""


@dataclass(frozen=True, slots=True)
class AskOrder:
    """Find out about an order: open, completed and executed, by its reference."""

    order_id: OrderId
    why: str


@dataclass(frozen=True, slots=True)
class AskCancel:
    """Cancel what works at the broker of an order that has ended here."""

    order_id: OrderId


@dataclass(frozen=True, slots=True)
class AskCost:
    """Find out by the position's cost at what price an order has filled."""

    order_id: OrderId


@dataclass(frozen=True, slots=True)
class AskExecutions:
    """Ask for today's executions."""

    why: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person must know; `halt` stops all sending, `reduce` all entries."""

    kind: str
    text: str
    halt: bool = False
    reduce: bool = False
    severity: Severity = Severity.CRITICAL


Wish = AskOrder | AskCancel | AskCost | AskExecutions | Alarm
Out = rp.Report | Wish


@dataclass(slots=True)
class Trace:
    """What is known of one of our orders at the broker."""

    order: Order
    sent_at: datetime | None = None  # by this process
    address: int = 0  # broker order id in this epoch; 0: none
    last_address: int = 0  # in an earlier epoch
    next_id_then: int | None = None  # the gateway's next id at the first connection after the send
    incarnations: dict[int, str] = field(default_factory=dict)  # permId → raw status, "" unseen
    places: dict[int, int] = field(default_factory=dict)  # permId → address in this epoch
    was_heard: bool = False  # any sign of life, ever
    signs: int = 0  # how many
    executions: Executions = field(default_factory=dict)
    filled: Decimal = ZERO  # the most that a status said
    finals: dict[int, Decimal] = field(default_factory=dict)  # permId → all that it had filled
    average: Decimal | None = None  # its price over all that it filled, as the status said
    gap_at: datetime | None = None  # since when it has filled more than its executions show
    is_canceling: bool = False
    refusal: str = ""  # of a cancel or change, until the order shows itself
    wanted: Order | None = None  # as the newest change wanted it
    is_changing: bool = False  # nothing has settled that change
    is_settling: bool = False  # the next that is shown settles it
    verdict: tuple[int, str] | None = None  # a code that rejects together with a status
    canceled_text: str = ""
    status: str = ""  # last raw one; an end is never undone within an epoch
    was_inactive: bool = False
    is_held: bool = False
    told_held: bool = False  # the last that was said of it
    is_done: bool = False  # an end was reported, or our own row has ended
    is_past: bool = False  # and nothing that is heard now was said before that
    touched_at: datetime | None = None

    @property
    def executed(self) -> Decimal:
        """Σ shares of the newest revision of each execution."""
        return shares_of(self.executions)

    @property
    def is_whole(self) -> bool:
        """Say whether nothing is left to fill; after a change the broker knows of how many."""
        if self.wanted is None or self.wanted.quantity == self.order.quantity:
            return self.executed >= self.order.quantity
        if self.final is not None:
            return self.executed >= self.final
        return self.executed >= max(self.order.quantity, self.wanted.quantity)

    @property
    def living_addresses(self) -> list[int]:
        """Where to send a cancel: every incarnation's address that may live; often one."""
        found = {
            self.places[perm]
            for perm, status in self.incarnations.items()
            if perm in self.places and status not in OVER
        }
        return sorted(found) or ([self.address] if self.address else [])

    @property
    def has_gap(self) -> bool:
        """Say whether the broker filled more than its executions show.

        Not once one was corrected: what a status counts as filled may have been taken back.
        """
        return self.filled > self.executed and not self.is_corrected

    @property
    def is_corrected(self) -> bool:
        """Say whether an execution of the broker's has a later revision."""
        return any(
            not exec_id.startswith(INFERRED) and exec_id.rpartition(".")[2] not in ("01", "")
            for exec_id, _, _ in self.executions.values()
        )

    @property
    def final(self) -> Decimal | None:
        """How many it has filled in the end, as the broker says; None while one of it may work."""
        if not self.finals or set(self.incarnations.values()) - OVER:
            return None
        return max(self.filled, sum(self.finals.values(), ZERO))

    @property
    def is_cut_short(self) -> bool:
        """Say whether the broker has filled all that it had of the order, and that is not all.

        Shares may have been taken back, or its order was of fewer: changed by a change that was
        given up, or by hand.
        """
        if self.final is None or self.executed >= self.order.quantity:
            return False
        return self.executed >= self.final or self.is_corrected

    def count(
        self, status: str, perm_id: int, filled: Decimal | None, average: Decimal | None = None
    ) -> None:
        """Take how many a status says are filled; an openOrder does not say it."""
        if filled is None:
            return
        if status == "Filled" and perm_id:
            self.finals[perm_id] = max(filled, self.finals.get(perm_id, ZERO))
        most = max(filled, sum(self.finals.values(), ZERO))
        if most > self.filled:
            self.filled, self.average = most, average if most == filled else None

"""The broker of a dry run: it sends nothing, whatever it is asked."""

from collections.abc import Callable
from datetime import datetime

from engine.domain.ids import OrderId
from engine.domain.input import Reported
from engine.domain.order import Order
from engine.domain.reconciliation import BrokerAccount
from engine.domain.report import AccountRead, NotFound
from engine.errors import BrokerError
from engine.ports import ReportSink


class DryRunBroker:
    """Broker port that refuses orders and shows our own ledger as the account."""

    def __init__(
        self,
        ledger: Callable[[], BrokerAccount],
        sink: ReportSink,
        now: Callable[[], datetime],
    ) -> None:
        """Answer account questions from `ledger`, stamped with the session's clock `now`."""
        self._ledger = ledger
        self._sink = sink
        self._now = now

    def submit(self, order: Order, broker_order_id: int) -> None:
        """Refuse: the gate ends orders of a dry run as DRY_RUN, none may come this far."""
        raise BrokerError(f"dry run: order {order.order_ref} was not sent")

    def preview(self, order: Order) -> None:
        """Say nothing: its costs are those of the settings, and it knows no margin."""

    def cancel(self, order_id: OrderId) -> None:
        """Refuse: nothing of ours works."""
        raise BrokerError(f"dry run: no cancel was sent for order {order_id}")

    def look_up(self, order_id: OrderId) -> None:
        """Answer that it was never sent."""
        self._sink(Reported(self._now(), NotFound(order_id=order_id)))

    def change(self, order: Order) -> None:
        """Refuse a change."""
        raise BrokerError(f"dry run: no change was sent for order {order.order_id}")

    def read_account(self, trigger: str) -> None:
        """Answer with our own ledger."""
        self._sink(Reported(self._now(), AccountRead(answer=self._ledger(), trigger=trigger)))

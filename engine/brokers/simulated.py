"""The broker over the simulated exchange: its answers are inputs like those of a real one."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from engine.domain.ids import OrderId
from engine.domain.input import BarsClosed, Input, QuotesSeen, Reported
from engine.domain.order import Order
from engine.domain.report import AccountRead, ChangeRefused, Report
from engine.exchange.book import SimulatedExchange
from engine.ports import ReportSink


class SimulatedBroker:
    """Broker port over one simulated account."""

    def __init__(
        self, exchange: SimulatedExchange, sink: ReportSink, now: Callable[[], datetime]
    ) -> None:
        """Answer into `sink`, stamped with the session's clock `now`."""
        self._exchange = exchange
        self._sink = sink
        self._now = now
        self.answered_at: datetime | None = None  # the newest question that had an answer

    def submit(self, order: Order, broker_order_id: int) -> None:
        """Send an order; what came of it at once is in the sink on return."""
        del broker_order_id  # one account, one connection: the order's own id is address enough
        at = self._now()
        self._tell(self._exchange.submit(order, at), at)

    def preview(self, order: Order) -> None:
        """Say nothing: its costs are those of the settings, and it knows no margin."""

    def cancel(self, order_id: OrderId) -> None:
        """Cancel what still works."""
        at = self._now()
        self._tell(self._exchange.cancel(order_id, at), at)

    def look_up(self, order_id: OrderId) -> None:
        """Say again all that was said about an order, or that it never came."""
        self._tell(self._exchange.look_up(order_id), self._now())

    def change(self, order: Order) -> None:
        """Refuse a change."""
        text = "the simulated exchange changes no order: cancel it and make a new one"
        self._tell([ChangeRefused(order_id=order.order_id, text=text)], self._now())

    def read_account(self, trigger: str) -> None:
        """Answer with the exchange's own account."""
        self.answered_at = self._now()
        self._tell(
            [AccountRead(answer=self._exchange.account(), trigger=trigger)], self.answered_at
        )

    def on_market(self, given: Input) -> None:
        """Match with what the market did, before the core sees it: fills precede their bar.

        A unit caused by these reports carries the cursor without this input, so that after a
        kill the input is fed, and matched, again.
        """
        kind = type(given)
        if kind is BarsClosed:
            said = self._exchange.on_bars(given)  # type: ignore[arg-type]
        elif kind is QuotesSeen:
            said = self._exchange.on_quotes(given)  # type: ignore[arg-type]
        else:
            return
        if said:
            self._tell(said, given.at)

    def resume(self, withheld: Collection[OrderId] = ()) -> None:
        """Give the reports that a kill has kept from being written; see the exchange."""
        self._tell(self._exchange.resume(withheld), self._now())

    def _tell(self, said: Iterable[Report], at: datetime) -> None:
        for report in said:
            self._sink(Reported(at, report))

"""The real core with one book and orders that have been sent: what reports do to it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from engine.core.decide import decide
from engine.core.evolve import evolve
from engine.core.state import State, StrategyBook, Terms, initial
from engine.domain import event as ev
from engine.domain import report as rp
from engine.domain.command import Command
from engine.domain.ids import Book, SessionId
from engine.domain.input import Input, Reported
from engine.domain.instrument import Stock
from engine.domain.order import Order, WorkingOrder
from engine.domain.session import FillRule, Mode, SessionContext, SessionState
from engine.risk.limits import Limits
from tests.engine.desk import FREE, ROOMY, script
from tests.engine.ibkr.wire import QQQ

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
D = Decimal


def _context() -> SessionContext:
    return SessionContext(
        session_id=SessionId("paper-20261120T120000Z-00000001"),
        parent_session_id=None,
        book=Book("paper:DU0000001"),
        mode=Mode.PAPER,
        dry_run=False,
        account="DU0000001",
        strategies=(),
        capital=D(100_000),
        fill_rule=FillRule.NEXT_OPEN,
        costs={},
        seed=7,
        calendar="always",
        pace="realtime",
        recorded_clock=False,
        source="a test",
        feed="LIVE",
        data_hash="",
        data_from=None,
        data_to=date(2026, 11, 20),
        config_hash="0" * 16,
        config={},
        origins={},
        build="test",
        started_at=AT,
        pid=1,
        host="test",
    )


class Core:
    """decide and evolve, with every command noted and none carried out."""

    def __init__(self, **terms_changed: Any) -> None:
        strategy = script("2026-11-20,QQQ,ENTER,BUY,10,,,,,")  # QQQ is in its list
        self.strategy = strategy.id
        book = StrategyBook(strategy, strategy.memory(), D(100_000), D(1), _limits(strategy))
        terms = Terms(
            costs=FREE,
            limits=Limits(),
            rebuild=lambda one, key, value: one,
            minimum=D(100),
            entry_ttl_s=600,
            **terms_changed,
        )
        self.state: State = initial(
            _context(), terms, {QQQ: Stock(symbol="QQQ")}, {strategy.id: book}
        )
        self.commands: list[Command] = []
        self.answers: dict[str, tuple[str, str]] = {}  # of requests
        self._evolve(ev.SessionCreated(context=self.state.context))
        self._evolve(
            ev.CashChanged(strategy=strategy.id, before=D(0), after=D(100_000), reason="capital")
        )
        self.state.session_state = SessionState.RUNNING

    def _evolve(self, event: Any) -> None:
        evolve(self.state, event, self.state.seq + 1, AT)

    def send(self, order: Order, broker_order_id: int) -> None:
        """Approve an order and write that its sending started."""
        self._evolve(ev.OrderApproved(order=order))
        self._evolve(
            ev.SendStarted(
                order_id=order.order_id, attempt=1, link_epoch=1, broker_order_id=broker_order_id
            )
        )

    def take(self, given: Input) -> None:
        """Take an input as the loop does."""
        entries, commands, _ = decide(self.state, given)
        for entry in entries:
            self._evolve(entry.event)
            if isinstance(entry.event, ev.RequestAnswered):
                self.answers[entry.event.request_id] = (entry.event.result, entry.event.text)
        self.commands += commands

    def report(self, report: rp.Report) -> None:
        """Take a report."""
        self.take(Reported(AT, report))

    def row(self, order: Order) -> WorkingOrder:
        """The order as the ledger has it."""
        return self.state.orders[order.order_id]

    @property
    def book(self) -> StrategyBook:
        """The one book."""
        return self.state.books[self.strategy]

    def summary(self) -> tuple[Any, ...]:
        """All that money depends on; equal however reports were ordered or repeated."""
        orders = sorted(
            (key, row.status.value, row.filled, row.filled_value)
            for key, row in self.state.orders.items()
        )
        fills = sorted(
            (key, fill.quantity, fill.price, fill.commission)
            for key, fill in self.state.fills.items()
        )
        positions = sorted(
            (key, one.quantity, one.cost - one.realized) for key, one in self.book.positions.items()
        )
        return orders, fills, sorted(self.state.execs.items()), positions, self.book.cash


def _limits(strategy: Any) -> Limits:
    from engine.risk.limits import merge

    return merge(Limits(), strategy.limits, ROOMY)

"""Brokers of the simulation: the near one of recorded runs, and a far one with a life of its own.

The near broker is the engine's own; its exchange dies with the process and is rebuilt from the
journal. The far one stands for a real broker: it outlives kills, its answers are late, doubled,
out of order or lost, a send may fail before or after it has reached it. What it did is the truth
that the ledger is compared with.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from zlib import crc32

from engine.core.state import State
from engine.domain.ids import OrderId
from engine.domain.input import BarsClosed, Input, QuotesSeen, Reported
from engine.domain.instrument import stock_id
from engine.domain.money import ZERO
from engine.domain.order import Order, OrderStatus
from engine.domain.reconciliation import AnswerFailed, BrokerAccount
from engine.domain.report import (
    AccountRead,
    CommissionReported,
    Executed,
    Rejected,
    Report,
    Submitted,
)
from engine.domain.request import RequestKind
from engine.domain.session import SessionState, TradingState
from engine.errors import BrokerError
from engine.exchange.book import SimulatedExchange
from engine.ports import Broker
from tests.simulation.fault import Killer
from tests.simulation.request import MemoryBox
from tests.simulation.setup import NOW

_FOREIGN = stock_id("SPY")
_EXITS_RUN = (SessionState.RUNNING, SessionState.PAUSED, SessionState.STOPPING)


class Door:
    """Stands before either broker: looks at every send, and the process may die around it."""

    def __init__(
        self,
        inner: Broker,
        killer: Killer,
        box: MemoryBox,
        sent: Counter[str],
        state: State,
        is_on_file: Callable[[], bool],
    ) -> None:
        self._inner = inner
        self._killer = killer
        self._box = box
        self._sent = sent
        self._state = state
        self._is_on_file = is_on_file

    def submit(self, order: Order, broker_order_id: int) -> None:
        """Check what must hold at a send, then send."""
        self._killer.point("before send")
        if getattr(self._inner, "is_live", True):  # else it says so, and nothing goes out
            self._look_at(order)
        self._inner.submit(order, broker_order_id)
        self._killer.point("after send")

    def _look_at(self, order: Order) -> None:
        state = self._state
        self._sent[order.order_ref] += 1
        assert self._sent[order.order_ref] == 1, f"{order.order_ref} is sent again (I1)"
        assert self._is_on_file(), f"{order.order_ref} goes out before it is written"
        row = state.orders[order.order_id]
        assert row.sent, f"{order.order_ref} goes out before SendStarted"
        assert not row.canceling, f"{order.order_ref} goes out after its cancel was asked"
        assert row.status is OrderStatus.APPROVED, f"{order.order_ref} is {row.status}"
        for other in state.working.values():
            crosses = other.order.instrument == order.instrument and other.sent
            assert not crosses or other.order.side is order.side, "crosses an order of our own"
        assert state.trading_state is not TradingState.HALTED, "sent while HALTED (I6)"
        if not order.is_exit:
            assert state.trading_state is TradingState.ACTIVE, "entry sent while REDUCING (I6)"
        running = state.session_state in _EXITS_RUN if order.is_exit else (
            state.session_state is SessionState.RUNNING
        )  # fmt: skip
        assert running, f"sent while {state.session_state} (I6)"
        waiting = {request.kind for request in self._box.unread()}
        assert RequestKind.HALT not in waiting, "sent although a halt has returned (I6)"

    def cancel(self, order_id: OrderId) -> None:
        """Cancel."""
        self._killer.point("before cancel")
        self._inner.cancel(order_id)
        self._killer.point("after cancel")

    def look_up(self, order_id: OrderId) -> None:
        """Look up."""
        self._inner.look_up(order_id)

    def preview(self, order: Order) -> None:
        """Say nothing: its costs are those of the settings, and it knows no margin."""

    def change(self, order: Order) -> None:
        """Check what must hold at a change, then ask for it."""
        self._killer.point("before change")
        row = self._state.orders[order.order_id]
        assert row.changing == order, f"{order.order_ref} is changed before ChangeRequested"
        assert row.sent, f"{order.order_ref} is changed and was never sent"
        assert self._state.trading_state is not TradingState.HALTED, "changed while HALTED (I6)"
        waiting = {request.kind for request in self._box.unread()}
        assert RequestKind.HALT not in waiting, "changed although a halt has returned (I6)"
        self._inner.change(order)
        self._killer.point("after change")

    def read_account(self, trigger: str) -> None:
        """Read the account."""
        self._killer.point("before read")
        self._inner.read_account(trigger)


class FarBroker:
    """A broker over an exchange that outlives the engine; implements engine.ports.Broker."""

    def __init__(self, exchange: SimulatedExchange, rng: random.Random) -> None:
        self.exchange = exchange
        self.executed: dict[str, Executed] = {}  # the true history
        self.calm = False  # the last life: no more faults, so that all comes to rest
        self._rng = rng
        self._seen = 0  # market inputs; a feed given again must not match twice
        self._queue: list[tuple[int, Report]] = []
        self._turn = 0
        self._refused: dict[OrderId, list[Report]] = {}
        self._put: Callable[[Input], None] = lambda given: None
        self._now: Callable[[], datetime] = lambda: NOW

    def connect(self, put: Callable[[Input], None], now: Callable[[], datetime]) -> None:
        """Take a new engine's inbox; what was on the wire is lost with the old one."""
        self._put, self._now, self._queue = put, now, []

    # -- the port ----------------------------------------------------------------------------

    def submit(self, order: Order, broker_order_id: int) -> None:
        """Send: it may fail before it arrives, or arrive and look as if it had failed."""
        del broker_order_id
        luck = 1.0 if self.calm else self._rng.random()
        if luck < 0.04:
            raise BrokerError("the link broke before the order was out")
        if luck < 0.08:
            refusal: list[Report] = [
                Submitted(order_id=order.order_id),
                Rejected(order_id=order.order_id, code=201, text="not today"),
            ]
            self._refused[order.order_id] = refusal
            self._tell(refusal)
            return
        said = self._true(self.exchange.submit(order, self._now()))
        if luck < 0.12:
            raise BrokerError("no answer: it was out, its reports are lost")
        self._tell(said)
        if luck < 0.16:
            raise BrokerError("no answer in time: its reports are on their way")

    def cancel(self, order_id: OrderId) -> None:
        """Cancel: likewise."""
        luck = 1.0 if self.calm else self._rng.random()
        if luck < 0.05:
            raise BrokerError("the cancel was not sent")
        said = self._true(self.exchange.cancel(order_id, self._now()))
        self._tell(said)
        if luck < 0.1:
            raise BrokerError("no answer to the cancel")

    def look_up(self, order_id: OrderId) -> None:
        """Say all there is to say about an order, or that it never came."""
        if order_id in self._refused:
            self._tell(self._refused[order_id])
        else:
            self._tell(self.exchange.look_up(order_id))

    def preview(self, order: Order) -> None:
        """Say nothing: its costs are those of the settings, and it knows no margin."""

    def change(self, order: Order) -> None:
        """Refuse a change: this broker has none."""
        raise NotImplementedError

    def read_account(self, trigger: str) -> None:
        """Answer with what is true at this moment, later; or with nothing."""
        luck = 1.0 if self.calm else self._rng.random()
        if luck < 0.05:
            raise BrokerError("no connection")
        if luck < 0.1:
            failed = AnswerFailed(query="positions", reason="cut off")
            self._tell([AccountRead(answer=failed, trigger=trigger)])
            return
        answer = self.exchange.account()
        if luck < 0.15:  # somebody trades by hand, for a while
            answer.positions[_FOREIGN] = answer.positions.get(_FOREIGN, ZERO) + 7
        self._tell([AccountRead(answer=answer, trigger=trigger)])

    def on_market(self, given: QuotesSeen | BarsClosed, number: int) -> None:
        """Let the market happen, once, whatever the engine is fed again."""
        if number <= self._seen:
            return
        self._seen = number
        if isinstance(given, QuotesSeen):
            self._tell(self._true(self.exchange.on_quotes(given)))
        else:
            self._tell(self._true(self.exchange.on_bars(given)))

    def resume(self, state: State) -> None:
        """Tell a new engine what became of every order it knows, as an adapter does at a start."""
        for row in state.orders.values():
            if row.sent:
                self.look_up(row.order.order_id)

    def account(self) -> BrokerAccount:
        """What is true at this moment."""
        return self.exchange.account()

    # -- the wire ----------------------------------------------------------------------------

    def _true(self, said: Sequence[Report]) -> Sequence[Report]:
        for report in said:
            if isinstance(report, Executed):
                assert report.exec_id not in self.executed, "the exchange fills twice"
                self.executed[report.exec_id] = report
        return said

    def _tell(self, said: Sequence[Report]) -> None:
        for report in self._parted(said):
            if self.calm:
                self._put(Reported(self._now(), report))
                continue
            delay = self._rng.choice((0, 0, 1, 2, 5, 40))
            self._queue.append((self._turn + delay, report))
            if self._rng.random() < 0.15:
                self._queue.append((self._turn + delay + self._rng.randrange(30), report))

    def _parted(self, said: Sequence[Report]) -> Iterator[Report]:
        """Let some commissions travel on their own."""
        for report in said:
            if isinstance(report, Executed) and crc32(report.exec_id.encode()) % 2:
                yield replace(report, commission=None)
                assert report.commission is not None
                yield CommissionReported(exec_id=report.exec_id, commission=report.commission)
            else:
                yield report

    def turn(self) -> None:
        """Deliver what is due, in any order."""
        self._turn += 1
        due = [report for at, report in self._queue if at <= self._turn]
        if due:
            self._queue = [(at, report) for at, report in self._queue if at > self._turn]
            if self._rng.random() < 0.3:
                self._rng.shuffle(due)
            for report in due:
                self._put(Reported(self._now(), report))

    @property
    def is_quiet(self) -> bool:
        """Say whether nothing is on the wire."""
        return not self._queue

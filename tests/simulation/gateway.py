"""The fault model of Interactive Brokers, told through the real translator.

The exchange behind it outlives kills. What it does is put into the broker's words (openOrder,
orderStatus, executions, commissions, codes), which travel over a line that breaks, falls silent,
loses executions and commissions, repeats itself and says ends that are none; the adapter's
translator makes reports of what arrives. Look-ups, polls, repeated cancels and the comparison
after a new connection are as in the adapter, without its sockets and seconds. What was done is
the truth that the ledger is compared with; corrections and busts change it afterwards.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from engine.brokers.ibkr import said
from engine.brokers.ibkr.said import ContractKey, Heard, Said
from engine.brokers.ibkr.trace import Alarm, AskCancel, AskCost, AskExecutions, AskOrder, Trace
from engine.brokers.ibkr.translate import Translator
from engine.core.state import State
from engine.domain import report as rp
from engine.domain.ids import ExecId, InstrumentId, OrderId
from engine.domain.input import BarsClosed, Fault, Input, LinkSeen, QuotesSeen, Reported
from engine.domain.instrument import symbol_of
from engine.domain.link import Link, LinkState
from engine.domain.money import ZERO
from engine.domain.order import Order
from engine.domain.reconciliation import AnswerFailed, BrokerAccount, BrokerOrder
from engine.domain.report import Executed, Report
from engine.errors import BrokerError
from engine.exchange.book import SimulatedExchange
from tests.simulation import changes, corrections
from tests.simulation.changes import Placed
from tests.simulation.setup import ACCOUNT, NOW

_CLIENT = 17
_NOTES = (10349, 399, 2109, 161, 10147, 10148, 104, 105, 201, 2102)
"""Codes about an order that lives on."""


class GatewayBroker:
    """Implements engine.ports.Broker."""

    def __init__(
        self, exchange: SimulatedExchange, rng: random.Random, twins: random.Random | None = None
    ) -> None:
        """`twins`: some changes leave two orders, by this luck."""
        self.exchange, self.twins = exchange, twins
        self.executed: dict[str, Executed] = {}  # the true history, newest revisions
        self.busted: set[InstrumentId] = set()
        self.calm = False
        self.is_reading = False
        self._rng = rng
        self._seen = 0
        self._turn = 0
        self._placed: dict[OrderId, Placed] = {}
        self._fees: dict[str, Decimal] = {}  # by execId
        self._of: dict[str, OrderId] = {}  # execId → whose
        self._lost: set[OrderId] = set()  # sent, and never arrived
        self._expired: set[OrderId] = set()
        self._extra: dict[InstrumentId, Decimal] = {}  # corrections: shares beside the exchange's
        self._extra_cash = ZERO
        self._manual = 0  # reads for which somebody's hand shows
        self._reads = 0
        self._perm = 1_000
        self._epoch = 0
        self._put: Callable[[Input], None] = lambda given: None
        self._now: Callable[[], datetime] = lambda: NOW
        self._begin(False)

    def _begin(self, live: bool) -> None:
        self._live, self._back_at, self._silent_until = live, 0, 0
        self._is_upstream_lost = False
        self._wire: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        self._told: set[tuple[str, str]] = set()

    def connect(self, put: Callable[[Input], None], now: Callable[[], datetime]) -> None:
        """Take a new engine's inbox; what was on the wire is lost with the old one."""
        self._put = lambda given: None  # nobody hears of them
        self._late_orders()
        self._put, self._now = put, now
        self.is_reading = False
        self._begin(False)
        self._translator = Translator(ACCOUNT, _CLIENT, is_over=self._is_over)

    def _is_over(self, order: Order, at: datetime) -> bool:
        del at
        return order.order_id in self._expired

    def resume(self, state: State) -> None:
        """Connect for a new engine, as before its loop begins."""
        self._translator.restore(state.orders.values(), state.fills.values())
        self._connect()

    @property
    def is_live(self) -> bool:
        """Say whether an order would be put on the wire."""
        return self._live

    def account(self) -> BrokerAccount:
        """What is true at this moment."""
        answer = self.exchange.account()
        shares = dict(answer.positions)
        for key, more in self._extra.items():
            shares[key] = shares.get(key, ZERO) + more
        return BrokerAccount(
            positions={key: quantity for key, quantity in shares.items() if quantity},
            cash=answer.cash + self._extra_cash,
            orders=answer.orders,
        )

    # -- the port ----------------------------------------------------------------------------

    def submit(self, order: Order, broker_order_id: int) -> None:
        """Put an order on the wire; it may not arrive, or late, and the call may fail."""
        if not self._live:
            self._report(rp.NotSent(order_id=order.order_id, text="LINK_DOWN"))
            return
        self._translator.sent(order, broker_order_id, self._now())
        luck = self._luck()
        if luck < 0.05:
            self._lost.add(order.order_id)
        elif luck < 0.08:
            self._lost.add(order.order_id)  # until it arrives
            self._later(
                self._rng.randrange(1, 12), lambda: self._arrive(order, broker_order_id), keep=True
            )
        else:
            self._arrive(order, broker_order_id)
        if luck < 0.03 or 0.08 <= luck < 0.11:
            raise BrokerError("the link was lost in the call")
        self._report(rp.Submitted(order_id=order.order_id))

    def _arrive(self, order: Order, broker_order_id: int) -> None:
        if order.order_id in self._placed:
            return
        self._lost.discard(order.order_id)
        self._perm += 1
        self._placed[order.order_id] = Placed(order, self._perm, broker_order_id, self._epoch)
        self._happen(self.exchange.submit(order, self._now()))

    def cancel(self, order_id: OrderId) -> None:
        """Ask for a cancel; without a link, or without an address, it waits."""
        if order_id not in self._translator.traces:
            raise BrokerError(f"{order_id} is not known here")
        self._translator.canceling(order_id)
        if self._live:
            self._send_cancel(order_id)

    def _send_cancel(self, order_id: OrderId) -> None:
        found, luck = changes.all_of(self, order_id), self._luck()
        placed = next((one for one in found if one.is_open), found[-1] if found else None)
        if placed is None:
            self.look_up(order_id)
        elif luck < 0.1:
            return  # lost on its way
        elif luck < 0.2:
            self._say(self._error(placed, self._rng.choice((161, 10147, 10148))))
        else:
            self._happen(self.exchange.cancel(placed.order.order_id, self._now()))

    def preview(self, order: Order) -> None:
        """Say nothing: its costs are those of the settings, and it knows no margin."""

    def change(self, order: Order) -> None:
        """Put a change on the wire; it may not arrive, or late, and the call may fail."""
        trace = self._translator.traces.get(order.order_id)
        if trace is None:
            raise BrokerError(f"{order.order_id} is not known here")
        if not self._live or not trace.address:
            self._report(rp.ChangeRefused(order_id=order.order_id, text="nothing was sent"))
            return
        self._translator.changing(order)
        luck = self._luck()
        if 0.06 <= luck < 0.2:
            self._later(self._rng.randrange(1, 40), lambda: changes.take(self, order), keep=True)
        elif luck >= 0.2:
            changes.take(self, order)
        if luck < 0.03 or 0.15 <= luck < 0.24:
            raise BrokerError("the link was lost in the call")

    def look_up(self, order_id: OrderId) -> None:
        """Ask all three lists for an order, and conclude what the answers allow."""
        trace = self._translator.traces.get(order_id)
        if trace is None:
            raise BrokerError(f"{order_id} is not known here")
        if self._live:
            self._later(self._delay(), lambda: self._look(trace))

    def _look(self, trace: Trace) -> None:
        order_id, before = trace.order.order_id, trace.signs
        if self._luck() < 0.05:
            self.look_up(order_id)  # a query failed: again
            return
        found = changes.all_of(self, order_id)
        for placed in found:
            self._hear(*self._whole(placed))
        if trace.signs != before or trace.is_done:
            self._looked(trace)
            return
        if not found and not self._is_under_way:
            self._translator.closed(order_id)
            self._report(rp.NotFound(order_id=order_id))
            return
        self._report(rp.SendFailed(order_id=order_id, text="not among the orders"))
        self._later(12, lambda: self._look(trace))

    def _looked(self, trace: Trace) -> None:
        for out in self._translator.looked(trace.order.order_id, self._now()):
            self._carry_out(out)

    @property
    def _is_under_way(self) -> bool:
        """Say whether an order may still arrive: absence proves nothing."""
        return any(kind == 1 for _, kind, _ in self._wire)

    def read_account(self, trigger: str) -> None:
        """Answer with what is true now, later; or with nothing, or with something odd."""
        luck = self._luck()
        self._reads += 1
        if luck < 0.05 or not self._live:
            failed = AnswerFailed(query="account", reason="LINK_DOWN")
            self._tell_account(failed, trigger)
            return
        answer = self.account()
        answer = replace(answer, orders=tuple(self._open_orders()))
        if luck < 0.1:
            answer = BrokerAccount(positions={}, cash=answer.cash, orders=())
        elif luck < 0.13 and self._reads > 5:
            self._manual = self._rng.randrange(1, 4)
        if self._manual and not self.calm:
            self._manual -= 1
            key = self._rng.choice(sorted(self.exchange._instruments))
            answer.positions[key] = answer.positions.get(key, ZERO) + 7
            by_hand = BrokerOrder(order_ref="by hand", instrument=key, remaining=Decimal(3))
            answer = replace(answer, orders=(*answer.orders, by_hand))
        self._tell_account(answer, trigger)

    def _tell_account(self, answer: BrokerAccount | AnswerFailed, trigger: str) -> None:
        self.is_reading = True

        def tell() -> None:
            self.is_reading = False
            self._report(rp.AccountRead(answer=answer, trigger=trigger))

        self._later(self._delay(), tell, lasts=True)

    def _open_orders(self) -> Iterator[BrokerOrder]:
        for placed in self._placed.values():
            if placed.is_open:
                order = placed.order
                yield BrokerOrder(
                    order_ref=placed.ref,
                    instrument=order.instrument,
                    remaining=order.quantity - placed.filled,
                    perm_id=placed.perm_id,
                )

    # -- what happens at the broker ----------------------------------------------------------

    def on_market(self, given: QuotesSeen | BarsClosed, number: int) -> None:
        """Let the market happen, once, whatever the engine is fed again."""
        if number <= self._seen:
            return
        self._seen = number
        if isinstance(given, QuotesSeen):
            self._happen(self.exchange.on_quotes(given))
        else:
            self._happen(self.exchange.on_bars(given))
            self._night()

    def _night(self) -> None:
        """Each session ends; now and then the gateway restarts, or an execution is corrected."""
        if self._luck() < 0.1:
            self._drop()
        if self.executed and self._luck() < 0.06:
            corrections.correct(self, next(reversed(self.executed)))

    def _happen(self, reports: Sequence[Report]) -> None:
        """Note what the exchange did, and say it."""
        for report in reports:
            if isinstance(report, rp.Submitted):
                continue
            assert not isinstance(report, rp.AccountRead | rp.CommissionReported)
            placed = self._placed.get(report.order_id)
            if placed is not None:
                self._say(*self._words(placed, report))

    def _words(self, placed: Placed, report: Report) -> Iterator[Said]:
        match report:
            case rp.Accepted():
                yield from self._shown(placed)
                placed.status = "Submitted"
                yield from self._shown(placed)
                yield from self._odd(placed)
            case rp.Executed():
                yield from self._filled(placed, report)
            case rp.Canceled() | rp.Expired():
                placed.status = "Cancelled"
                if isinstance(report, rp.Expired):
                    self._expired.add(changes.owner_of(placed))
                yield self._status(placed)
                yield self._error(placed, 202)
            case rp.Rejected():
                placed.status = "Inactive"
                yield from self._shown(placed)
                yield self._error(placed, report.code, report.text)
            case rp.CancelRefused():
                yield self._error(placed, 10148)
            case _:
                raise AssertionError(f"the exchange said {report}")

    def _odd(self, placed: Placed) -> Iterator[Said]:
        """Say an end that is none, or show the order under a second permId for a while."""
        if self._luck() < 0.15:
            yield self._error(placed, self._rng.choice(_NOTES))
        if self._luck() < 0.03:
            twin = replace(placed, perm_id=placed.perm_id + 500_000)
            yield from self._shown(twin)
            yield self._status(replace(twin, status="Cancelled"))

    def _filled(self, placed: Placed, report: Executed) -> Iterator[Said]:
        exec_id = ExecId("ib." + report.exec_id.removeprefix("sim.") + ".01")
        assert exec_id not in self._of, "the exchange fills twice"
        assert report.commission is not None
        self.executed[exec_id] = replace(report, exec_id=exec_id)
        self._fees[exec_id], self._of[exec_id] = report.commission, placed.order.order_id
        placed.filled += report.quantity
        placed.status = "Filled" if placed.filled >= placed.order.quantity else "Submitted"
        if self._luck() > 0.08:  # else lost: the time zone is not known
            yield self._execution(placed, self.executed[exec_id])
        yield from self._shown(placed)
        if self._luck() > 0.1:
            yield said.Commission(exec_id=exec_id, commission=report.commission)

    # -- its words ---------------------------------------------------------------------------

    def _address(self, placed: Placed) -> tuple[int, int]:
        """Broker order id and client id; of an order of an earlier day perhaps none."""
        same = placed.epoch == self._epoch or placed.perm_id % 2
        return (placed.address, _CLIENT) if same else (0, 0)

    def _shown(self, placed: Placed) -> Iterator[Said]:
        order, (address, client) = placed.order, self._address(placed)
        yield said.OpenOrder(
            order_id=address,
            client_id=client,
            perm_id=placed.perm_id,
            order_ref=placed.ref,
            account=ACCOUNT,
            contract=ContractKey(con_id=1, symbol=symbol_of(order.instrument)),
            action=order.side.value,
            quantity=order.quantity,
            type="MKT",
            tif=order.time_in_force.value,
            limit_price=order.limit_price,
            status=placed.status,
        )
        yield self._status(placed)

    def _status(self, placed: Placed) -> Said:
        address, client = self._address(placed)
        return said.OrderStatus(
            order_id=address,
            client_id=client,
            perm_id=placed.perm_id,
            status=placed.status,
            filled=placed.filled,
            remaining=placed.order.quantity - placed.filled,
        )

    def _execution(self, placed: Placed, one: Executed) -> Said:
        address, client = self._address(placed)
        order = placed.order
        return said.Execution(
            request=-1,
            exec_id=one.exec_id,
            order_id=address,
            client_id=client,
            perm_id=placed.perm_id,
            order_ref=placed.ref,
            account=ACCOUNT,
            contract=ContractKey(con_id=1, symbol=symbol_of(order.instrument)),
            side="BOT" if order.side.sign > 0 else "SLD",
            quantity=one.quantity,
            price=one.price,
            at=one.at,
        )

    @staticmethod
    def _error(placed: Placed, code: int, text: str = "a text") -> Said:
        return said.Error(id=placed.address, code=code, text=text)

    def _whole(self, placed: Placed) -> Iterator[Said]:
        """Everything that the three lists hold of an order."""
        if placed.is_open:
            yield from self._shown(placed)
        for exec_id, order_id in self._of.items():
            if order_id == placed.order.order_id and exec_id in self.executed:
                yield self._execution(placed, self.executed[exec_id])
                if exec_id in self._fees:
                    yield said.Commission(exec_id=exec_id, commission=self._fees[exec_id])
        if not placed.is_open:
            yield said.CompletedOrder(
                perm_id=placed.perm_id,
                order_ref=placed.ref,
                account=ACCOUNT,
                contract=ContractKey(con_id=1, symbol=symbol_of(placed.order.instrument)),
                status=placed.status,
                filled=placed.filled,
                completed_status=placed.status,
            )

    # -- the line ----------------------------------------------------------------------------

    def _luck(self) -> float:
        return 1.0 if self.calm else self._rng.random()

    def _delay(self) -> int:
        return 0 if self.calm else self._rng.choice((0, 0, 1, 3, 10, 40))

    def _say(self, *heard: Said) -> None:
        """Put words on the line; they keep their order, are now and then repeated or swapped."""
        if not self._live:
            return
        words = list(heard)
        if self._luck() < 0.1:
            words += self._rng.choices(words, k=1) if words else []
        if self._luck() < 0.1:
            self._rng.shuffle(words)
        delay = self._delay()
        for one in words:
            self._later(delay, lambda one=one: self._hear(one))  # type: ignore[misc]

    def _later(
        self, turns: int, act: Callable[[], None], *, keep: bool = False, lasts: bool = False
    ) -> None:
        """Act in some turns. `keep`: an order that is on its way; `lasts`: outlives the line."""
        self._number += 1
        kind = 1 if keep else 2 if lasts else 0
        self._wire.append((self._turn + turns, kind, act))

    def _hear(self, *words: Said) -> None:
        for one in words:
            self._number += 1
            heard = Heard(
                connection="trade", epoch=self._epoch, seq=self._number, at=self._now(),
                monotonic=float(self._turn), said=one,
            )  # fmt: skip
            for out in self._translator.take(heard):
                self._carry_out(out)

    def _carry_out(self, out: object) -> None:
        if isinstance(out, AskOrder):
            self.look_up(out.order_id)
        elif isinstance(out, AskCancel):
            self._send_cancel(out.order_id)
        elif isinstance(out, AskExecutions):
            self._later(self._delay(), self._all_executions)
        elif isinstance(out, Alarm):
            told = (out.kind, out.text)
            if self.twins is not None and told in self._told:
                return  # once in a connection
            self._told.add(told)
            self._put(Fault(self._now(), out.kind, out.text, halt=out.halt))
        elif not isinstance(out, AskCost):
            self._report(out)  # type: ignore[arg-type]

    def _report(self, report: Report) -> None:
        self._put(Reported(self._now(), report))

    def _all_executions(self) -> None:
        for placed in self._placed.values():
            words = [
                w for w in self._whole(placed) if isinstance(w, said.Execution | said.Commission)
            ]
            self._hear(*words)

    # -- the link ----------------------------------------------------------------------------

    def _link(self, state: LinkState, reason: str = "", text: str = "") -> None:
        upstream = reason != "UPSTREAM_DOWN"
        link = Link(
            state=state, epoch=self._epoch, upstream=upstream, reason=reason, account=ACCOUNT,
            next_order_id=self._rng.randrange(1, 5), text=text,  # rolled back, as ids are
        )  # fmt: skip
        self._put(LinkSeen(self._now(), link))

    def _late_orders(self) -> None:
        """An order that the gateway has read is worked, whoever has gone."""
        for _, kind, act in self._wire:
            if kind == 1:
                act()

    def _drop(self) -> None:
        """The socket dies: what was on its way to us is lost."""
        if not self._live:
            return
        self._late_orders()
        self._wire = [one for one in self._wire if one[1] == 2]
        self._live, self._back_at = False, self._turn + self._rng.randrange(2, 30)
        self._link(LinkState.DOWN, "LINK_DOWN", "the socket was closed")
        for trace in self._translator.unanswered():
            self._report(rp.SendFailed(order_id=trace.order.order_id, text="the link was lost"))

    def _upstream(self) -> None:
        """1100: the broker's servers are not reached; callbacks come when they are back."""
        self._live, self._back_at = False, self._turn + self._rng.randrange(2, 20)
        self._is_upstream_lost = True
        self._link(LinkState.LIVE, "UPSTREAM_DOWN", "1100")

    def _connect(self) -> None:
        """A new connection: everything is asked for before it is live."""
        self._epoch += 1
        self._told.clear()
        self._translator.begin_epoch()
        self._link(LinkState.SYNCING, "SYNCING")
        self._sync()

    def _sync(self) -> None:
        self._live, self._back_at = True, 0
        for placed in self._placed.values():
            self._hear(*self._whole(placed))
        self._translator.executions_answered(self._now())
        for trace in self._translator.living():
            self._looked(trace)
            if trace.was_heard and not trace.status and not trace.is_done:
                text = "not among the open and completed orders after a new connection"
                self._report(rp.SendFailed(order_id=trace.order.order_id, text=text))
        self._link(LinkState.LIVE)

    def turn(self) -> None:
        """Deliver what is due; break, be silent, come back; look after what hangs."""
        self._turn += 1
        if not self._live:
            if self._back_at and (self.calm or self._turn >= self._back_at):
                self._back()
            return
        if self._luck() < 0.002:
            self._rng.choice((self._drop, self._upstream, self._silence))()
            return
        if self._silent_until:
            if self._turn >= self._silent_until or self.calm:
                self._silent_until = 0
                self._drop()  # silence is seen, and the line closed
            return
        due = [one for one in self._wire if one[0] <= self._turn]
        self._wire = [one for one in self._wire if one[0] > self._turn]
        for _, _, act in due:
            act()
        self._watch()

    def _silence(self) -> None:
        self._silent_until = self._turn + self._rng.randrange(5, 20)

    def _back(self) -> None:
        if self._is_upstream_lost:
            self._is_upstream_lost = False
            self._sync()
        else:
            self._connect()

    def _watch(self) -> None:
        """What the adapter does in its rounds."""
        translator = self._translator
        for out in translator.due(self._now()):
            self._carry_out(out)
        if self._turn % 16 == 0 or self.calm:
            for trace in translator.unanswered():
                self.look_up(trace.order.order_id)
            for trace in translator.living():
                if trace.is_canceling:
                    self._send_cancel(trace.order.order_id)
                if trace.is_changing:
                    translator.settles(trace, "not shown after a look-up")
                    self.look_up(trace.order.order_id)
        if self._turn % 64 == 0:
            self._all_executions()
            for trace in translator.living():
                self.look_up(trace.order.order_id)
            if self.twins is not None:
                self._poll()

    def _poll(self) -> None:
        """All open orders are shown, also those whose rows have ended."""
        for placed in [one for one in self._placed.values() if one.is_open]:
            self._hear(*self._shown(placed))

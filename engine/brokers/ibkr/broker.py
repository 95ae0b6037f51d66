"""The Broker port over one trade connection: sends, listens, and asks when in doubt.

What is heard goes to the machine of the link, to the questions that wait for it, and to the
translator, in this order; what the translator says goes into the report lane at once. Checks
before a send and the send itself have no await between them.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import Any

from engine.brokers.ibkr import said
from engine.brokers.ibkr.account import account_of
from engine.brokers.ibkr.build import OrderFields, fields_of
from engine.brokers.ibkr.connection import Connection, TooLate
from engine.brokers.ibkr.contracts import Contracts
from engine.brokers.ibkr.infer import price_by_cost
from engine.brokers.ibkr.keeper import Keeper
from engine.brokers.ibkr.link import Do, LinkMachine
from engine.brokers.ibkr.previews import Previews
from engine.brokers.ibkr.sync import Queries
from engine.brokers.ibkr.terms import Terms
from engine.brokers.ibkr.trace import Alarm, AskCancel, AskCost, AskOrder, Out, Trace, Wish
from engine.brokers.ibkr.translate import Translator
from engine.brokers.ibkr.watch import Watch
from engine.domain import report as rp
from engine.domain.alert import Severity
from engine.domain.fill import Fill
from engine.domain.ids import InstrumentId, OrderId
from engine.domain.input import Fault, LinkSeen, Reported
from engine.domain.link import Link, LinkState
from engine.domain.money import ZERO
from engine.domain.order import Order, Side, WorkingOrder
from engine.domain.reconciliation import AnswerFailed, BrokerAccount
from engine.errors import BrokerError
from engine.ports import Clock, ReportSink

_NO_CONTRACT = 200
_FOR_GOOD = ("MODE_GATE", "ACCOUNT_MISMATCH", "READ_ONLY")  # until a person has acted
_log = logging.getLogger("pilothouse.ibkr")

Keep = Callable[[str, Callable[[], Coroutine[Any, Any, None]]], Coroutine[Any, Any, None]]
"""Runs work under a name, and starts it again if it dies."""


async def _once(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    del name
    await work()


Ledger = Callable[[InstrumentId], Decimal]
"""Signed shares that our ledger holds of an instrument."""


class _MayNever(BrokerError):
    """An order that cannot be sent as it is, now or later."""


class IbkrBroker:
    """Broker port. Everything comes back through the sink."""

    def __init__(
        self,
        terms: Terms,
        sink: ReportSink,
        clock: Clock,
        *,
        is_over: Callable[[Order, datetime], bool] | None = None,
        keep: Keep = _once,
    ) -> None:
        """`is_over` says whether an order's time in force has ended; it may know a calendar."""
        self._keep = keep
        self.terms = terms
        self.ledger: Ledger | None = None
        self.ledger_cost: Ledger | None = None  # dollars that our shares have cost
        self.pnl: said.Pnl | None = None
        self._pnl_request = 0  # in this connection
        self._sink = sink
        self._clock = clock
        self.connection = Connection(
            "trade", terms, terms.client_id, clock, self._hear, self._on_closed
        )
        self.machine = LinkMachine(terms, terms.client_id)
        self.queries = Queries(self.connection)
        self.previews = Previews()
        self.contracts = Contracts(self.connection)
        over = {} if is_over is None else {"is_over": is_over}
        self.translator = Translator(
            terms.account, terms.client_id, watches=not terms.dry_run, **over
        )
        self.keeper = Keeper(
            self.machine,
            self.connection,
            opened=self._on_opened,
            sync=self._sync,
            changed=self._on_link,
            resubscribe=lambda text: None,
            alert=self._on_alert,
            store=lambda: self._spawn("facts of the day", self._store()),
        )
        self.watch = Watch(self)
        self.upstream_since: float | None = None
        self.first_order_id = 1  # the gateway's next id when this connection began
        self._offsets: deque[float] = deque(maxlen=5)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._alarmed: set[tuple[str, str]] = set()
        self._reads = 0
        self.answered_at: datetime | None = None  # the newest question that had an answer
        self._filled_at = -1e9  # monotonic, of the newest live fill or commission

    # -- life --------------------------------------------------------------------------------

    def restore(self, rows: Iterable[WorkingOrder], fills: Iterable[Fill] = ()) -> None:
        """Learn what the journal knows; before the first connection."""
        self.translator.restore(rows, fills)

    def begin(self) -> None:
        """Start the tasks that keep the link and look after orders."""
        self._spawn("keeper", self._keep("broker's link", self.keeper.run))
        self._spawn("watch", self._keep("watch over orders", self.watch.run))

    async def end(self) -> None:
        """Stop every task and close the connection; nothing is sent."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self.terms.timings.socket)
        self._tasks.clear()
        self.connection.close("stopped")

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run work under a name; a second one of the same name is not started."""
        if name in self._tasks:
            work.close()
            return
        task = asyncio.create_task(self._guarded(name, work), name=f"ibkr {name}")
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._forget(name, done))

    async def _guarded(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except BrokerError as error:
            _log.info("%s: %s", name, error)

    def _forget(self, name: str, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(name, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s failed", name, exc_info=error)
            self._alarm(Alarm("task_failed", f"{name}: {error!r}", halt=True))

    @property
    def is_live(self) -> bool:
        """Say whether questions can be asked and orders sent, as far as the link goes."""
        return self.machine.state is LinkState.LIVE and self.machine.upstream

    @property
    def clock_offset_s(self) -> float | None:
        """Local time minus the broker's, median of the last five answers."""
        return median(self._offsets) if self._offsets else None

    # -- the port ----------------------------------------------------------------------------

    def submit(self, order: Order, broker_order_id: int) -> None:
        """Send an order. Raises BrokerError where it is not certain whether it left.

        What certainly did not leave is reported as NotSent, what never may as CANCELED.
        """
        looked = self._clock.monotonic()
        try:
            doubt = self._place(order, broker_order_id, self._checked(order), looked)
        except _MayNever as error:
            self.translator.closed(order.order_id)
            self.tell(rp.Canceled(order_id=order.order_id, text=f"{error} before it was sent"))
            return
        except BrokerError as error:
            self.tell(rp.NotSent(order_id=order.order_id, text=str(error)))
            return
        self.translator.sent(order, broker_order_id, self._clock.wall())
        self.machine.took_id(broker_order_id)
        if doubt:
            raise BrokerError(doubt)
        self.tell(rp.Submitted(order_id=order.order_id))

    def _place(self, order: Order, address: int, fields: OrderFields, looked: float) -> str:
        """Put it on the wire; return why it is not certain that it left. TooLate: it did not."""
        contract, made = self.contracts.object_of(order.instrument), _library_order(fields)
        try:
            self.connection.place(address, contract, made, looked)
        except TooLate:
            raise
        except Exception as error:  # noqa: BLE001  whatever it was: perhaps sent
            return f"the call failed: {error}"
        return "" if self.connection.is_open else "the link was lost in the call"

    def preview(self, order: Order) -> None:
        """Ask what an order would do; the answer comes as Previewed."""
        self._spawn(f"what-if {order.order_ref}", self._preview(order))

    async def _preview(self, order: Order) -> None:
        limit = self.terms.timings.request
        number = self.machine.next_order_id
        found: said.Preview | str
        try:
            if not self.is_live:
                raise BrokerError(self.machine.reason)
            await self.contracts.qualify([order.instrument], self._clock.wall())
            made = _library_order(replace(self._fields(order), whatIf=True))
            contract = self.contracts.object_of(order.instrument)
            number = self.machine.next_order_id
            self.machine.took_id(number)
            answer = self.previews.ask(number)
            await self.connection.send(
                "what-if", lambda ib: ib.client.placeOrder(number, contract, made)
            )
            async with asyncio.timeout(limit):
                found = await answer
        except BrokerError as error:
            found = str(error)
        except TimeoutError:  # a warning may take the place of the answer
            found = f"no answer within {limit:g} s"
        self.tell(_previewed(order.order_id, found, self.previews.note(number)))

    def _fields(self, order: Order) -> OrderFields:
        contract = self.contracts.get(order.instrument)
        if contract is None:
            why = self.contracts.findings.get(order.instrument, "not qualified")
            raise BrokerError(f"CONTRACT {order.instrument}: {why}")
        return fields_of(order, self.terms.account, contract.steps)

    def _checked(self, order: Order) -> OrderFields:
        """Return what to send; BrokerError with the first reason why nothing may be."""
        if self.terms.dry_run:
            raise _MayNever("dry run: nothing is sent")
        if self.machine.reason in _FOR_GOOD:
            raise _MayNever(self.machine.reason)
        if self.machine.reason:
            raise BrokerError(self.machine.reason)
        try:
            fields = self._fields(order)
        except BrokerError as error:
            raise _MayNever(str(error)) from error
        if not self.connection.is_idle:
            raise BrokerError("QUEUE_BUSY")
        if not self.connection.limiter.take():
            raise BrokerError("RATE")
        return fields

    def cancel(self, order_id: OrderId) -> None:
        """Ask for a cancel; without a link it waits for the next one."""
        trace = self.translator.trace_of(order_id)
        self.watch.cancels(order_id)
        self.translator.canceling(order_id)
        if self.is_live:
            self.send_cancel(trace)

    def send_cancel(self, trace: Trace) -> None:
        """Put a cancel on the wire; an order without an address is looked up first."""
        addresses = trace.living_addresses
        if not addresses:
            self.look_up(trace.order.order_id)
        for address in addresses:
            if self.connection.limiter.take_cancel():
                self.connection.ib.client.cancelOrder(address, "")
            else:
                self.watch.cancels(trace.order.order_id, again_s=0.0)

    def change(self, order: Order) -> None:
        """Ask for a change; refused at once while anything is degraded.

        The fields are made anew from our own order: what the broker has filled in is not sent back.
        """
        trace = self.translator.trace_of(order.order_id)
        looked = self._clock.monotonic()
        try:
            fields = self._changeable(trace, order)
            doubt = self._place(order, trace.address, fields, looked)
        except BrokerError as error:
            self.tell(rp.ChangeRefused(order_id=order.order_id, text=f"{error}; nothing was sent"))
            return
        self.translator.changing(_as_sent(order, fields))
        self.watch.changes(order.order_id)
        if doubt:
            raise BrokerError(doubt)

    def _changeable(self, trace: Trace, order: Order) -> OrderFields:
        if not trace.address:
            raise BrokerError(self.machine.reason or "it has no address in this connection")
        return self._checked(order)

    def look_up(self, order_id: OrderId) -> None:
        """Find out what became of an order; without a link the next one is asked anyway."""
        trace = self.translator.trace_of(order_id)
        if self.is_live:
            self._spawn(f"look-up {trace.order.order_ref}", self.watch.look_up(trace))

    def read_account(self, trigger: str) -> None:
        """Ask for positions, cash and open orders; the answer comes as AccountRead."""
        self._reads += 1  # every question has its answer, however soon the next one comes
        self._spawn(f"account {self._reads} {trigger}", self._read_account(trigger))

    @property
    def is_reading(self) -> bool:
        """Say whether a question for the account waits for its answer."""
        return any(name.startswith("account ") for name in self._tasks)

    async def _synced(self) -> None:
        """Wait for a comparison of the link that is under way: its end is near."""
        until = self._clock.monotonic() + self.terms.timings.request
        while self.machine.reason == "SYNCING" and self._clock.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(self.terms.timings.settle / 10)

    async def _read_account(self, trigger: str) -> None:
        answer: BrokerAccount | AnswerFailed
        await self._synced()
        if not self.is_live:
            answer = AnswerFailed(query="account", reason=self.machine.reason)
        else:
            try:
                await self.executions()  # a difference may be a fill that was missed
                await self._settled()
                orders, statuses = await self.queries.open_orders()
                await self.queries.account()
                answer = account_of(
                    self.terms.account,
                    await self.queries.positions(),
                    self.queries.portfolio.values(),
                    self.queries.values,
                    orders,
                    statuses,
                    self.queries.listed,
                )
                if isinstance(answer, BrokerAccount):
                    self.answered_at = self._clock.wall()
            except BrokerError as error:
                answer = AnswerFailed(query="account", reason=str(error))
        self.tell(rp.AccountRead(answer=answer, trigger=trigger))

    async def _settled(self) -> None:
        """Wait until the newest fill is whole: a read between a fill and its commission, or
        between two answers, would show a difference that is none. Fills may never rest:
        an answer is due all the same.
        """
        times, until = self.terms.timings, self._clock.monotonic() + self.terms.timings.settle_cap
        while (now := self._clock.monotonic()) < min(until, self._filled_at + times.settle_cap):
            if now >= self._filled_at + times.settle and not self.translator.without_commission():
                return
            await asyncio.sleep(times.settle / 4)

    # -- what is heard -----------------------------------------------------------------------

    def _hear(self, heard: said.Heard) -> None:
        one = heard.said
        _log.debug("%s %d.%d %s", heard.connection, heard.epoch, heard.seq, one)
        if isinstance(one, said.Error):
            if self.machine.clock(heard.at):  # the hour decides whether somebody is alarmed
                self.keeper.tell()
            self._on_error(one, heard.monotonic)
        elif isinstance(one, said.OpenOrder):
            if one.client_id == self.terms.client_id:
                self.machine.took_id(one.order_id)
        elif isinstance(one, said.Execution | said.Commission):
            if not isinstance(one, said.Execution) or one.request == -1:
                self._filled_at = heard.monotonic
        elif isinstance(one, said.NextId):
            self.first_order_id = one.next_id
        elif isinstance(one, said.Pnl):
            self.pnl = one
        elif isinstance(one, said.Time):
            self._on_time(one.at, heard.at)
        self.queries.take(one)
        self.previews.take(one)
        for out in self.translator.take(heard):
            self.out(out)
        if isinstance(one, said.Lost):
            _log.error("lost frame: %s", one.frame)
            self.keeper.do(self.machine.frame_lost())

    def _on_error(self, one: said.Error, now: float) -> None:
        trace = self.translator.address_of(one.id)
        if trace is not None and one.code == _NO_CONTRACT:
            self.contracts.block(trace.order.instrument, f"{one.code} {one.text}")
        if trace is None or 320 <= one.code <= 322:
            self.keeper.do(self.machine.heard(one.code, one.text, now))
            self._note_upstream(now)

    def _on_time(self, theirs: datetime, at: datetime) -> None:
        """Compare clocks in the middle of question and answer; theirs has no fractions."""
        asked, self.connection.asked_time_at = self.connection.asked_time_at, None
        middle = at if asked is None else asked + (at - asked) / 2
        self._offsets.append((middle - theirs).total_seconds() - 0.5)
        off, times = self.clock_offset_s, self.terms.timings
        if off is None or not self.knows_offset or abs(off) <= times.clock_off:
            return
        if self.terms.speed != 1:  # a practice gateway that lags behind its speed: no clock is off
            _log.info("the practice gateway's clock is %.0f s behind", off)
            return
        text = f"this machine's clock is {abs(off):.1f} s {'ahead' if off > 0 else 'behind'}"
        much = abs(off) > times.clock_reduce
        severity = Severity.CRITICAL if much else Severity.WARNING
        where = f"{text} of the broker's: let the machine synchronise its clock"
        if (key := ("clock_off", str(much))) not in self._alarmed:
            self._alarmed.add(key)
            self._alarm(Alarm("clock_off", where, reduce=much, severity=severity))

    @property
    def knows_offset(self) -> bool:
        """Say whether enough answers about the broker's clock have come."""
        return len(self._offsets) == self._offsets.maxlen

    def _note_upstream(self, now: float) -> None:
        if not self.machine.upstream:
            self.upstream_since = None
        elif self.upstream_since is None:
            self.upstream_since = now

    def out(self, out: Out) -> None:
        """Carry out what the translator says: a report, or a wish."""
        if isinstance(out, Wish):
            self.wish(out)
        else:
            self.tell(out)

    def wish(self, wish: Wish) -> None:
        """Do what the translator asks for."""
        if isinstance(wish, Alarm):
            is_news = self._alarm(wish)
            if is_news and wish.kind == "two_incarnations":
                self.read_account(wish.kind)  # the second one shows as a difference
        elif isinstance(wish, AskOrder):
            _log.info("look up %s: %s", wish.order_id, wish.why)
            self.look_up(wish.order_id)
        elif isinstance(wish, AskCancel):
            if not self.terms.only_asks:
                self.send_cancel(self.translator.traces[wish.order_id])
        elif isinstance(wish, AskCost):
            trace = self.translator.traces[wish.order_id]
            self._spawn(f"cost of {trace.order.order_ref}", self._infer(trace))
        elif self.is_live:
            _log.info("executions: %s", wish.why)
            self._spawn("executions", self.executions())

    async def executions(self) -> None:
        """Ask for the day's executions; they arrive as reports."""
        await self.queries.executions()
        self.translator.executions_answered(self._clock.wall())

    async def _infer(self, trace: Trace) -> None:
        """Work out by the position's cost at what price an order has filled."""
        instrument, account = trace.order.instrument, self.terms.account
        theirs = ZERO
        for row in await self.queries.positions():
            if row.account == account and row.contract.instrument == instrument:
                if row.quantity is None or row.average_cost is None:
                    return
                theirs = row.quantity * row.average_cost
        is_buy = trace.order.side is Side.BUY  # a sale leaves nothing of its price in the cost
        ours = self.ledger_cost(instrument) if is_buy and self.ledger_cost else None
        price = price_by_cost(trace.filled - trace.executed, theirs, ours)
        for out in self.translator.infer(trace, price, self._clock.wall()):
            self.out(out)

    def tell(self, report: rp.Report) -> None:
        """Leave a report in the lane."""
        self._sink(Reported(self._clock.wall(), report))

    def _alarm(self, alarm: Alarm) -> bool:
        """Raise it unless it has been in this epoch; say whether it is new."""
        key = (alarm.kind, alarm.text)
        if key in self._alarmed:
            return False
        self._alarmed.add(key)
        self._fault(alarm)
        return True

    def _fault(self, alarm: Alarm) -> None:
        _log.warning("%s: %s", alarm.kind, alarm.text)
        at, halt, severity = self._clock.wall(), alarm.halt, alarm.severity
        self._sink(Fault(at, alarm.kind, alarm.text, halt, severity, reduce=alarm.reduce))

    def _on_alert(self, do: Do) -> None:
        severity = Severity.WARNING if do.mild else Severity.CRITICAL
        self._fault(Alarm(do.kind, do.text, severity=severity))

    # -- the link ----------------------------------------------------------------------------

    def _on_link(self, link: Link) -> None:
        self._sink(LinkSeen(self._clock.wall(), link))

    def _on_opened(self) -> None:
        for trace in self.translator.unanswered():
            if trace.next_id_then is None:
                trace.next_id_then = self.first_order_id
        self._pnl_request = 0
        self.translator.begin_epoch()
        self.queries.begin_epoch()
        self.watch.begin_epoch()
        self._alarmed.clear()
        self.upstream_since = self._clock.monotonic()

    def _on_closed(self, text: str) -> None:
        self.keeper.on_closed(text)
        self.queries.fail(f"the link is lost: {text}")
        self.previews.fail(f"the link is lost: {text}")
        for trace in self.translator.unanswered():
            lost = f"the link was lost before an answer: {text}"
            self.tell(rp.SendFailed(order_id=trace.order.order_id, text=lost))

    async def _sync(self) -> None:
        """Ask for everything; BrokerError if one answer is missing."""
        queries = self.queries
        if not self.machine.read_only:
            try:
                await queries.open_orders()
                await queries.completed()
            except BrokerError:
                if not self.machine.read_only:  # else nothing can be sent anyway
                    raise
        await self.executions()
        positions = await queries.positions()
        await queries.account()
        checked = account_of(
            self.terms.account, positions, queries.portfolio.values(), queries.values, (), ()
        )
        if isinstance(checked, AnswerFailed):
            raise BrokerError(f"{checked.query}: {checked.reason}")
        await self._subscribe_pnl()
        if not self.machine.read_only:
            self._settle()
        self.watch.synced()

    async def _store(self) -> None:
        """Before midnight: what the broker shows of a day it shows on that day only."""
        await self.queries.open_orders()
        await self.queries.completed()
        await self.executions()
        self.read_account(rp.TIMER)

    async def _subscribe_pnl(self) -> None:
        """Have one subscription, after each comparison anew: it may have been lost meanwhile."""
        account, old = self.terms.account, self._pnl_request

        def call(ib: Any) -> None:
            if old:
                ib.client.cancelPnL(old)
            self._pnl_request = ib.client.getReqId()
            ib.client.reqPnL(self._pnl_request, account, "")

        await self.connection.send("pnl", call)

    def _settle(self) -> None:
        """Our orders that no answer held any more are UNKNOWN, and looked up by the core."""
        text = "not among the open and completed orders after a new connection"
        for trace in self.translator.living():
            self.watch.looked(trace)
            if trace.was_heard and not trace.status and not trace.is_done:
                self.tell(rp.SendFailed(order_id=trace.order.order_id, text=text))


def _previewed(order_id: OrderId, found: said.Preview | str, note: str) -> rp.Previewed:
    if isinstance(found, str):
        return rp.Previewed(order_id=order_id, text=", ".join(filter(None, (note, found))))
    return rp.Previewed(
        order_id=order_id,
        margin=found.margin,
        margin_change=found.margin_change,
        maintenance=found.maintenance,
        equity=found.equity,
        commission=found.commission,
        text=", ".join(filter(None, (note, found.warning))),
    )


def _as_sent(order: Order, fields: OrderFields) -> Order:
    """The order with the limit that goes out: one of the market's steps."""
    limit = None if fields.lmtPrice is None else said.number(fields.lmtPrice)
    return replace(order, limit_price=limit)


def _library_order(fields: OrderFields) -> object:
    from ib_insync import Order as LibraryOrder

    made = LibraryOrder()
    for name in fields.__slots__:
        value = getattr(fields, name)
        if value is not None:
            setattr(made, name, value)
    return made

"""Looks after orders that hang: in flight without an answer, cancels without a confirmation,
open orders that are not shown any more, fills and commissions that are missing.

Nothing is concluded from time alone. A look-up that finds nothing leaves an order UNKNOWN until
every condition of `absence` holds; only then is it reported as never arrived.
"""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from engine.brokers.ibkr.absence import Absence
from engine.brokers.ibkr.trace import Alarm, AskExecutions, Trace
from engine.domain import report as rp
from engine.domain.ids import OrderId
from engine.domain.money import ZERO
from engine.errors import BrokerError

if TYPE_CHECKING:
    from engine.brokers.ibkr.broker import IbkrBroker

_SELDOM = 6  # a cancel that nobody answers is repeated that much less often


class Watch:
    """The rounds of one broker."""

    def __init__(self, broker: "IbkrBroker") -> None:
        self._broker = broker
        self._times = broker.terms.timings
        self._tries: dict[OrderId, int] = {}
        self._misses: dict[OrderId, int] = {}
        self._absent: dict[OrderId, float] = {}  # first answered look-up without it, monotonic
        self._again: dict[OrderId, float] = {}  # when to look for it once more, monotonic
        self._canceling: dict[OrderId, tuple[int, float]] = {}  # tries, when again
        self._changing: dict[OrderId, float] = {}  # when to look it up
        self._uncharged: dict[str, float] = {}  # exec id → since when
        self._polled = self._executed = 0.0
        self._asked_clock = -1e9
        self._live_at = 0.0  # when everything was asked last

    def begin_epoch(self) -> None:
        """A new connection: misses count anew, cancels are asked again."""
        self._misses.clear()
        self._tries.clear()
        self._canceling = dict.fromkeys(self._canceling, (0, 0.0))
        self._broker.connection.asked_time_at = None

    def synced(self) -> None:
        """Everything has just been asked."""
        self._polled = self._executed = self._live_at = self._now

    def cancels(self, order_id: OrderId, again_s: float | None = None) -> None:
        """A cancel is asked: repeat it until the order has ended or shown itself."""
        wait = self._times.cancel_again if again_s is None else again_s
        self._canceling[order_id] = (1, self._now + wait)

    def changes(self, order_id: OrderId) -> None:
        """A change is asked: look it up if nothing settles it."""
        self._changing[order_id] = self._now + self._times.in_flight_after

    def _change_again(self, now: float) -> None:
        """Ask what a change has come to; the order as it is shown then settles it."""
        for order_id, due in list(self._changing.items()):
            trace = self._broker.translator.traces[order_id]
            if trace.is_done or not trace.is_changing:
                del self._changing[order_id]
            elif now >= due:
                self._changing[order_id] = now + self._times.in_flight_after
                self._broker.translator.settles(trace, "not shown after a look-up")
                self._broker.look_up(order_id)

    @property
    def _now(self) -> float:
        return self._broker.connection.clock.monotonic()

    async def run(self) -> None:
        """Make rounds until cancelled."""
        while True:
            await asyncio.sleep(self._times.in_flight_every)
            for out in self._broker.translator.due(self._broker.connection.clock.wall()):
                self._broker.out(out)
            if not self._broker.is_live:
                continue
            try:
                await self.round()
            except BrokerError as error:
                if self._broker.is_live:
                    self._broker.wish(Alarm("broker_silent", str(error)))

    async def round(self) -> None:
        """Look at everything whose time has come; what was just asked is left alone for a while."""
        now = self._now
        self._cancel_again(now)
        self._change_again(now)
        if now - self._live_at < self._times.settle_after:
            return
        await self._in_flight()
        for order_id in [key for key, due in self._again.items() if due <= now]:
            del self._again[order_id]
            if not self._broker.translator.traces[order_id].is_done:
                self._broker.look_up(order_id)
        self._commissions(now)
        self._look_at_clock(now)
        if now - self._executed >= self._times.executions_every:
            self._executed = now
            await self._broker.executions()
        living = [trace for trace in self._broker.translator.living() if trace.was_heard]
        every = self._times.poll_busy if living else self._times.poll_idle
        if now - self._polled >= every and not self._broker.machine.read_only:
            self._polled = now
            await self._poll(living)

    def _look_at_clock(self, now: float) -> None:
        """Compare clocks: five times at once, then now and then."""
        connection = self._broker.connection
        is_late = now - self._asked_clock >= self._times.clock_every
        if not is_late and (self._broker.knows_offset or connection.asked_time_at is not None):
            return
        if connection.limiter.take():
            self._asked_clock = now
            connection.ask_time()

    # -- hanging orders ----------------------------------------------------------------------

    async def _in_flight(self) -> None:
        at = self._broker.connection.clock.wall()
        late = [
            trace
            for trace in self._broker.translator.unanswered()
            if (at - _sent(trace)).total_seconds() >= self._times.in_flight_after
            and self._tries.get(trace.order.order_id, 0) <= self._times.in_flight_tries
        ]
        for trace in late[: self._times.look_ups]:
            order_id = trace.order.order_id
            tries = self._tries[order_id] = self._tries.get(order_id, 0) + 1
            if tries <= self._times.in_flight_tries:
                self._broker.look_up(order_id)
                await asyncio.sleep(self._times.look_up_gap)
            else:
                text = f"no answer after {self._times.in_flight_tries} look-ups"
                self._broker.tell(rp.SendFailed(order_id=order_id, text=text))

    def _cancel_again(self, now: float) -> None:
        for order_id, (tries, again) in list(self._canceling.items()):
            trace = self._broker.translator.traces[order_id]
            if trace.is_done or not trace.is_canceling:
                del self._canceling[order_id]
            elif now >= again:
                most, wait = self._times.cancel_tries, self._times.cancel_again
                if tries > most:  # a person is told, once; what is wanted stays wanted
                    text = f"{trace.order.order_ref}: {most} cancels without an answer"
                    self._broker.wish(Alarm("cancel_unconfirmed", text))
                    wait *= _SELDOM
                self._canceling[order_id] = (tries + 1, now + wait)
                if tries != most + 1:
                    self._broker.send_cancel(trace)

    def _commissions(self, now: float) -> None:
        """Ask for commissions that do not come; after some minutes a person is told instead."""
        missing = set(self._broker.translator.without_commission())
        for gone in set(self._uncharged) - missing:
            del self._uncharged[gone]
        late = []
        for exec_id in missing:
            since = now - self._uncharged.setdefault(exec_id, now)
            if since >= self._times.commission_alarm:
                self._broker.wish(Alarm("commission_missing", f"{exec_id} has no commission"))
            elif since >= self._times.commission_after:
                late.append(exec_id)
        if late and now - self._executed >= self._times.commission_after:
            self._executed = now
            self._broker.wish(AskExecutions(f"{len(late)} executions have no commission"))

    async def _poll(self, living: list[Trace]) -> None:
        before = {trace.order.order_id: trace.signs for trace in living}
        at = self._broker.connection.clock.wall()
        await self._broker.queries.open_orders()
        for trace in living:
            order_id, touched = trace.order.order_id, trace.touched_at
            if touched is not None and (at - touched).total_seconds() < self._times.poll_touched:
                continue  # the answer may be older than what was just said
            if trace.is_done or trace.signs != before[order_id]:
                self._misses.pop(order_id, None)
                continue
            misses = self._misses[order_id] = self._misses.get(order_id, 0) + 1
            if misses >= self._times.poll_misses:
                self._broker.look_up(order_id)

    # -- look-ups ----------------------------------------------------------------------------

    async def look_up(self, trace: Trace) -> None:
        """Ask all three lists for an order; what they hold is reported as it arrives."""
        queries, order_id = self._broker.queries, trace.order.order_id
        before = trace.signs
        try:
            await queries.open_orders()
            await queries.completed()
            await self._broker.executions()
            if trace.signs != before or trace.is_done:
                self._absent.pop(order_id, None)
                self._broker.translator.shown_alive(order_id)
                self.looked(trace)
                return
            known = await self._absence(trace)
        except BrokerError:
            self._again[order_id] = self._now + self._times.in_flight_every
            raise
        self._conclude(trace, known)

    def looked(self, trace: Trace) -> None:
        """All lists have answered about an order: what was not shown of it has gone."""
        at = self._broker.connection.clock.wall()
        for out in self._broker.translator.looked(trace.order.order_id, at):
            self._broker.out(out)

    def _conclude(self, trace: Trace, known: Absence) -> None:
        """Report an order as never arrived if that is certain; else look again later."""
        order_id, broker = trace.order.order_id, self._broker
        if not known.doubt:
            self._absent.pop(order_id, None)
            broker.translator.closed(order_id)
            broker.tell(rp.NotFound(order_id=order_id))
            return
        text = "not among open, completed and executed orders"
        broker.tell(rp.SendFailed(order_id=order_id, text=text))
        first = self._absent.setdefault(order_id, self._now)
        wait = self._times.absent_again
        is_early = self._now - first < wait  # somebody else has asked meanwhile
        self._again[order_id] = first + wait if is_early else self._now + wait * 5
        if not is_early:
            broker.wish(Alarm("order_undecided", f"{trace.order.order_ref}: {known.doubt}"))

    async def _absence(self, trace: Trace) -> Absence:
        broker, now = self._broker, self._now
        first = self._absent.get(trace.order.order_id)
        since, then = broker.upstream_since, trace.next_id_then
        return Absence(
            asked_at=broker.connection.clock.wall(),
            sent_at=_sent(trace),
            upstream_s=0.0 if since is None else now - since,
            upstream_s_min=self._times.upstream_for,
            first_s=None if first is None else now - first,
            again_s=self._times.absent_again,
            next_order_id=broker.first_order_id if then is None else then,
            broker_order_id=trace.address or trace.last_address,
            position_agrees=await self._position_agrees(trace),
        )

    async def _position_agrees(self, trace: Trace) -> bool | None:
        ledger = self._broker.ledger
        if ledger is None:
            return None
        rows = await self._broker.queries.positions()
        instrument, account = trace.order.instrument, self._broker.terms.account
        theirs = ZERO
        for row in rows:
            if row.account == account and row.contract.instrument == instrument:
                if row.quantity is None:
                    return None
                theirs = row.quantity
        return theirs == ledger(instrument)


def _sent(trace: Trace) -> datetime:
    return trace.sent_at or trace.order.created_at

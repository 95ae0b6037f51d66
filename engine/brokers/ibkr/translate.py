"""From what the broker said to our reports: pure, and indifferent to order and repetition.

    raw                                   becomes
    first openOrder, status, execution    Accepted (the broker knows the order)
    ApiPending, PendingSubmit             Submitted
    execution, new root or revision       Executed, then a commission that was waiting for it
    commissionReport                      CommissionReported, once its execution is booked
    Filled, or `filled` > Σ executions    a gap: executions are asked for; words fill nothing
    Cancelled, ApiCancelled               Canceled; Expired if we asked none and its time is over
    Inactive                              held for locate: alive; with a rejecting code: Rejected;
                                          neither within 2 s: look up
    a code, before anything was heard     Rejected, where the table of codes says so
    cancel refused, then shown alive      CancelRefused
    any other code about an order         look up

A reference is the identity. permId comes second: one order may have several. Broker order
ids are addresses within a connection and are forgotten with it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.brokers.ibkr import changed, incarnations, said
from engine.brokers.ibkr.codes import (
    CODES,
    INACTIVE_MEANS_REJECTED,
    Code,
    Ends,
    Reaction,
    advised,
    is_read_only,
)
from engine.brokers.ibkr.infer import inferred_id, is_gone, price_by_average
from engine.brokers.ibkr.terms import NEW_YORK, PREFIX
from engine.brokers.ibkr.trace import CANCELED, Alarm, AskCost, AskExecutions, AskOrder, Out, Trace
from engine.domain import report as rp
from engine.domain.alert import Severity
from engine.domain.fill import INFERRED, Fill, root_of
from engine.domain.ids import ExecId, OrderId
from engine.domain.money import ZERO
from engine.domain.order import DONE, Order, TimeInForce, WorkingOrder
from engine.errors import BrokerError

_R = Reaction
_ALIVE = incarnations.ALIVE
_ON_THE_WAY = frozenset({"ApiPending", "PendingSubmit"})
_COMBO = "BAG"
_NOT_UNDERSTOOD = (320, 321, 322)
_LOOK_AFTER = timedelta(seconds=2)
_GAP_AFTER = timedelta(seconds=5)
_RETRY_AFTER = timedelta(seconds=5)


def time_is_over(order: Order, at: datetime) -> bool:
    """Say whether an order's time in force had ended by an instant, by the clock of New York.

    Without a calendar: a half day's early close shows as CANCELED with the broker's text.
    """
    if order.time_in_force is TimeInForce.IOC:
        return True
    if order.time_in_force is not TimeInForce.DAY:
        return False
    local = at.astimezone(ZoneInfo(NEW_YORK))
    day = order.session_date or order.created_at.astimezone(ZoneInfo(NEW_YORK)).date()
    return local.date() > day or (local.date() == day and local.hour >= 16)


class Translator:
    """The memory that reports need; fed with everything heard, it returns what follows."""

    def __init__(
        self,
        account: str,
        client_id: int,
        is_over: Callable[[Order, datetime], bool] = time_is_over,
        *,
        watches: bool = True,
    ) -> None:
        """`watches`: an order with our prefix and no row is a danger; to a dry run it is not."""
        self._watches = watches
        self._account = account
        self._client_id = client_id
        self._is_over = is_over
        self.traces: dict[OrderId, Trace] = {}
        self._by_ref: dict[str, Trace] = {}
        self._by_perm: dict[int, Trace] = {}
        self._by_address: dict[int, Trace] = {}
        self._owner: dict[str, Trace] = {}  # exec id → whose
        self._commissions: dict[str, Decimal] = {}  # waiting for their executions
        self._charged: set[str] = set()
        self._due: dict[tuple[OrderId, str], datetime] = {}
        self._strangers: set[str] = set()
        self._answered_at: datetime | None = None  # executions of the day, all of them
        self._orphans: dict[int, said.OrderStatus] = {}  # by permId, until it has an owner

    # -- what we know and do -----------------------------------------------------------------

    def restore(self, rows: Iterable[WorkingOrder], fills: Iterable[Fill] = ()) -> None:
        """Learn orders and fills that the journal knows, so that references find their orders."""
        for row in rows:
            trace = self._learn(row.order)
            trace.is_done = row.status in DONE
            trace.is_past = trace.is_done and row.sent
            trace.was_heard = row.perm_id != 0 or row.accepted_at is not None or row.filled > 0
            trace.is_canceling = row.canceling
            trace.wanted = row.changing or row.refused  # a slow gateway takes it yet
            trace.told_held = row.held
            if row.changing is not None:
                trace.is_changing = trace.is_settling = True
                trace.refusal = "a restart came before an answer"
            trace.sent_at = row.order.created_at if row.sent else None
            trace.last_address = row.broker_order_id
            if row.perm_id:
                self._by_perm[row.perm_id] = trace
                trace.incarnations[row.perm_id] = ""
        for fill in fills:
            found = self.traces.get(fill.order_id)
            if found is not None:
                known = (fill.exec_id, fill.quantity, fill.price)
                found.executions[root_of(fill.exec_id)] = known
                self._owner[fill.exec_id] = found
                if fill.commission is not None or fill.is_inferred:
                    self._charged.add(fill.exec_id)

    def begin_epoch(self) -> None:
        """A new connection: addresses mean nothing any more, and statuses are said anew."""
        self._by_address.clear()
        self._orphans.clear()
        self._commissions.clear()
        for trace in self.traces.values():
            trace.last_address = trace.address or trace.last_address
            trace.address = 0
            incarnations.of_earlier(trace)
            trace.places.clear()
            if trace.is_changing:
                self.settles(trace, "the link was lost before an answer")
            trace.was_inactive = False
            trace.is_past = trace.is_done
            if not trace.is_done:
                trace.status = ""

    def sent(self, order: Order, broker_order_id: int, at: datetime) -> None:
        """The order goes out under this address."""
        trace = self._learn(order)
        trace.sent_at = at
        self._address(trace, broker_order_id)

    def canceling(self, order_id: OrderId) -> None:
        """A cancel is asked."""
        trace = self.traces[order_id]
        trace.is_canceling = True
        trace.refusal = ""
        trace.verdict = None  # whatever was said, it lived on: what ends it now is the cancel

    def changing(self, order: Order) -> None:
        """A change into this goes out."""
        trace = self.traces[order.order_id]
        trace.wanted, trace.is_changing, trace.is_settling = order, True, False
        trace.refusal = ""

    def settles(self, trace: Trace, why: str) -> None:
        """What is shown next settles a change: its refusal came, or an answered look-up."""
        trace.is_settling, trace.refusal = True, trace.refusal or why

    def shown_alive(self, order_id: OrderId) -> None:
        """An answered look-up shows the order working: a refusal before it was none."""
        trace = self.traces[order_id]
        if trace.status in _ALIVE and not trace.is_done:
            trace.verdict = None

    def looked(self, order_id: OrderId, at: datetime) -> Sequence[Out]:
        """All lists have answered: what none of them shows does not keep an order open."""
        trace = self.traces[order_id]
        if not incarnations.forget_unseen(trace) or trace.is_done:
            return ()
        return self._ended(trace, at)

    def closed(self, order_id: OrderId) -> None:
        """Nothing of this order is at the broker, and nothing will come."""
        trace = self.traces.get(order_id)
        if trace is not None:
            trace.is_done = trace.is_past = True

    def unanswered(self) -> list[Trace]:
        """Return orders that were sent and of which nothing was heard."""
        return [
            trace
            for trace in self.traces.values()
            if trace.sent_at is not None and not trace.was_heard and not trace.is_done
        ]

    def living(self) -> list[Trace]:
        """Return our orders that may work at the broker."""
        return [trace for trace in self.traces.values() if not trace.is_done]

    def trace_of(self, order_id: OrderId) -> Trace:
        """Return what is known of our order; BrokerError if it is none."""
        trace = self.traces.get(order_id)
        if trace is None:
            raise BrokerError(f"{order_id} is not known here")
        return trace

    def owner_of(self, order_ref: str, perm_id: int = 0) -> Trace | None:
        """Return our order with a reference or permId."""
        return self._by_ref.get(order_ref) or (self._by_perm.get(perm_id) if perm_id else None)

    def address_of(self, broker_order_id: int) -> Trace | None:
        """Return our order that has this address in this epoch."""
        return self._by_address.get(broker_order_id)

    def without_commission(self) -> list[ExecId]:
        """Return executions whose commission has not come."""
        return [
            ExecId(exec_id)
            for trace in self.traces.values()
            for exec_id, quantity, _ in trace.executions.values()
            if quantity and exec_id not in self._charged
        ]

    def _learn(self, order: Order) -> Trace:
        trace = self.traces.get(order.order_id)
        if trace is None:
            trace = self.traces[order.order_id] = Trace(order)
            self._by_ref[order.order_ref] = trace
        return trace

    def _address(self, trace: Trace, broker_order_id: int) -> None:
        if broker_order_id > 0:
            trace.address = broker_order_id
            self._by_address[broker_order_id] = trace

    # -- what is heard -----------------------------------------------------------------------

    def take(self, heard: said.Heard) -> Sequence[Out]:
        """Return what follows from one thing said; empty for what is not about our orders."""
        one, at = heard.said, heard.at
        match one:
            case said.OpenOrder():
                return self._on_open_order(one, at)
            case said.OrderStatus():
                return self._on_order_status(one, at)
            case said.Execution():
                return self._on_execution(one, at)
            case said.Commission():
                return self._on_commission(one)
            case said.CompletedOrder():
                return self._on_completed(one, at)
            case said.Error():
                return self._on_error(one, at)
            case said.Lost():
                text = f"a frame of kind {one.kind} could not be read: {one.frame[:200]}"
                return (Alarm("frame_lost", text), AskExecutions("a frame was lost"))
            case _:
                return ()

    def due(self, at: datetime) -> list[Out]:
        """Return what follows from nothing having come: look-ups and gaps whose time is over."""
        out: list[Out] = []
        for key in [key for key, due in self._due.items() if due <= at]:
            del self._due[key]
            trace, why = self.traces[key[0]], key[1]
            if why == "gap":
                out += self._on_gap(trace, at)
                if trace.has_gap:
                    self._due[key] = at + _GAP_AFTER * 6
            elif not trace.is_done:
                out.append(AskOrder(key[0], why))
        return out

    def _on_open_order(self, one: said.OpenOrder, at: datetime) -> Sequence[Out]:
        trace = self.owner_of(one.order_ref, one.perm_id)
        if trace is None or one.account not in ("", self._account):
            return self._foreign(one.order_ref, one.client_id)
        if one.client_id == self._client_id:
            self._address(trace, one.order_id)
            if one.order_id > 0 and one.perm_id:
                trace.places[one.perm_id] = one.order_id
        out: list[Out] = [*changed.by_fields(trace, one)]
        out += self._on_status(trace, one.status, at, perm_id=one.perm_id, is_whole=False)
        orphan = self._orphans.pop(one.perm_id, None)
        return out if orphan is None else [*out, *self._on_order_status(orphan, at)]

    def _on_order_status(self, one: said.OrderStatus, at: datetime) -> Sequence[Out]:
        trace = self._by_perm.get(one.perm_id) if one.perm_id else None
        if trace is None and one.client_id == self._client_id:
            trace = self._by_address.get(one.order_id)
        if trace is None:
            if one.perm_id:
                self._orphans[one.perm_id] = one
            return ()
        out: list[Out] = []
        trace.count(one.status, one.perm_id, one.filled, one.average_price)
        out += self._on_status(trace, one.status, at, perm_id=one.perm_id, why_held=one.why_held)
        out += changed.by_size(trace)
        self._note_gap(trace, at)
        return [*out, *self._cut_short(trace)]

    @staticmethod
    def _sign(trace: Trace, at: datetime) -> None:
        trace.was_heard = True
        trace.signs += 1
        trace.touched_at = at

    def _note_gap(self, trace: Trace, at: datetime) -> None:
        key = (trace.order.order_id, "gap")
        if trace.has_gap:
            trace.gap_at = trace.gap_at or at
            self._due.setdefault(key, at + _GAP_AFTER)
        else:
            trace.gap_at = None
            self._due.pop(key, None)

    def _on_status(
        self,
        trace: Trace,
        status: str,
        at: datetime,
        *,
        perm_id: int = 0,
        why_held: str = "",
        is_whole: bool = True,
    ) -> Sequence[Out]:
        """`is_whole`: what was filled is known too, as in an orderStatus."""
        out: list[Out] = []
        self._sign(trace, at)
        if perm_id:
            self._by_perm[perm_id] = trace
            out += incarnations.note(trace, perm_id, status)
        if trace.status in CANCELED or trace.is_done:  # an end is never undone
            return [*out, *incarnations.left_over(trace, perm_id, status)] if is_whole else out
        is_end = status in CANCELED or (status == "Inactive" and why_held != "locate")
        if is_end and incarnations.lives_beside(trace, perm_id):
            return [*out, *incarnations.unseen(trace)]
        if status in CANCELED:
            trace.status = status
            return [*out, *self._ended(trace, at)]
        if status == "Inactive":
            return [*out, *self._inactive(trace, at, why_held, is_whole=is_whole)]
        if trace.status != "Filled":  # what comes after it was said before it
            trace.status = status
        order_id = trace.order.order_id
        if status in _ON_THE_WAY:
            out.append(rp.Submitted(order_id=order_id, perm_id=perm_id))
        else:
            out.append(rp.Accepted(order_id=order_id, perm_id=perm_id))
        if is_whole and (why_held or status == "Submitted"):
            out += self._held(trace, why_held)
        if trace.refusal and status in _ALIVE and not trace.is_changing:
            if trace.is_canceling:
                out.append(rp.CancelRefused(order_id=order_id, text=trace.refusal))
                trace.is_canceling = False
            trace.refusal = ""
        return out

    def _ended(self, trace: Trace, at: datetime) -> Sequence[Out]:
        trace.is_done = True
        order_id = trace.order.order_id
        gap = (AskExecutions(f"{trace.order.order_ref} ended"),) if trace.has_gap else ()
        if trace.verdict is not None:
            code, text = trace.verdict
            return (rp.Rejected(order_id=order_id, code=code, text=text), *gap)
        if not trace.is_canceling and self._is_over(trace.order, at):
            return (rp.Expired(order_id=order_id, text=trace.canceled_text), *gap)
        return (rp.Canceled(order_id=order_id, text=trace.canceled_text), *gap)

    def _inactive(
        self, trace: Trace, at: datetime, why_held: str, *, is_whole: bool
    ) -> Sequence[Out]:
        order_id = trace.order.order_id
        if why_held == "locate":
            return (rp.Accepted(order_id=order_id), *self._held(trace, why_held))
        trace.was_inactive = trace.was_inactive or is_whole
        if trace.was_inactive and trace.verdict is not None:
            return self._rejected(trace, *trace.verdict)
        if trace.is_held:
            return (rp.Accepted(order_id=order_id),)
        self._due.setdefault((order_id, "Inactive without a reason"), at + _LOOK_AFTER)
        return (rp.Accepted(order_id=order_id),)

    def _held(self, trace: Trace, why: str) -> Sequence[Out]:
        """Tell that an order is held back, or is so no more: each once."""
        was, trace.told_held = trace.told_held, bool(why)
        told = rp.Held(order_id=trace.order.order_id, held=bool(why), text=why)
        return () if was is bool(why) else (told,)

    def _rejected(self, trace: Trace, code: int, text: str) -> Sequence[Out]:
        """The broker said no; to the rest, if something had been filled."""
        trace.is_done = True
        order_id = trace.order.order_id
        if trace.filled or trace.executed:
            return (rp.Canceled(order_id=order_id, text=f"rest rejected: {code} {text}"),)
        return (rp.Rejected(order_id=order_id, code=code, text=advised(code, text)),)

    def _on_completed(self, one: said.CompletedOrder, at: datetime) -> Sequence[Out]:
        trace = self.owner_of(one.order_ref, one.perm_id)
        if trace is None or one.account not in ("", self._account):
            return ()
        trace.count(one.status, one.perm_id, one.filled)
        is_alone = not incarnations.lives_beside(trace, one.perm_id)
        if one.status == "Inactive" and not trace.is_done and is_alone:
            self._sign(trace, at)
            code, text = trace.verdict or (0, one.completed_status)
            return self._rejected(trace, code, text)
        if one.status in CANCELED:
            trace.canceled_text = trace.canceled_text or one.completed_status
        out = [
            *self._on_status(trace, one.status, at, perm_id=one.perm_id),
            *changed.by_size(trace),
        ]
        self._note_gap(trace, at)
        return [*out, *self._cut_short(trace)]

    # -- executions --------------------------------------------------------------------------

    def _on_execution(self, one: said.Execution, at: datetime) -> Sequence[Out]:
        if one.account != self._account:
            return ()
        trace = self.owner_of(one.order_ref, one.perm_id)
        if trace is None and one.client_id == self._client_id and not one.order_ref:
            trace = self._by_address.get(one.order_id)
        if trace is None:
            return self._foreign(one.order_ref, one.client_id)
        self._sign(trace, at)
        if one.perm_id:
            self._by_perm[one.perm_id] = trace
            trace.incarnations.setdefault(one.perm_id, "")
        if one.contract.sec_type == _COMBO:
            return ()  # the legs come each with an execution of their own, and those are booked
        root = root_of(one.exec_id)
        known = trace.executions.get(root)
        if known is not None and one.exec_id <= known[0]:
            return ()
        if one.quantity is None or one.price is None:
            text = f"execution {one.exec_id} has no quantity or price"
            return (Alarm("frame_lost", text),)
        trace.executions[root] = (one.exec_id, one.quantity, one.price)
        self._owner[one.exec_id] = trace
        self._note_gap(trace, at)
        trace.is_done = trace.is_done or trace.is_whole
        executed = _executed(trace, one.exec_id, one.quantity, one.price, one.at)
        out = (executed, *self._charge(one.exec_id), *self._less_inferred(trace, at))
        return (*out, *changed.by_size(trace), *self._cut_short(trace))

    @staticmethod
    def _cut_short(trace: Trace) -> Sequence[Out]:
        """The broker calls an order filled that is not whole to us: nothing more comes of it."""
        if trace.is_done or not trace.is_cut_short:
            return ()
        trace.is_done = True
        text = f"the broker's order was filled at {trace.final}"
        if trace.is_corrected:
            text = "filled, and taken back in part"
        return (rp.Canceled(order_id=trace.order.order_id, text=text),)

    # -- fills whose executions are gone -----------------------------------------------------

    def executions_answered(self, at: datetime) -> None:
        """All executions of the day have just been told."""
        self._answered_at = at

    def _is_past(self, trace: Trace, at: datetime) -> bool:
        """Say whether the broker cannot tell any more what an order has filled."""
        answered, since = self._answered_at, trace.gap_at
        if answered is None or since is None or answered < since:
            return False
        return is_gone(trace.sent_at or trace.order.created_at, at)

    def _on_gap(self, trace: Trace, at: datetime) -> Sequence[Out]:
        if not trace.has_gap:
            return ()
        if not self._is_past(trace, at):
            text = f"{trace.order.order_ref} filled {trace.filled}, seen {trace.executed}"
            return (AskExecutions(text),)
        price = price_by_average(trace.filled, trace.average, trace.executions)
        if price is None:
            return (AskCost(trace.order.order_id),)
        return self.infer(trace, price, at)

    def infer(self, trace: Trace, price: Decimal | None, at: datetime) -> Sequence[Out]:
        """Book what an order says it has filled beyond its executions, once."""
        order, missing = trace.order, trace.filled - trace.executed
        if missing <= 0:
            return ()
        if price is None:
            text = f"{order.order_ref} filled {missing} more than is known, at no known price"
            return (Alarm("fill_inferred", text),)
        exec_id = inferred_id(order.order_ref, trace.filled)
        trace.executions[root_of(exec_id)] = (exec_id, missing, price)
        self._owner[exec_id] = trace
        self._charged.add(exec_id)  # nobody will tell its commission
        self._note_gap(trace, at)
        trace.is_done = trace.is_done or trace.is_whole
        text = f"{order.order_ref}: {missing} @ {price}, its executions are of an earlier day"
        return (
            _executed(trace, exec_id, missing, price, at),
            Alarm("fill_inferred", text, severity=Severity.WARNING),
        )

    def _less_inferred(self, trace: Trace, at: datetime) -> Sequence[Out]:
        """A real execution takes the place of what had been inferred for it."""
        out: list[Out] = []
        for root, (exec_id, shares, price) in list(trace.executions.items()):
            excess = min(shares, trace.executed - max(trace.filled, ZERO))
            if exec_id.startswith(INFERRED) and excess > 0:
                newer = f"{root}.{int(exec_id.rpartition('.')[2]) + 1:02d}"
                trace.executions[root] = (newer, shares - excess, price)
                out.append(_executed(trace, newer, shares - excess, price, at))
        return out

    def _on_commission(self, one: said.Commission) -> Sequence[Out]:
        if one.commission is None or one.exec_id in self._charged:
            return ()
        self._commissions[one.exec_id] = one.commission
        return self._charge(one.exec_id) if one.exec_id in self._owner else ()

    def _charge(self, exec_id: str) -> Sequence[rp.Report]:
        commission = self._commissions.pop(exec_id, None)
        if commission is None or exec_id in self._charged:
            return ()
        self._charged.add(exec_id)
        return (rp.CommissionReported(exec_id=ExecId(exec_id), commission=commission),)

    def _foreign(self, order_ref: str, client_id: int) -> Sequence[Out]:
        """Not ours: shown by the account's answer, never touched; ours by name is a danger."""
        if not self._watches or not order_ref.startswith(PREFIX) or order_ref in self._strangers:
            return ()
        self._strangers.add(order_ref)
        text = f"order {order_ref} of client {client_id} has no row: another engine or a lost file"
        return (Alarm("unknown_own_order", text, halt=True),)

    @staticmethod
    def _unaddressed(one: said.Error) -> Sequence[Out]:
        """A message that was not understood names nobody: what it was about may hang."""
        if one.id == -1 and one.code in _NOT_UNDERSTOOD and not is_read_only(one.code, one.text):
            return (Alarm("broker_code", f"the gateway refused a message: {one.code} {one.text}"),)
        return ()

    # -- codes -------------------------------------------------------------------------------

    def _on_error(self, one: said.Error, at: datetime) -> Sequence[Out]:
        trace = self._by_address.get(one.id)
        if trace is None:
            return self._unaddressed(one)
        if trace.is_done:
            return ()
        order_id, words = trace.order.order_id, f"{one.code} {one.text}"
        row = CODES.get(one.code)
        if row is None:
            self._due.setdefault((order_id, words), at + _LOOK_AFTER)
            return (Alarm("broker_code", f"{trace.order.order_ref}: {words}"),)
        return self._react(trace, row, one, at)

    def _react(self, trace: Trace, row: Code, one: said.Error, at: datetime) -> Sequence[Out]:
        order_id, words = trace.order.order_id, f"{one.code} {one.text}"
        if row.reaction is _R.NOTE:
            return ()
        if row.reaction is _R.HELD:
            trace.is_held = trace.was_heard = True
            return (rp.Accepted(order_id=order_id), *self._held(trace, words))
        if row.reaction is _R.CANCELED:
            trace.canceled_text = words
            self._due.setdefault((order_id, words), at + _LOOK_AFTER)
            return ()
        if row.reaction is _R.RETRY:
            self._due.setdefault((order_id, words), at + _RETRY_AFTER)
            return ()
        if row.reaction is _R.LOOK_UP or (trace.is_changing and row.ends is not Ends.NO):
            trace.refusal = words
            if trace.is_changing:
                self.settles(trace, words)
            return (AskOrder(order_id, words),)
        if one.code in INACTIVE_MEANS_REJECTED:
            trace.verdict = (one.code, one.text)
            if trace.was_inactive:
                return self._rejected(trace, one.code, one.text)
        if trace.was_heard or row.ends is not Ends.NEW:
            if row.reaction is _R.UNKNOWN and not trace.was_heard:
                return (rp.SendFailed(order_id=order_id, text=words),)
            self._due.setdefault((order_id, words), at + _LOOK_AFTER)
            return ()
        return self._rejected(trace, one.code, one.text)


def _executed(
    trace: Trace, exec_id: str, quantity: Decimal, price: Decimal, at: datetime
) -> rp.Executed:
    return rp.Executed(
        order_id=trace.order.order_id,
        exec_id=ExecId(exec_id),
        quantity=quantity,
        price=price,
        commission=None,  # always on its own: what comes late must book alike
        at=at,
    )

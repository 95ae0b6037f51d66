"""A second bookkeeper: reads the journal and keeps the invariants of behaviours.md, section 17.

It knows nothing of the core's state: positions, cash and statuses are worked out again from
fills and orders, by simpler means, and compared with what the core wrote down.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from engine.domain import event as ev
from engine.domain.fill import Fill
from engine.domain.ids import ExecId, InstrumentId, OrderId, SignalId, StrategyId
from engine.domain.money import ZERO
from engine.domain.order import DONE, Order, OrderStatus, Side, may_become
from engine.domain.risk import CheckResult
from engine.domain.session import SESSION_ENDS, SESSION_TRANSITIONS, SessionState, TradingState
from engine.domain.unit import Unit
from engine.ports import Recorded

_S = OrderStatus
_FIRST = {ev.OrderApproved: _S.APPROVED, ev.OrderDenied: _S.DENIED, ev.OrderDryRun: _S.DRY_RUN}
Key = tuple[StrategyId, InstrumentId]


@dataclass
class _Followed:
    order: Order
    status: OrderStatus
    pass_no: int
    filled: Decimal = ZERO
    value: Decimal = ZERO
    sent: bool = False
    wanted: Order | None = None  # a change into this is under way
    checks: int = 0  # how often the gate was asked

    @property
    def most(self) -> Decimal:
        """What may be filled of it."""
        wanted = self.order if self.wanted is None else self.wanted
        return max(self.order.quantity, wanted.quantity)


@dataclass
class Auditor:
    """Everything known from the journal alone."""

    share_instruments: bool = False
    busted: set[InstrumentId] = field(default_factory=set)  # bought shares were taken back
    seq: int = 0
    orders: dict[OrderId, _Followed] = field(default_factory=dict)
    refs: set[str] = field(default_factory=set)
    fills: dict[ExecId, Fill] = field(default_factory=dict)
    cash: dict[StrategyId, Decimal] = field(default_factory=dict)
    shares: dict[Key, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    session: SessionState | None = None
    trading: TradingState = TradingState.ACTIVE
    decisions: set[tuple[StrategyId, date]] = field(default_factory=set)
    signals: dict[SignalId, tuple[int, str | None]] = field(default_factory=dict)
    ordered: set[SignalId] = field(default_factory=set)
    marked: dict[StrategyId, date] = field(default_factory=dict)
    requests: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    denied_later: dict[OrderId, str] = field(default_factory=dict)  # by the gate, asked again
    cash_owed: Decimal = ZERO  # moved by a fill of this unit, not yet written
    kinds: set[str] = field(default_factory=set)

    def take_unit(self, seq: int, unit: Unit) -> None:
        """Take what is put; a joined snapshot shares the seq of the one before."""
        for event, _ in unit.entries:
            self.take(seq, event)
            seq += 1
        self.at_rest()

    def take_all(self, recorded: list[Recorded]) -> None:
        """Take a whole journal; its numbers have no gaps."""
        for n, one in enumerate(recorded, start=1):
            assert one.seq == n, f"event {one.seq} stands at place {n} (I8)"
            self.take(one.seq, one.event)
        self.at_rest()

    def take(self, seq: int, event: ev.Event) -> None:
        """Check one event against everything before it."""
        joins = isinstance(event, ev.SnapshotTaken) and seq == self.seq
        assert seq == self.seq + 1 or joins, f"event {seq} after {self.seq} (I8)"
        self.seq = seq
        self.kinds.add(type(event).__name__)
        check = _CHECK.get(type(event))
        if check is not None:
            check(self, event)

    def at_rest(self) -> None:
        """Check what must hold between two units."""
        assert self.cash_owed == ZERO, f"{self.cash_owed} of a fill never reached the cash (I14)"
        assert not self.denied_later, f"the gate said no, and it lives on: {self.denied_later}"
        assert sum(self.cash.values(), ZERO) >= ZERO, f"cash is negative: {self.cash}"

    # -- session and requests ----------------------------------------------------------------

    def _created(self, event: ev.SessionCreated) -> None:
        assert self.session is None or self.session in SESSION_ENDS
        self.session = SessionState.CREATED

    def _session(self, event: ev.SessionStateChanged) -> None:
        assert event.before is self.session, f"{event.before} is not {self.session}"
        assert event.after in SESSION_TRANSITIONS[event.before], str(event)
        self.session = event.after

    def _trading(self, event: ev.TradingStateChanged) -> None:
        assert event.before is self.trading, f"{event.before} is not {self.trading}"
        self.trading = event.after

    def _request(self, event: ev.RequestReceived) -> None:
        assert event.request.request_id not in self.requests, "a request taken twice"
        self.requests.add(event.request.request_id)

    def _answer(self, event: ev.RequestAnswered) -> None:
        assert event.request_id in self.requests, "an answer without a request"
        assert event.request_id not in self.answered, "a request answered twice"
        self.answered.add(event.request_id)

    # -- decisions and orders ----------------------------------------------------------------

    def _signal(self, event: ev.SignalRaised | ev.SignalRejected) -> None:
        signal = event.signal
        assert signal.signal_id not in self.signals, "a signal raised twice"
        self.signals[signal.signal_id] = (signal.pass_no, signal.decision_id)

    def _sent(self, event: ev.SendStarted) -> None:
        followed = self.orders[event.order_id]
        assert not followed.sent, "sent twice"
        assert followed.status is _S.APPROVED
        followed.sent = True

    def _closed(self, event: ev.SendClosed) -> None:
        followed = self.orders[event.order_id]
        assert followed.sent, "not sent, and closed"
        assert followed.status is _S.APPROVED
        followed.sent = False

    def _change(self, event: ev.ChangeRequested) -> None:
        followed = self.orders[event.order_id]
        assert followed.wanted is None, "two changes of one order at a time"
        assert followed.sent, "changed, and never sent"
        assert followed.status in (_S.ACCEPTED, _S.PARTIALLY_FILLED), f"changed: {followed.status}"
        assert event.before == followed.order, "changed from what it is not"
        assert event.after.order_ref == followed.order.order_ref
        assert event.after.quantity > followed.filled
        followed.wanted = event.after
        if not event.after.is_exit:
            assert self.trading is TradingState.ACTIVE, f"an entry changed in {self.trading} (I6)"
        assert self.trading is not TradingState.HALTED, "changed while HALTED (I6)"

    def _changed(self, event: ev.OrderChanged) -> None:
        followed = self.orders[event.order_id]
        followed.order, followed.wanted = event.order, None

    def _unchanged(self, event: ev.ChangeRefused) -> None:
        followed = self.orders[event.order_id]
        assert followed.wanted is not None, "no change was asked"
        followed.wanted = None

    def _decision(self, event: ev.DecisionMade) -> None:
        key = (event.strategy, event.session_date)
        assert key not in self.decisions, f"{key} is decided twice"
        assert event.parameter_hash, "a decision without its parameters (I10)"
        self.decisions.add(key)

    def _order(self, event: ev.OrderApproved | ev.OrderDenied | ev.OrderDryRun) -> None:
        order = event.order
        assert order.order_id not in self.orders, f"{order.order_id} twice"
        assert order.order_ref not in self.refs, f"{order.order_ref} twice (I1)"
        assert order.quantity > ZERO
        self.refs.add(order.order_ref)
        pass_no = 1
        if order.signal_id is not None:
            assert order.signal_id not in self.ordered, f"{order.signal_id} has two orders (I1)"
            self.ordered.add(order.signal_id)
            pass_no = self.signals[order.signal_id][0]
        is_decided = order.decision_id is not None
        if pass_no == 2 and is_decided and isinstance(event, ev.OrderApproved):
            for other in self.orders.values():
                if other.order.decision_id == order.decision_id and other.pass_no == 1:
                    assert other.status in DONE, "a buy before its sells have ended"
        self.orders[order.order_id] = _Followed(order, _FIRST[type(event)], pass_no)
        if isinstance(event, ev.OrderApproved):
            self._may_go(order)
        if isinstance(event, ev.OrderDenied) and order.side is Side.SELL:
            halted = self.trading is TradingState.HALTED
            less = event.code == "unreconciled"  # the broker was seen holding less
            wrong = event.code in ("oversell", "session_state", "values")  # too much, too soon
            asked = not is_decided and (wrong or not order.is_exit)  # by a person
            assert halted or less or asked, f"an exit is blocked: {event.code}, {event.text}"

    def _may_go(self, order: Order) -> None:
        assert self.trading is not TradingState.HALTED, "approved while HALTED (I6)"
        owned = self.shares[order.strategy, order.instrument]
        if order.is_exit and order.instrument in self.busted:
            return  # it may have been sold before it was taken back
        if order.is_exit:
            assert order.side is Side.SELL, "an exit that buys, without shorts"
            assert order.quantity <= owned, "an exit of more than is owned"
            return
        assert order.side is Side.BUY, "a sale of more than is owned passed the gate"
        assert self.trading is TradingState.ACTIVE, "an entry approved while REDUCING (I6)"
        assert self.session is SessionState.RUNNING, f"an entry approved while {self.session}"
        if not self.share_instruments:
            for (strategy, instrument), held in self.shares.items():
                leased = instrument == order.instrument and strategy != order.strategy and held
                assert not leased, f"{instrument} is leased to {strategy}"

    def _checks(self, event: ev.RiskChecked) -> None:
        followed = self.orders[event.order_id]
        bad = [c.code for c in event.checks if c.result in (CheckResult.FAIL, CheckResult.UNKNOWN)]
        assert len(event.checks) >= 30, "a check is missing"
        if followed.status is _S.DENIED:
            assert bad, "denied without a reason"
        elif bad and not followed.order.is_exit:
            assert followed.checks, f"approved although {bad} (I7)"
            self.denied_later[event.order_id] = f"{bad}"
        followed.checks += 1

    def _moved(self, event: ev.OrderStatusChanged) -> None:
        followed = self.orders[event.order_id]
        now, then = followed.status, event.status
        numbers = (event.filled, event.filled_value) != (followed.filled, followed.value)
        only_numbers = now is then and numbers
        is_cut = (now, then) == (_S.FILLED, _S.CANCELED) and event.filled < followed.filled
        assert may_become(now, then) or only_numbers or is_cut, f"{now} became {then} (I9)"
        booked = [f for f in self.fills.values() if f.order_id == event.order_id]
        assert event.filled == sum((f.quantity for f in booked), ZERO), "fills and order differ"
        assert event.filled_value == sum((f.quantity * f.price for f in booked), ZERO)
        if then is _S.FILLED:
            assert event.filled >= followed.order.quantity
        elif then in DONE or then is _S.PARTIALLY_FILLED:
            assert event.filled < followed.most or now is then, f"{then} but full"
        followed.status, followed.filled = then, event.filled
        if then in DONE:
            self.denied_later.pop(event.order_id, None)
        followed.wanted = None if then in DONE else followed.wanted
        followed.value = event.filled_value

    # -- money and shares --------------------------------------------------------------------

    def _fill(self, event: ev.FillReceived | ev.FillCorrected | ev.CommissionBooked) -> None:
        if isinstance(event, ev.CommissionBooked):
            self.cash_owed -= event.commission
            charged = self.fills.get(event.exec_id)
            if charged is not None:
                self.fills[event.exec_id] = replace(charged, commission=event.commission)
            return
        fill = event.fill
        assert fill.exec_id not in self.fills, f"{fill.exec_id} is booked twice (I4)"
        assert self.orders[fill.order_id].sent, "a fill of what was never sent"
        if isinstance(event, ev.FillCorrected):
            self._book(self.fills.pop(event.old_exec_id), -1)
        self.fills[fill.exec_id] = fill
        self._book(fill, 1)

    def _book(self, fill: Fill, times: int) -> None:
        assert fill.strategy is not None
        signed = times * fill.side.sign * fill.quantity
        self.shares[fill.strategy, fill.instrument] += signed
        self.cash_owed -= signed * fill.price + times * (fill.commission or ZERO)

    def _position(self, event: ev.PositionChanged) -> None:
        assert event.strategy is not None
        ours = self.shares[event.strategy, event.instrument]
        assert event.after.quantity == ours, f"position {event.after.quantity}, fills {ours} (I3)"
        assert ours >= ZERO or event.instrument in self.busted, f"short of {event.instrument}"

    def _cash(self, event: ev.CashChanged) -> None:
        before = self.cash.get(event.strategy, ZERO)
        assert event.before == before, f"cash {event.before}, was {before} (I14)"
        if event.reason == "capital":
            assert event.strategy not in self.cash, "capital is booked twice"
        else:
            assert event.after - before == self.cash_owed, "cash and fill differ (I14)"
            self.cash_owed = ZERO
        self.cash[event.strategy] = event.after

    def _snapshot(self, event: ev.SnapshotTaken) -> None:
        for row in event.rows:
            last = self.marked.get(row.strategy)
            assert last is None or last < row.session_date, f"{row.session_date} counted twice"
            self.marked[row.strategy] = row.session_date
            worth = sum((h.quantity * h.price for h in row.holdings), ZERO)
            assert row.equity == row.cash + worth, "equity is not cash + Σ quantity × price"
            assert row.cash == self.cash[row.strategy], f"snapshot cash of {row.session_date}"
            held = {h.instrument: h.quantity for h in row.holdings}
            ours = {i: q for (s, i), q in self.shares.items() if s == row.strategy and q}
            assert held == ours, f"snapshot of {row.session_date}: {held}, fills {ours}"


_CHECK: dict[type, Callable[[Auditor, Any], None]] = {
    ev.SessionCreated: Auditor._created,
    ev.SessionStateChanged: Auditor._session,
    ev.TradingStateChanged: Auditor._trading,
    ev.RequestReceived: Auditor._request,
    ev.RequestAnswered: Auditor._answer,
    ev.DecisionMade: Auditor._decision,
    ev.SignalRaised: Auditor._signal,
    ev.SignalRejected: Auditor._signal,
    ev.OrderApproved: Auditor._order,
    ev.OrderDenied: Auditor._order,
    ev.OrderDryRun: Auditor._order,
    ev.RiskChecked: Auditor._checks,
    ev.SendStarted: Auditor._sent,
    ev.SendClosed: Auditor._closed,
    ev.ChangeRequested: Auditor._change,
    ev.OrderChanged: Auditor._changed,
    ev.ChangeRefused: Auditor._unchanged,
    ev.FillReceived: Auditor._fill,
    ev.FillCorrected: Auditor._fill,
    ev.CommissionBooked: Auditor._fill,
    ev.PositionChanged: Auditor._position,
    ev.CashChanged: Auditor._cash,
    ev.SnapshotTaken: Auditor._snapshot,
    **dict.fromkeys(ev.ORDER_MOVES, Auditor._moved),
}

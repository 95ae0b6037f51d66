"""From a plan to orders: sizing, the gate, approval. Sells before buys, one pass at a time.

Pass 1 (exits and reductions) goes out together, sized with expected fills; when all its orders
have ended, pass 2 (buys) is sized anew, by the same function, from confirmed cash and shares.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from engine.core import cancels, gating, reports
from engine.core.draft import Draft
from engine.core.state import Plan, PlanLeg, State, StrategyBook, price_of
from engine.domain import event as ev
from engine.domain.alert import Severity
from engine.domain.command import LookAgain, PreviewOrder, SubmitOrder
from engine.domain.ids import (
    InstrumentId,
    OrderId,
    OrderRef,
    SignalId,
    order_ref,
    ulid,
)
from engine.domain.money import ZERO, to_tick
from engine.domain.order import (
    Order,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    WorkingOrder,
)
from engine.domain.signal import EXITS, Signal, SignalKind
from engine.risk import gate
from engine.risk.reasons import DenyReason
from engine.strategy import sizing

_ENTRY_WAITS = timedelta(seconds=2)
"""For how long an entry is tried again that its last checks have kept back."""

_ENTRY_LIVES = timedelta(seconds=120)
"""For how long an entry is worth sending whose sending never began: a start finds it so."""

_NO_COSTS = (ZERO, ZERO, ZERO)


@dataclass(slots=True)
class Tentative:
    """A strategy's ledger as if the orders of this pass had filled as expected."""

    cash: Decimal
    shares: dict[InstrumentId, Decimal]
    prices: dict[InstrumentId, Decimal]

    @property
    def equity(self) -> Decimal:
        """Cash + Σ shares × decision price."""
        total = self.cash
        for instrument, quantity in self.shares.items():
            if quantity:
                total += quantity * self.prices[instrument]
        return total

    @property
    def unpriced(self) -> list[InstrumentId]:
        """What is held and has no price: equity is unknown, nothing can be a share of it."""
        return [key for key, quantity in self.shares.items() if quantity and key not in self.prices]


def working_quantity(state: State, book: StrategyBook, instrument: InstrumentId) -> Decimal:
    """Return the signed remaining quantity of the strategy's live orders in an instrument."""
    sid = book.strategy.id
    return sum(
        (
            row.order.side.sign * row.remaining
            for row in state.working.values()
            if row.order.instrument == instrument and row.order.strategy == sid
        ),
        ZERO,
    )


def advance(
    state: State,
    draft: Draft,
    book: StrategyBook,
    plan: Plan,
    at: datetime,
    causes: dict[str, int] | None = None,
) -> None:
    """Send the next pass of a plan whose earlier pass has ended; do nothing while one works."""
    for pass_no in (1, 2):
        open_legs = plan.open_legs(pass_no)
        if any(leg.order_id is not None for leg in open_legs):
            return
        if not open_legs:
            continue
        ledger = _tentative(state, book, plan)
        lost = any(leg.pass_no < pass_no and leg.done and not leg.carried for leg in plan.legs)
        sent = False
        for leg in open_legs:
            cause = (causes or {}).get(leg.signal.signal_id)
            if leg.is_late(at):
                text = f"not sent by {leg.signal.expires_at}"
                draft.add(ev.SignalExpired(signal_id=leg.signal.signal_id, text=text), cause)
                continue
            outcome = _order_leg(state, draft, book, leg, ledger, at, cause)
            sent = sent or outcome
        if lost and sent:
            text = f"sells of {plan.decision_id} did not all fill: its buys use the cash there is"
            where = state.context.book
            draft.alert(where, Severity.WARNING, "plan_incomplete", book.strategy.id, text)
        if sent:
            return


def drop_plans(state: State, draft: Draft, why: str) -> None:
    """Give up what was planned and has no order yet."""
    for book in state.books.values():
        for leg in book.plan.legs if book.plan is not None else ():
            if not leg.done and leg.order_id is None:
                draft.add(ev.SignalExpired(signal_id=leg.signal.signal_id, text=why))


_ABSENT = "its strategy is not in this session"


def send_held(state: State, draft: Draft, at: datetime) -> None:
    """Ask the gate again about exits that had to wait; they end with their signal's time."""
    for row in state.working.values():
        if row.sent or row.canceling:
            continue
        order, book = row.order, state.books.get(row.order.strategy)
        if book is None:
            _end_unsent(state, draft, row, OrderStatus.EXPIRED, _ABSENT)
            continue
        leg = book.plan.leg_of(order.order_id) if book.plan is not None else None
        if not order.is_exit and _waited(state, draft, row, at):
            continue
        late = order.session_date != state.session_date if leg is None else leg.is_late(at)
        if late:
            _end_unsent(state, draft, row, OrderStatus.EXPIRED, "not sent in time")
            continue
        checks = gating.check(state, book, replace(order, created_at=at), approved_in(draft))
        reason = gating.verdict(checks, order.is_exit)
        wait = gate.waits_for(checks, order.is_exit) if reason is None else None
        if wait is DenyReason.SELF_CROSS:
            cancels.cancel_opposite(state, draft, order)
        if wait is not None:
            continue
        index = draft.add(ev.RiskChecked(order_id=order.order_id, checks=checks))
        if reason is not None:
            _end_unsent(state, draft, row, OrderStatus.CANCELED, f"denied later: {reason.value}")
        else:
            _send(state, draft, order, index)


def _waited(state: State, draft: Draft, row: WorkingOrder, at: datetime) -> bool:
    """End an entry that has waited for too long; True if it has ended."""
    waited = at - row.order.created_at
    if row.attempts and waited > _ENTRY_WAITS:
        _end_unsent(state, draft, row, OrderStatus.CANCELED, f"{row.reason} for too long")
        return True
    if waited > _ENTRY_LIVES:
        text = f"not sent within {_ENTRY_LIVES.total_seconds():.0f} s"
        _end_unsent(state, draft, row, OrderStatus.EXPIRED, text)
        return True
    return False


def _end_unsent(
    state: State, draft: Draft, row: WorkingOrder, status: OrderStatus, text: str
) -> None:
    reports.move(draft, row, status, row.filled, row.filled_value, text=text)
    reports.order_ended(state, draft, row, status)


def approved_in(draft: Draft) -> tuple[Order, ...]:
    """Return what this very decision has approved so far, of whichever strategy."""
    return tuple(
        [entry.event.order for entry in draft.entries if type(entry.event) is ev.OrderApproved]
    )


def _tentative(state: State, book: StrategyBook, plan: Plan) -> Tentative:
    prices = {instrument: price for instrument, price in plan.prices.items() if price}
    shares: dict[InstrumentId, Decimal] = {}
    for instrument, position in book.positions.items():
        if position.quantity:
            shares[instrument] = position.quantity
    for instrument in {*shares, *prices}:
        shares[instrument] = shares.get(instrument, ZERO) + working_quantity(
            state, book, instrument
        )
        if instrument not in prices:
            price = price_of(state, instrument)
            if price is not None:
                prices[instrument] = price
    return Tentative(book.cash, shares, prices)


def _order_leg(
    state: State,
    draft: Draft,
    book: StrategyBook,
    leg: PlanLeg,
    ledger: Tentative,
    at: datetime,
    cause: int | None,
) -> bool:
    """Size one leg, ask the gate and approve it; True when an order was sent."""
    signal = leg.signal
    if signal.kind is SignalKind.EMERGENCY_EXIT and _clear(state, draft, book, signal):
        return True
    owned = ledger.shares.get(signal.instrument, ZERO)
    tick = state.instruments[signal.instrument].tick
    if signal.target_weight and ledger.unpriced:
        _done(draft, book, leg, "no_price", cause, carried=False)
        return False
    s, f, minimum_fee = _NO_COSTS  # of an exit that has no price to be sized by
    if leg.price:
        s, f, minimum_fee = state.terms.costs.expected(leg.price, tick)
    quantity, words = _quantity(leg, ledger, owned, (s, f, minimum_fee))
    if quantity < 0 and -quantity > (most := _sellable(state, draft, book, signal.instrument)):
        quantity, words = -most, f"{words}; no more than {most}, what is bought may not come"
    side = Side.BUY if quantity > 0 else Side.SELL
    outcome = None
    if quantity == 0:
        outcome = "no_change"
    elif leg.price and sizing.below_minimum(quantity, leg.price, owned, state.terms.minimum):
        outcome = "below_minimum"
    if outcome is not None:
        _done(draft, book, leg, outcome, cause, carried=True)
        return False
    order = make_order(
        state,
        book,
        ref=order_ref(signal.signal_id.removeprefix("sig_"), signal.leg),
        instrument=signal.instrument,
        side=side,
        quantity=abs(quantity),
        at=at,
        price=leg.price or None,
        words=words,
        leg=leg,
    )
    if not submit(state, draft, book, order, cause):
        outcome = "dry_run" if state.context.dry_run else "denied"
        _done(draft, book, leg, outcome, cause, carried=False)
        return False
    filled_at = to_tick(leg.price * (1 + side.sign * s), tick, up=side is Side.BUY)
    ledger.shares[signal.instrument] = owned + quantity
    ledger.cash -= quantity * filled_at + abs(quantity) * f + minimum_fee
    return True


def _sellable(state: State, draft: Draft, book: StrategyBook, instrument: InstrumentId) -> Decimal:
    """Return the owned shares that no sell of ours covers yet; working buys are no shares."""
    sid = book.strategy.id
    orders = [(row.order, row.remaining) for row in state.working.values()]
    orders += [(order, order.quantity) for order in approved_in(draft)]
    sold = sum(
        (
            left
            for order, left in orders
            if order.instrument == instrument and order.strategy == sid and order.side is Side.SELL
        ),
        ZERO,
    )
    return max(ZERO, book.position(instrument).quantity - sold)


def _clear(state: State, draft: Draft, book: StrategyBook, signal: Signal) -> bool:
    """Cancel what works in an instrument before all of it is sold; True while something does."""
    mine = [
        row
        for row in state.working.values()
        if row.order.instrument == signal.instrument and row.order.strategy == book.strategy.id
    ]
    for row in mine:
        if not row.canceling:
            cancels.ask_cancel(state, draft, row, "engine", "emergency exit")
    return bool(mine)


def _quantity(
    leg: PlanLeg,
    ledger: Tentative,
    owned: Decimal,
    rates: tuple[Decimal, Decimal, Decimal],
) -> tuple[Decimal, str]:
    """Return signed shares and the arithmetic in words."""
    signal, price = leg.signal, leg.price
    s, f, minimum_fee = rates
    if signal.target_weight is not None:
        weight = signal.target_weight
        equity = ledger.equity if weight else ZERO  # to sell all, nothing else needs a price
        sized = sizing.target_shares(weight, equity, ledger.cash, owned, price, s, f, minimum_fee)
        return sized.quantity, sized.words
    if signal.kind in EXITS:
        whole = signal.quantity is None or signal.kind is SignalKind.EMERGENCY_EXIT
        wanted = owned if signal.quantity is None or whole else min(signal.quantity, owned)
        return -wanted, f"exit {wanted} of {owned} owned"
    base = signal.quantity if signal.quantity is not None else ZERO
    if signal.strength is not None:
        sized_base = sizing.strength_quantity(base, signal.strength)
        return sized_base, f"base {base} × strength {signal.strength} = {sized_base}"
    return base, f"{base} shares as wished at {price}, cash {ledger.cash}"


def order_id(state: State, ref: OrderRef, at: datetime) -> OrderId:
    """Return the id of an order: it derives from its book, its reference and its instant."""
    bits = int.from_bytes(sha256(f"{state.context.book}|{ref}".encode()).digest()[:10], "big")
    return OrderId("ord_" + ulid(int(at.timestamp() * 1000), bits))


def make_order(
    state: State,
    book: StrategyBook,
    *,
    ref: OrderRef,
    instrument: InstrumentId,
    side: Side,
    quantity: Decimal,
    at: datetime,
    price: Decimal | None,
    words: str,
    leg: PlanLeg | None = None,
) -> Order:
    """Return the order of a decision's leg; its id derives from the book and the reference."""
    owned = book.position(instrument).quantity
    signal = None if leg is None else leg.signal
    if signal is not None and signal.kind is SignalKind.EMERGENCY_EXIT:
        signal = replace(signal, order_type=OrderType.MARKET, limit_price=None, stop_price=None)
    kind = OrderType.MARKET if signal is None else signal.order_type
    return Order(
        order_id=order_id(state, ref, at),
        order_ref=ref,
        strategy=book.strategy.id,
        signal_id=None if signal is None else SignalId(signal.signal_id),
        decision_id=None if signal is None else signal.decision_id,
        instrument=instrument,
        side=side,
        quantity=quantity,
        type=kind,
        limit_price=None if signal is None else signal.limit_price,
        stop_price=None if signal is None else signal.stop_price,
        time_in_force=TimeInForce.DAY,
        reference_price=price,
        is_exit=0 < quantity <= abs(owned) and (owned > 0) == (side is Side.SELL),
        created_at=at,
        session_date=state.session_date,
        sizing=words,
    )


def close_order(
    state: State,
    book: StrategyBook,
    ref: OrderRef,
    instrument: InstrumentId,
    quantity: Decimal,
    at: datetime,
) -> Order:
    """Return the order that closes this signed quantity, for no signal's sake."""
    return make_order(
        state,
        book,
        ref=ref,
        instrument=instrument,
        side=Side.SELL if quantity > 0 else Side.BUY,
        quantity=abs(quantity),
        at=at,
        price=price_of(state, instrument),
        words=f"all {abs(quantity)} owned",
    )


def submit(
    state: State,
    draft: Draft,
    book: StrategyBook,
    order: Order,
    cause: int | None,
) -> bool:
    """Let the gate check an order; approve it and send it once it may go, or store why not."""
    checks = gating.check(state, book, order, approved_in(draft))
    reason = gating.verdict(checks, order.is_exit)
    broken = gate.raised(checks)
    if broken:
        what = "; ".join(f"{c.code} {c.value}" for c in broken)
        draft.alert(state.context.book, Severity.CRITICAL, "check_raised", order.instrument, what)
    if reason is not None:
        code = reason.value
        failed = next(c for c in checks if c.code == code)
        text = f"{code}: {failed.value}, limit {failed.limit}"
        index = draft.add(ev.OrderDenied(order=order, code=code, text=text), cause)
        draft.add(ev.RiskChecked(order_id=order.order_id, checks=checks), index)
        gating.alert_denied(state, draft, order, code, text)
        return False
    if state.context.dry_run:
        index = draft.add(ev.OrderDryRun(order=order), cause)
        draft.add(ev.RiskChecked(order_id=order.order_id, checks=checks), index)
        draft.do(PreviewOrder(order))
        return False
    index = draft.add(ev.OrderApproved(order=order), cause)
    draft.add(ev.RiskChecked(order_id=order.order_id, checks=checks), index)
    wait = gate.waits_for(checks, order.is_exit)
    if wait is None:
        _send(state, draft, order, index)
    else:
        draft.do(LookAgain())  # what is in its way may be of this very decision
    return True


def _send(state: State, draft: Draft, order: Order, index: int) -> None:
    """From here on the order may have reached the broker."""
    ahead = sum(1 for command in draft.commands if isinstance(command, SubmitOrder))
    number = state.next_order_id + ahead
    draft.add(
        ev.SendStarted(
            order_id=order.order_id,
            attempt=1
            if order.order_id not in state.orders
            else state.orders[order.order_id].attempts + 1,
            link_epoch=state.link.epoch,
            broker_order_id=number,
        ),
        index,
    )
    draft.do(SubmitOrder(order, number))


def _done(
    draft: Draft,
    book: StrategyBook,
    leg: PlanLeg,
    outcome: str,
    cause: int | None,
    *,
    carried: bool,
) -> None:
    draft.add(
        ev.SignalDone(
            signal_id=leg.signal.signal_id,
            strategy=book.strategy.id,
            instrument=leg.signal.instrument,
            outcome=outcome,
            target_weight=leg.signal.target_weight,
            carried=carried,
        ),
        cause,
    )
